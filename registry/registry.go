// Package registry fetches overlays from OCI registries: artefacts as flux,
// oras or timoni push them, and modules of CUE.
//
// What is fetched is pinned by its digest and checked against it, so that
// nobody who can write to a registry decides what databases look like, and
// fetching twice gives the same. Credentials come from where docker keeps them
// (DOCKER_CONFIG, DOCKER_AUTH_CONFIG); a registry on this machine is spoken to
// without TLS.
package registry

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"slices"
	"strings"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociauth"
	"cuelabs.dev/go/oci/ociregistry/ociclient"
	"cuelabs.dev/go/oci/ociregistry/ociref"
	"github.com/opencontainers/go-digest"
	"golang.org/x/tools/txtar"

	"postgres-operator/overlay"
)

// maxManifest bounds the list of what an artefact consists of.
const maxManifest = 4 << 20

// titleAnnotation names the file that a layer is.
const titleAnnotation = "org.opencontainers.image.title"

// Source is what Fetch gives overlays as their source.
func Source(reference string) string { return "artefact " + reference }

// Fetch reads the overlays of an artefact. Its own files are one overlay, each
// folder in it is another, as in a directory.
func Fetch(ctx context.Context, reference string) (overlay.Set, error) {
	set, err := fetch(ctx, reference)
	if err != nil {
		return nil, fmt.Errorf("overlays of artefact %s: %w", reference, err)
	}
	return set, nil
}

func fetch(ctx context.Context, reference string) (overlay.Set, error) {
	ref, err := ociref.Parse(reference)
	if err != nil {
		return nil, err
	}
	if ref.Digest == "" {
		return nil, errors.New("it is not pinned: a digest has to follow, as in @sha256:0123…")
	}
	client, err := connect(ref.Host)
	if err != nil {
		return nil, err
	}
	content, err := read(func() (ociregistry.BlobReader, error) { return client.GetManifest(ctx, ref.Repository, ref.Digest) }, ref.Digest, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	var manifest ociregistry.Manifest
	if err := json.Unmarshal(content, &manifest); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	files := &files{}
	for _, layer := range manifest.Layers {
		content, err := read(func() (ociregistry.BlobReader, error) { return client.GetBlob(ctx, ref.Repository, layer.Digest) }, layer.Digest, overlay.MaxSet)
		if err == nil {
			err = files.unpack(layer, content)
		}
		if err != nil {
			return nil, fmt.Errorf("read layer %s: %w", layer.Digest, err)
		}
	}
	tree, err := txtar.FS(&txtar.Archive{Files: files.list})
	if err != nil {
		return nil, fmt.Errorf("read files: %w", err)
	}
	return overlay.FromFS(path.Base(ref.Repository), Source(reference), tree)
}

func connect(host string) (ociregistry.Interface, error) {
	credentials, err := ociauth.Load(nil)
	if err != nil {
		return nil, fmt.Errorf("read credentials of registries: %w", err)
	}
	client, err := ociclient.New(host, &ociclient.Options{
		Transport: ociauth.NewStdTransport(ociauth.StdTransportParams{Config: credentials}),
		Insecure:  onThisMachine(host),
	})
	if err != nil {
		return nil, fmt.Errorf("reach registry %s: %w", host, err)
	}
	return client, nil
}

func onThisMachine(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// read reads what has a digest, so much of it at most.
func read(open func() (ociregistry.BlobReader, error), want digest.Digest, limit int64) ([]byte, error) {
	blob, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = blob.Close() }()
	content, err := io.ReadAll(io.LimitReader(blob, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	if want.Algorithm().FromBytes(content) != want {
		return nil, fmt.Errorf("its digest is not %s", want)
	}
	return content, nil
}

// files are those of an artefact, of all its layers.
type files struct {
	list []txtar.File
	size int
}

func (f *files) unpack(layer ociregistry.Descriptor, content []byte) error {
	title := layer.Annotations[titleAnnotation]
	switch {
	case strings.HasSuffix(layer.MediaType, "zip") && bytes.HasPrefix(content, []byte("PK")):
		return f.unzip(content)
	case bytes.HasPrefix(content, []byte("\x1f\x8b")):
		plain, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			return err
		}
		return f.untar(plain)
	case strings.Contains(layer.MediaType, "tar"):
		return f.untar(bytes.NewReader(content))
	case title != "":
		return f.add(title, bytes.NewReader(content))
	}
	return nil // such as the copy of a module's file that CUE adds
}

func (f *files) unzip(content []byte) error {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	for _, entry := range archive.File {
		if !entry.Mode().IsRegular() {
			continue
		}
		file, err := entry.Open()
		if err != nil {
			return err
		}
		err = f.add(entry.Name, file)
		_ = file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *files) untar(content io.Reader) error {
	for archive := tar.NewReader(content); ; {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry.Typeflag != tar.TypeReg {
			continue
		}
		if err := f.add(entry.Name, archive); err != nil {
			return err
		}
	}
}

// add takes a file that may be part of an overlay.
func (f *files) add(name string, content io.Reader) error {
	name = path.Clean(strings.TrimPrefix(name, "./"))
	file := path.Base(name)
	if !overlay.IsFile(file) && file != overlay.ScopeFile || path.IsAbs(name) || strings.HasPrefix(name, "..") {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(content, overlay.MaxFile+1))
	if err != nil {
		return err
	}
	if f.size += len(text); f.size > overlay.MaxSet {
		return fmt.Errorf("its files have more than %d bytes together", overlay.MaxSet)
	}
	f.list = slices.DeleteFunc(f.list, func(other txtar.File) bool { return other.Name == name }) // of an earlier layer
	f.list = append(f.list, txtar.File{Name: name, Data: text})
	return nil
}
