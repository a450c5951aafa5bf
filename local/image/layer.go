package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// layer is a finished layer: a zstd-compressed tar in the cache, and beside it
// what an image says of it. It is a v1.Layer.
type layer struct {
	path string
	facts
}

// facts of a layer, kept as JSON so that the blob need not be read again.
type facts struct {
	Blob, Diff v1.Hash // of the compressed and of the plain tar
	Length     int64   // of the compressed tar, bytes
}

func (l layer) Digest() (v1.Hash, error)             { return l.Blob, nil }
func (l layer) DiffID() (v1.Hash, error)             { return l.Diff, nil }
func (l layer) Size() (int64, error)                 { return l.Length, nil }
func (l layer) MediaType() (types.MediaType, error)  { return types.OCILayerZStd, nil }
func (l layer) Compressed() (io.ReadCloser, error)   { return os.Open(l.path) }
func (l layer) Uncompressed() (io.ReadCloser, error) { return l.open() }
func (l layer) factsPath() string                    { return l.path + ".json" }

// open returns the plain tar.
func (l layer) open() (io.ReadCloser, error) {
	file, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	plain, err := zstd.NewReader(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, closers{plain.IOReadCloser(), file}}, nil
}

type closers []io.Closer

func (c closers) Close() error {
	for _, each := range c {
		each.Close() // readers: nothing is lost
	}
	return nil
}

// layer takes the layer name from the cache, or makes it by write, which
// writes the plain tar. key is the digest of everything that goes into it.
func (b *Builder) layer(ctx context.Context, name, key string, write func(io.Writer) error) (layer, error) {
	made := layer{path: b.cached("layer", name, key)}
	err := b.once(ctx, made.path, func() error { return made.create(write) })
	if err != nil {
		return layer{}, fmt.Errorf("layer %s: %w", name, err)
	}
	content, err := os.ReadFile(made.factsPath())
	if err != nil {
		return layer{}, fmt.Errorf("layer %s: %w", name, err)
	}
	if err := json.Unmarshal(content, &made.facts); err != nil {
		return layer{}, fmt.Errorf("layer %s: read %s: %w", name, made.factsPath(), err)
	}
	return made, nil
}

// create compresses what write writes, hashing both sides on the way.
func (l *layer) create(write func(io.Writer) error) error {
	part, err := os.Create(l.path + partSuffix)
	if err != nil {
		return err
	}
	defer part.Close()
	blob, diff := sha256.New(), sha256.New()
	packed, err := zstd.NewWriter(io.MultiWriter(part, blob), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return err
	}
	if err := write(io.MultiWriter(packed, diff)); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	info, err := part.Stat()
	if err != nil {
		return err
	}
	l.facts = facts{
		Blob:   v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(blob.Sum(nil))},
		Diff:   v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(diff.Sum(nil))},
		Length: info.Size(),
	}
	content, err := json.Marshal(l.facts)
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.factsPath(), content, 0o644); err != nil {
		return err
	}
	return os.Rename(part.Name(), l.path)
}

// unpack extracts the layer into the directory root.
func (l layer) unpack(ctx context.Context, root string) error {
	plain, err := l.open()
	if err != nil {
		return fmt.Errorf("unpack %s: %w", l.path, err)
	}
	defer plain.Close()
	command := exec.CommandContext(ctx, "tar", "--extract", "--preserve-permissions", "--numeric-owner", "--directory", root)
	command.Stdin = plain
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", l.path, err, out)
	}
	return nil
}

// file is one file of a layer made of nothing else.
type file struct {
	path    string // without a leading slash
	mode    int64
	content []byte
}

// fileLayer makes a layer of single files owned by root, parents first.
func (b *Builder) fileLayer(ctx context.Context, name string, files ...file) (layer, error) {
	var parts [][]byte
	for _, f := range files {
		parts = append(parts, fmt.Appendf(nil, "%s %o", f.path, f.mode), f.content)
	}
	return b.layer(ctx, name, digest(parts...), func(w io.Writer) error {
		archive := tar.NewWriter(w)
		for _, f := range files {
			header := tar.Header{Name: f.path, Mode: f.mode, Size: int64(len(f.content)), ModTime: epoch}
			if err := archive.WriteHeader(&header); err != nil {
				return err
			}
			if _, err := archive.Write(f.content); err != nil {
				return err
			}
		}
		return archive.Close()
	})
}
