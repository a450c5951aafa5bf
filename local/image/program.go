package image

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The sources of the programs inside the images. They use the standard library
// only, so that they build anywhere, away from this module.
var (
	//go:embed pause/main.go
	pauseSources embed.FS
	//go:embed postgres/main.go postgres/config.go postgres/supervise.go postgres/prepare.go
	postgresSources embed.FS
	//go:embed pgbouncer/main.go pgbouncer/config.go
	pgbouncerSources embed.FS
)

// compile builds the program whose sources lie in the folder name of sources
// into one static file and returns its path in the cache.
func (b *Builder) compile(ctx context.Context, name string, sources fs.FS) (string, error) {
	key, err := digestTree(sources)
	if err != nil {
		return "", err
	}
	path := b.cached("program", name, key)
	return path, b.once(ctx, path, func() error {
		work, err := workDir(path)
		if err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
		defer os.RemoveAll(work)
		if err := os.CopyFS(work, sources); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
		module := filepath.Join(work, name)
		if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte("module "+name+"\n\ngo 1.26\n"), 0o644); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
		done := b.step("compile %s", name)
		command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(work, "program"), ".")
		command.Dir = module
		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod")
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, strings.TrimSpace(string(out)))
		}
		done()
		return os.Rename(filepath.Join(work, "program"), path)
	})
}
