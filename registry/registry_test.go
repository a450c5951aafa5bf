package registry_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"postgres-operator/registry"
)

const label = "package templates\n\npod: metadata: labels: a: \"b\"\n"

// layer is one layer of an artefact.
type layer struct {
	mediaType, title string
	content          []byte
}

// push puts an artefact into a registry and returns its reference.
func push(t *testing.T, layers ...layer) string {
	t.Helper()
	memory := ocimem.New()
	server := httptest.NewServer(ociserver.New(memory, nil))
	t.Cleanup(server.Close)
	add := func(mediaType, title string, content []byte) ociregistry.Descriptor {
		d := ociregistry.Descriptor{MediaType: mediaType, Size: int64(len(content)), Digest: digest.FromBytes(content)}
		if title != "" {
			d.Annotations = map[string]string{"org.opencontainers.image.title": title}
		}
		_, err := memory.PushBlob(t.Context(), "platform/overlays", d, bytes.NewReader(content))
		require.NoError(t, err)
		return d
	}
	manifest := ociregistry.Manifest{MediaType: "application/vnd.oci.image.manifest.v1+json", Config: add("application/vnd.oci.empty.v1+json", "", []byte("{}"))}
	manifest.SchemaVersion = 2
	for _, l := range layers {
		manifest.Layers = append(manifest.Layers, add(l.mediaType, l.title, l.content))
	}
	content, err := json.Marshal(manifest)
	require.NoError(t, err)
	pushed, err := memory.PushManifest(t.Context(), "platform/overlays", "v1", content, manifest.MediaType)
	require.NoError(t, err)
	return strings.TrimPrefix(server.URL, "http://") + "/platform/overlays@" + pushed.Digest.String()
}

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for name, text := range files {
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg}))
		_, err := io.WriteString(archive, text)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, compressed.Close())
	return out.Bytes()
}

func module(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for name, text := range files {
		file, err := archive.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(file, text)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	return out.Bytes()
}

func TestArtefacts(t *testing.T) {
	for name, layers := range map[string][]layer{
		"a directory":  {{"application/vnd.cncf.flux.content.v1.tar+gzip", "", tarball(t, map[string]string{"./label.cue": label, "README.md": "x", "../../etc/evil.cue": label})}},
		"single files": {{"application/octet-stream", "label.cue", []byte(label)}, {"text/plain", "README.md", []byte("x")}},
		"a module of CUE": {
			{"application/zip", "", module(t, map[string]string{"label.cue": label, "cue.mod/module.cue": "module: \"example.com\"\n"})},
			{"application/vnd.cue.modulefile.v1", "", []byte("module: \"example.com\"\n")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			reference := push(t, layers...)
			set, err := registry.Fetch(t.Context(), reference)
			require.NoError(t, err)
			require.Len(t, set, 1)
			require.Equal(t, "overlays", set[0].Name)
			require.Equal(t, registry.Source(reference), set[0].Source)
			require.Len(t, set[0].Files, 1)
			require.Equal(t, "label.cue", set[0].Files[0].Name)
			require.Equal(t, label, string(set[0].Files[0].Content))
		})
	}
}

func TestFoldersAndScopes(t *testing.T) {
	set, err := registry.Fetch(t.Context(), push(t, layer{"application/vnd.oci.image.layer.v1.tar+gzip", "", tarball(t, map[string]string{
		"b/o.cue": label, "a/o.cue": label, "a/overlay.yaml": "namespaces: [team-a]\n",
	})}))
	require.NoError(t, err)
	require.Len(t, set, 2)
	require.Equal(t, "overlays/a", set[0].Name)
	require.Equal(t, []string{"team-a"}, set[0].Scope.Namespaces)
	require.Equal(t, "overlays/b", set[1].Name)
}

func TestRefused(t *testing.T) {
	good := push(t, layer{"application/octet-stream", "label.cue", []byte(label)})
	name, _, _ := strings.Cut(good, "@")
	for reference, want := range map[string]string{
		name + ":v1": "not pinned",
		name + "@sha256:" + strings.Repeat("0", 64):                                              "read manifest",
		push(t, layer{"text/plain", "README.md", []byte("x")}):                                   "there is no file *.cue",
		push(t, layer{"application/octet-stream", "big.cue", bytes.Repeat([]byte("x"), 2<<20)}):  "at most 1048576 are allowed",
		push(t, layer{"application/octet-stream", "big.cue", bytes.Repeat([]byte("x"), 10<<20)}): "more than 8388608 bytes",
		"no reference": "overlays of artefact no reference",
	} {
		_, err := registry.Fetch(t.Context(), reference)
		require.ErrorContains(t, err, want, reference)
	}
}
