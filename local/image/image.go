package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// The names under which the images are imported. Those of Postgres and
// PgBouncer are the defaults of the shipped configuration.
const (
	PauseName        = "docker.io/local/pause:1"
	PostgresName     = "ghcr.io/zalando/spilo-18:4.1-p2"
	PostgresNextName = "docker.io/local/spilo-18:next"
	PgBouncerName    = "ghcr.io/zalando/postgres-operator/pgbouncer:v2.0.1"
)

// Archive is an OCI archive (tar) holding one image.
type Archive struct {
	Name   string // full image reference, as written into the archive
	Path   string // file, valid until an image of the same name is built from another recipe
	Digest string // of the image manifest, sha256:…
}

// Builder builds images into one cache directory. Several builders, also in
// several processes, may share the directory.
type Builder struct {
	dir string
	log func(format string, args ...any)
}

// New returns a builder which keeps its cache below dir and reports every
// step that takes long through log.
func New(dir string, log func(format string, args ...any)) (*Builder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the image cache: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create the image cache: %w", err)
	}
	return &Builder{dir: dir, log: log}, nil
}

// All builds, or takes from the cache below dir, every image that the local
// cluster needs besides the operator's own.
func All(ctx context.Context, dir string, log func(format string, args ...any)) ([]Archive, error) {
	b, err := New(dir, log)
	if err != nil {
		return nil, err
	}
	builds := []func(context.Context) (Archive, error){b.Pause, b.Postgres, b.PostgresNext, b.PgBouncer}
	archives := make([]Archive, len(builds))
	group, ctx := errgroup.WithContext(ctx)
	for i, build := range builds {
		group.Go(func() (err error) {
			archives[i], err = build(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return archives, nil
}

// Pause builds the image of the pod sandbox: a program that does nothing.
func (b *Builder) Pause(ctx context.Context) (Archive, error) {
	program, err := b.compile(ctx, "pause", pauseSources)
	if err != nil {
		return Archive{}, err
	}
	return b.FromBinary(ctx, Binary{Name: PauseName, Path: program, Entrypoint: "/pause", User: "65535:65535"})
}

// Postgres builds the stand-in for the Spilo image: PostgreSQL 18 and 17,
// Patroni, and an entry point which honours Spilo's environment.
func (b *Builder) Postgres(ctx context.Context) (Archive, error) {
	layers, err := b.postgresLayers(ctx)
	if err != nil {
		return Archive{}, err
	}
	return b.archive(ctx, PostgresName, postgresConfig(), layers)
}

// PostgresNext builds the same image once more under another name and with
// one more file, for tests of what happens when the image changes.
func (b *Builder) PostgresNext(ctx context.Context) (Archive, error) {
	layers, err := b.postgresLayers(ctx)
	if err != nil {
		return Archive{}, err
	}
	marker, err := b.fileLayer(ctx, "next", file{path: "etc/image-next", mode: 0o644, content: []byte("next\n")})
	if err != nil {
		return Archive{}, err
	}
	return b.archive(ctx, PostgresNextName, postgresConfig(), append(layers, marker))
}

// PgBouncer builds the stand-in for the connection pooler's image.
func (b *Builder) PgBouncer(ctx context.Context) (Archive, error) {
	layers, err := b.pgbouncerLayers(ctx)
	if err != nil {
		return Archive{}, err
	}
	return b.archive(ctx, PgBouncerName, pgbouncerConfig(), layers)
}
