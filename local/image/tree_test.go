package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// entries reads a tar: the content of files, the target of links, "" for directories.
func entries(t *testing.T, plain []byte) (names []string, content map[string]string) {
	t.Helper()
	content = map[string]string{}
	archive := tar.NewReader(bytes.NewReader(plain))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names, content
		}
		require.NoError(t, err)
		data, err := io.ReadAll(archive)
		require.NoError(t, err)
		names = append(names, header.Name)
		content[header.Name] = string(data) + header.Linkname
	}
}

// plant writes files below root; a path that ends in / is a directory.
func plant(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for path, content := range files {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
		require.NoError(t, os.Chtimes(path, epoch, epoch))
	}
}

func pack(t *testing.T, root string, lower index, start time.Time) []byte {
	t.Helper()
	var packed bytes.Buffer
	require.NoError(t, writeTree(&packed, root, lower, start))
	return packed.Bytes()
}

func TestLayerHoldsOnlyTheDifference(t *testing.T) {
	root := t.TempDir()
	plant(t, root, map[string]string{
		"etc/kept": "1", "etc/changed": "1", "etc/removed": "1", "opt/gone/a": "1", "opt/gone/b": "1",
		"etc/resolv.conf": "machine", "proc/1/status": "machine",
	})
	require.NoError(t, os.Symlink("kept", filepath.Join(root, "etc/link")))
	lower := pack(t, root, nil, time.Unix(0, 0))
	names, content := entries(t, lower)
	require.Equal(t, []string{"etc/", "etc/changed", "etc/kept", "etc/link", "etc/removed", "opt/", "opt/gone/", "opt/gone/a", "opt/gone/b", "proc/"}, names)
	require.Equal(t, "kept", content["etc/link"])

	known, err := readIndex(bytes.NewReader(lower))
	require.NoError(t, err)
	root = unpacked(t, lower)
	start := time.Now().Add(-time.Millisecond)
	names, _ = entries(t, pack(t, root, known, start))
	require.Empty(t, names, "an unchanged tree makes an empty layer")

	require.NoError(t, os.RemoveAll(filepath.Join(root, "opt/gone")))
	require.NoError(t, os.Remove(filepath.Join(root, "etc/removed")))
	plant(t, root, map[string]string{"etc/changed": "2", "etc/new": "1"})
	names, content = entries(t, pack(t, root, known, start))
	require.Equal(t, []string{"etc/changed", "etc/new", "etc/.wh.removed", "opt/.wh.gone"}, names)
	require.Equal(t, "2", content["etc/changed"])
}

// unpacked makes a layer of the plain tar and unpacks it into a new directory.
func unpacked(t *testing.T, plain []byte) (root string) {
	t.Helper()
	builder, err := New(t.TempDir(), t.Logf)
	require.NoError(t, err)
	made, err := builder.layer(context.Background(), "lower", digest(plain), func(w io.Writer) error {
		_, err := w.Write(plain)
		return err
	})
	require.NoError(t, err)
	root = t.TempDir()
	require.NoError(t, made.unpack(context.Background(), root))
	return root
}

func TestLayerDoesNotDependOnTheTimeOfTheBuild(t *testing.T) {
	build := func(at time.Time) []byte {
		root := t.TempDir()
		plant(t, root, map[string]string{"usr/lib/package.py": "from a package", "etc/generated": "by a script"})
		require.NoError(t, os.Chtimes(filepath.Join(root, "etc/generated"), at, at))
		return pack(t, root, nil, time.Now().Add(-time.Hour))
	}
	require.Equal(t, build(time.Now()), build(time.Now().Add(-time.Minute)))
}
