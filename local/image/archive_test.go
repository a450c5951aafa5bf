package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/stretchr/testify/require"
)

// load unpacks an OCI archive and reads it with the library's own reader.
func load(t *testing.T, archive Archive) (v1.Image, v1.Descriptor) {
	t.Helper()
	content, err := os.Open(archive.Path)
	require.NoError(t, err)
	defer content.Close()
	dir := t.TempDir()
	reader := tar.NewReader(content)
	for header, err := reader.Next(); err != io.EOF; header, err = reader.Next() {
		require.NoError(t, err)
		path := filepath.Join(dir, header.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		data, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	index, err := layout.ImageIndexFromPath(dir)
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	image, err := index.Image(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	return image, manifest.Manifests[0]
}

// requireDigests checks that every layer is what manifest and configuration
// say. The library's own validation knows gzip only.
func requireDigests(t *testing.T, image v1.Image) {
	t.Helper()
	layers, err := image.Layers()
	require.NoError(t, err)
	require.NotEmpty(t, layers)
	for _, each := range layers {
		for _, side := range []struct {
			open func() (io.ReadCloser, error)
			want func() (v1.Hash, error)
		}{{each.Compressed, each.Digest}, {each.Uncompressed, each.DiffID}} {
			content, err := side.open()
			require.NoError(t, err)
			got, _, err := v1.SHA256(content)
			require.NoError(t, err)
			want, err := side.want()
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}

func TestPauseIsAValidImageAndComesFromTheCache(t *testing.T) {
	dir := t.TempDir()
	var said []string
	builder, err := New(dir, func(format string, _ ...any) { said = append(said, format) })
	require.NoError(t, err)
	first, err := builder.Pause(context.Background())
	require.NoError(t, err)
	require.NotEmpty(t, said)

	image, descriptor := load(t, first)
	requireDigests(t, image)
	require.Equal(t, PauseName, descriptor.Annotations[nameAnnotation])
	require.Equal(t, first.Digest, descriptor.Digest.String())
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, []string{"/pause"}, config.Config.Entrypoint)

	said = nil
	second, err := builder.Pause(context.Background())
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Empty(t, said, "the second build does nothing")
}

func TestImagesOfBinariesDifferByTheirContent(t *testing.T) {
	builder, err := New(t.TempDir(), t.Logf)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "program")
	build := func(content string) Archive {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o755))
		archive, err := builder.FromBinary(context.Background(), Binary{
			Name: "docker.io/library/postgres-operator:v0.1.0", Path: path, Entrypoint: "/postgres-operator", User: "1000:1000",
		})
		require.NoError(t, err)
		return archive
	}
	first, second := build("one"), build("two")
	require.NotEqual(t, first.Digest, second.Digest)
	require.NoFileExists(t, first.Path, "the older one is removed")
	image, _ := load(t, second)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "1000:1000", config.Config.User)
	layers, err := image.Layers()
	require.NoError(t, err)
	plain, err := layers[0].Uncompressed()
	require.NoError(t, err)
	content, err := io.ReadAll(plain)
	require.NoError(t, err)
	_, files := entries(t, content)
	require.Equal(t, map[string]string{"postgres-operator": "two"}, files)
}

func TestBinaryNeedsAnAbsoluteEntrypoint(t *testing.T) {
	builder, err := New(t.TempDir(), t.Logf)
	require.NoError(t, err)
	_, err = builder.FromBinary(context.Background(), Binary{Name: "x", Path: "/bin/true", Entrypoint: "true"})
	require.ErrorContains(t, err, `"true" is not an absolute path`)
}

// Many builders that want the same layer make it once.
func TestConcurrentBuildersMakeALayerOnce(t *testing.T) {
	dir := t.TempDir()
	var made int
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			builder, err := New(dir, t.Logf)
			require.NoError(t, err)
			_, err = builder.layer(context.Background(), "same", digest([]byte("key")), func(w io.Writer) error {
				made++ // safe only because of the lock under test
				return tar.NewWriter(w).Close()
			})
			require.NoError(t, err)
		})
	}
	group.Wait()
	require.Equal(t, 1, made)
}

// A build that fails leaves nothing that a later one would take for a result.
func TestAFailedBuildIsTriedAgain(t *testing.T) {
	builder, err := New(t.TempDir(), t.Logf)
	require.NoError(t, err)
	key := digest([]byte("key"))
	_, err = builder.layer(context.Background(), "flaky", key, func(io.Writer) error { return io.ErrUnexpectedEOF })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	got, err := builder.layer(context.Background(), "flaky", key, func(w io.Writer) error { return tar.NewWriter(w).Close() })
	require.NoError(t, err)
	content, err := json.Marshal(got.facts)
	require.NoError(t, err)
	require.NotContains(t, string(content), `"Length":0`)
}

func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	unlock, err := lock(context.Background(), path)
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = lock(ctx, path)
	require.ErrorIs(t, err, context.Canceled)
}
