package overlay_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"postgres-operator/overlay"
)

const label = "package templates\n\npod: metadata: labels: a: \"b\"\n"

// directory writes files, by their path, into a new directory called site.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

func names(set overlay.Set) []string {
	var names []string
	for _, o := range set {
		for _, f := range o.Files {
			names = append(names, filepath.Base(filepath.Dir(o.Path(f)))+"/"+f.Name)
		}
	}
	return names
}

func TestDirectory(t *testing.T) {
	dir := directory(t, map[string]string{
		"b.cue": label, "a.yaml.tmpl": "", ".hidden.cue": label, "README.md": "x", "cue.mod/module.cue": "module: \"x\"",
		"two/c.cue": label, "two/overlay.yaml": "namespaces: [team-*]\nselector: tier=gold\n", "one/d.cue": label, "empty/README.md": "x",
	})
	set, err := overlay.Directory(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"site/a.yaml.tmpl", "site/b.cue", "one/d.cue", "two/c.cue"}, names(set))
	require.Equal(t, dir, set[0].Name, "errors show the path that was given")
	require.True(t, set[0].Scope.All())
	require.Equal(t, overlay.Scope{Namespaces: []string{"team-*"}, Selector: "tier=gold"}, set[2].Scope)
}

// TestMountedConfigMap: a ConfigMap in a pod is a tree of links.
func TestMountedConfigMap(t *testing.T) {
	dir := directory(t, map[string]string{"..2026/a.cue": label})
	require.NoError(t, os.Symlink("..2026", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/a.cue", filepath.Join(dir, "a.cue")))
	set, err := overlay.Directory(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"site/a.cue"}, names(set))
}

func TestRefusedDirectories(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"there is no file *.cue or *.yaml.tmpl in it":                  {"README.md": "x"},
		"big.cue: the file has 1048577 bytes, at most 1048576 are":     {"big.cue": strings.Repeat("x", overlay.MaxFile+1)},
		"bad.cue: the file is not text in UTF-8":                       {"bad.cue": "\xff"},
		`overlay.yaml: the scope of an overlay has namespaces and sel`: {"a.cue": label, "overlay.yaml": "namespace: x"},
		`overlay.yaml: namespaces: "[" is neither a name nor a patter`: {"a.cue": label, "overlay.yaml": "namespaces: ['[']"},
	} {
		_, err := overlay.Directory(directory(t, files))
		require.ErrorContains(t, err, want)
	}
	_, err := overlay.Directory(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestScopes(t *testing.T) {
	gold := map[string]string{"tier": "gold"}
	for _, tc := range []struct {
		namespaces, selector, namespace string
		labels                          map[string]string
		want                            bool
	}{
		{"", "", "any", nil, true},
		{"team-a", "", "team-a", nil, true},
		{"team-a", "", "team-b", nil, false},
		{"x, team-*", "", "team-b", nil, true},
		{"", "tier=gold", "any", gold, true},
		{"", "tier=gold", "any", nil, false},
		{"team-a", "tier=gold", "team-b", gold, false},
	} {
		scope, err := overlay.NewScope(tc.namespaces, tc.selector)
		require.NoError(t, err)
		matches, err := scope.Matcher()
		require.NoError(t, err)
		require.Equal(t, tc.want, matches(tc.namespace, tc.labels), "%+v", tc)
	}
}

func TestConfigMaps(t *testing.T) {
	made := func(name string, annotations map[string]string) corev1.ConfigMap {
		return corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "operator", Annotations: annotations},
			Data:       map[string]string{"o.cue": label}, BinaryData: map[string][]byte{"p.cue": []byte(label)},
		}
	}
	set, err := overlay.FromConfigMaps([]corev1.ConfigMap{
		made("b", nil), made("a", map[string]string{overlay.NamespacesAnnotation: "x, y", overlay.SelectorAnnotation: "tier=gold"}),
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a/o.cue", "a/p.cue", "b/o.cue", "b/p.cue"}, names(set))
	require.Equal(t, overlay.Scope{Namespaces: []string{"x", "y"}, Selector: "tier=gold"}, set[0].Scope)
	require.Equal(t, "ConfigMap operator/a", set[0].Source)

	_, err = overlay.FromConfigMaps([]corev1.ConfigMap{made("a", map[string]string{overlay.SelectorAnnotation: "tier in gold"})})
	require.ErrorContains(t, err, `overlay "a": annotation of the scope: selector`)
}

func TestDigests(t *testing.T) {
	o, err := overlay.New("a", "here", map[string][]byte{"o.cue": []byte(label)})
	require.NoError(t, err)
	elsewhere, scoped, other := o, o, o
	elsewhere.Source = "there"
	scoped.Scope.Selector = "a=b"
	other.Files = []overlay.File{{Name: "o.cue", Content: []byte("package templates\n")}}
	digest := overlay.Set{o}.Digest()
	require.Equal(t, digest, overlay.Set{elsewhere}.Digest(), "where it comes from does not matter")
	require.NotEqual(t, digest, overlay.Set{scoped}.Digest())
	require.NotEqual(t, digest, overlay.Set{other}.Digest())
	require.Empty(t, overlay.Set{}.Digest())
	require.ErrorContains(t, overlay.Set{o, o}.Check(), "two overlays have this name")
}
