// Package binaries builds the programs of the local cluster from source.
//
// Each program is a small module of its own below local/ that requires the
// upstream module at a fixed version; go.mod names the version and go.sum pins
// the content, so the Go module proxy is the only thing asked. The result goes
// into a cache directory named by the digest of those files: only the first
// run on a machine pays.
package binaries

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
)

// kubernetesNames are the names by which the one Kubernetes binary is called.
var kubernetesNames = []string{
	"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl",
}

// module is a directory below local/ that builds one binary of the same name.
// The ones that others wait for come first.
var modules = []string{"etcd", "kubernetes", "coredns"}

// Runner runs one named, long step; progress.Log.Step is one.
type Runner func(ctx context.Context, name string, step func(context.Context) error) error

// Dir is the directory that Build fills.
func Dir(source, cache string) (string, error) {
	key, err := digest(source)
	return filepath.Join(cache, "bin", key), err
}

// Build returns the directory that holds etcd, coredns, kubectl and the other
// Kubernetes components by their names, building what the cache lacks. source
// is the repository's local directory. Concurrent calls wait for each other.
func Build(ctx context.Context, source, cache string, run Runner) (string, error) {
	dir, err := Dir(source, cache)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "bin", "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	for _, name := range modules {
		target := filepath.Join(dir, name)
		if _, err := os.Stat(target); err == nil {
			continue
		}
		if err := run(ctx, "building "+name+" from source", func(ctx context.Context) error {
			return build(ctx, filepath.Join(source, name), target)
		}); err != nil {
			return "", err
		}
	}
	return dir, link(dir)
}

// digest covers everything that decides what is built, but the Go version: a
// new Go release is no reason for everyone to build Kubernetes again.
func digest(source string) (string, error) {
	sum := sha256.New()
	sum.Write(fmt.Appendln(nil, runtime.GOOS, runtime.GOARCH))
	for _, name := range modules {
		for _, file := range []string{"go.mod", "go.sum", "main.go"} {
			content, err := os.ReadFile(filepath.Join(source, name, file))
			if err != nil {
				return "", fmt.Errorf("reading the sources of %s: %w", name, err)
			}
			sum.Write(fmt.Appendln(nil, name, file, len(content)))
			sum.Write(content)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func build(ctx context.Context, source, target string) error {
	flags, err := ldflags(filepath.Join(source, "go.mod"))
	if err != nil {
		return err
	}
	unfinished := target + ".unfinished"
	command := exec.CommandContext(ctx, "go", "build", "-ldflags", flags, "-o", unfinished, ".")
	command.Dir = source
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", source, err, strings.TrimSpace(output.String()))
	}
	return os.Rename(unfinished, target)
}

var kubernetesVersion = regexp.MustCompile(`(?m)^\s*(?:require )?k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)`)

// ldflags strips the symbol tables and, for Kubernetes, sets the version its
// binaries report: they refuse to work together when they believe to be v0.0.0.
func ldflags(modFile string) (string, error) {
	content, err := os.ReadFile(modFile)
	if err != nil {
		return "", err
	}
	version := kubernetesVersion.FindSubmatch(content)
	if version == nil {
		return "-s -w", nil
	}
	const variable = "-X k8s.io/component-base/version."
	return fmt.Sprintf("-s -w %[1]sgitVersion=%[2]s %[1]sgitMajor=%[3]s %[1]sgitMinor=%[4]s",
		variable, version[1], version[2], version[3]), nil
}

// link gives the Kubernetes binary its names.
func link(dir string) error {
	for _, name := range kubernetesNames {
		if err := os.Symlink("kubernetes", filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("naming a Kubernetes component: %w", err)
		}
	}
	return nil
}

func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
