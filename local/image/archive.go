package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nameAnnotation tells containerd under which name to import an image, see
// images.AnnotationImageName in containerd.
const nameAnnotation = "io.containerd.image.name"

// archive writes the OCI archive of an image, or takes it from the cache.
func (b *Builder) archive(ctx context.Context, name string, config v1.Config, layers []layer) (Archive, error) {
	built, err := assemble(config, layers)
	if err != nil {
		return Archive{}, fmt.Errorf("image %s: %w", name, err)
	}
	digest, err := built.Digest()
	if err != nil {
		return Archive{}, fmt.Errorf("image %s: %w", name, err)
	}
	path := b.cached("archive", strings.NewReplacer("/", "_", ":", "_").Replace(name), digest.Hex) + ".tar"
	err = b.once(ctx, path, func() error { return writeArchive(path, name, built) })
	if err != nil {
		return Archive{}, fmt.Errorf("image %s: %w", name, err)
	}
	return Archive{Name: name, Path: path, Digest: digest.String()}, nil
}

// assemble makes an image of layers and configuration.
func assemble(config v1.Config, layers []layer) (v1.Image, error) {
	built := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	built = mutate.ConfigMediaType(built, types.OCIConfigJSON)
	built, err := mutate.ConfigFile(built, &v1.ConfigFile{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Created:      v1.Time{Time: epoch},
		Config:       config,
		RootFS:       v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	for _, each := range layers {
		addition := mutate.Addendum{Layer: each, MediaType: types.OCILayerZStd, History: v1.History{Created: v1.Time{Time: epoch}}}
		if built, err = mutate.Append(built, addition); err != nil {
			return nil, err
		}
	}
	return built, nil
}

// writeArchive writes one image as OCI archive, see the OCI image
// specification, "Image Layout".
func writeArchive(path, name string, built v1.Image) error {
	part, err := os.Create(path + partSuffix)
	if err != nil {
		return err
	}
	defer part.Close()
	archive := tar.NewWriter(part)
	if err := writeImage(archive, name, built); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), path)
}

func writeImage(archive *tar.Writer, name string, built v1.Image) error {
	manifest, err := built.RawManifest()
	if err != nil {
		return err
	}
	digest, err := built.Digest()
	if err != nil {
		return err
	}
	index, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2,
		MediaType:     types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType:   types.OCIManifestSchema1,
			Size:        int64(len(manifest)),
			Digest:      digest,
			Platform:    &v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
			Annotations: map[string]string{nameAnnotation: name},
		}},
	})
	if err != nil {
		return err
	}
	config, err := built.RawConfigFile()
	if err != nil {
		return err
	}
	configDigest, err := built.ConfigName()
	if err != nil {
		return err
	}
	for _, each := range []struct {
		name    string
		content []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{blobPath(digest), manifest},
		{blobPath(configDigest), config},
	} {
		if err := writeBlob(archive, each.name, int64(len(each.content)), strings.NewReader(string(each.content))); err != nil {
			return err
		}
	}
	return writeLayers(archive, built)
}

func writeLayers(archive *tar.Writer, built v1.Image) error {
	layers, err := built.Layers()
	if err != nil {
		return err
	}
	for _, each := range layers {
		if err := writeLayer(archive, each); err != nil {
			return err
		}
	}
	return nil
}

func writeLayer(archive *tar.Writer, each v1.Layer) error {
	digest, err := each.Digest()
	if err != nil {
		return err
	}
	size, err := each.Size()
	if err != nil {
		return err
	}
	content, err := each.Compressed()
	if err != nil {
		return err
	}
	defer content.Close()
	return writeBlob(archive, blobPath(digest), size, content)
}

func blobPath(digest v1.Hash) string { return "blobs/" + digest.Algorithm + "/" + digest.Hex }

func writeBlob(archive *tar.Writer, name string, size int64, content io.Reader) error {
	header := tar.Header{Name: name, Mode: 0o644, Size: size, ModTime: epoch, Typeflag: tar.TypeReg}
	if err := archive.WriteHeader(&header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}
