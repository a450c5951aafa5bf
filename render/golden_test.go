package render_test

import (
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/overlay"
	"postgres-operator/render"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata")

const scenarios = "../testdata/render"

// scenario is one file of testdata/render. Its inputs:
//
//	over.txt        the scenario that this one begins with; base.txtar where absent
//	manifest.yaml   what differs from the manifest there (a merge patch)
//	config.yaml     what differs from its options, as in the operator's ConfigMap
//	object.yaml     instead of options: the configuration of an OperatorConfiguration
//	observed.yaml   live facts, credentials beside those of the manifest's users
//	overlay*        files of an overlay, *.cue and *.yaml.tmpl
//	overlay*/       folders with an overlay each, beside these with its scope in overlay.yaml
//
// Its results, written by -update:
//
//	objects.yaml    all objects; in base.txtar only
//	diff.txt        what differs from the objects there, see diffObjects
//	warnings.txt    what a user is told
//	error.txt       why there are no objects
type scenario struct {
	name    string
	path    string
	archive *txtar.Archive
	over    *scenario // nil for base.txtar itself, and where that is meant
}

type observed struct {
	render.Observed
	Credentials []render.Credential
}

func readScenario(t testing.TB, path string) scenario {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	require.NoError(t, err)
	require.NotEmpty(t, strings.TrimSpace(string(archive.Comment)), "the comment says what the scenario shows")
	s := scenario{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), path: path, archive: archive}
	if name := strings.TrimSpace(string(s.file("over.txt"))); name != "" {
		over := readScenario(t, filepath.Join(scenarios, name+".txtar"))
		s.over = &over
	}
	return s
}

// lineage lists what a scenario is made of: base, those it begins with, itself.
func (s scenario) lineage(base scenario) []scenario {
	switch {
	case s.name == base.name:
		return []scenario{base}
	case s.over != nil:
		return append(s.over.lineage(base), s)
	}
	return []scenario{base, s}
}

func (s scenario) file(name string) []byte {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// input merges the scenario over what it begins with.
func (s scenario) input(t testing.TB, base scenario) render.Input {
	t.Helper()
	in := render.Input{
		Manifest: s.manifest(t, base),
		Config:   s.config(t, base),
		Now:      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	var seen observed
	for _, part := range s.lineage(base) {
		require.NoError(t, yaml.UnmarshalStrict(part.file("observed.yaml"), &seen))
	}
	in.Observed = seen.Observed
	in.Credentials = []render.Credential{
		{Role: in.Config.SuperUsername, Kind: render.KindSuperuser, Password: "secret"},
		{Role: in.Config.ReplicationUsername, Kind: render.KindReplication, Password: "secret"},
	}
	for _, name := range slices.Sorted(maps.Keys(in.Manifest.Spec.Users)) {
		in.Credentials = append(in.Credentials, render.Credential{Role: name, Kind: render.KindManifest, Password: "secret"})
	}
	in.Credentials = append(in.Credentials, seen.Credentials...)
	return in
}

func (s scenario) manifest(t testing.TB, base scenario) *apiv1.Postgresql {
	t.Helper()
	merged := map[string]any{}
	for _, part := range s.lineage(base) {
		patch := map[string]any{}
		require.NoError(t, yaml.Unmarshal(part.file("manifest.yaml"), &patch))
		merge(merged, patch)
	}
	text, err := yaml.Marshal(merged)
	require.NoError(t, err)
	var manifest apiv1.Postgresql
	require.NoError(t, yaml.UnmarshalStrict(text, &manifest))
	return &manifest
}

// merge applies a JSON merge patch: maps are merged, null removes, all else
// replaces.
func merge(target, patch map[string]any) {
	for key, value := range patch {
		below, isMap := value.(map[string]any)
		existing, wasMap := target[key].(map[string]any)
		switch {
		case value == nil:
			delete(target, key)
		case isMap && wasMap:
			merge(existing, below)
		default:
			target[key] = value
		}
	}
}

func (s scenario) config(t testing.TB, base scenario) config.Config {
	t.Helper()
	if object := s.file("object.yaml"); object != nil {
		var configuration map[string]any
		require.NoError(t, yaml.Unmarshal(object, &configuration))
		c, err := config.FromObject(configuration, "default")
		require.NoError(t, err)
		return c
	}
	var data map[string]string
	for _, part := range s.lineage(base) {
		require.NoError(t, yaml.Unmarshal(part.file("config.yaml"), &data))
	}
	c, err := config.FromConfigMap(data, "default")
	require.NoError(t, err)
	require.Empty(t, c.Warnings, "options have to be known")
	return c
}

// overlays are the files whose names begin with overlay: those in a folder are
// an overlay under the name of the folder, all others one that is called so.
func (s scenario) overlays(t testing.TB) (overlay.Set, error) {
	t.Helper()
	files := map[string]map[string][]byte{}
	for _, f := range s.archive.Files {
		if !strings.HasPrefix(f.Name, "overlay") {
			continue
		}
		folder, name, inFolder := strings.Cut(f.Name, "/")
		if !inFolder {
			folder, name = "overlay", f.Name
		}
		if files[folder] == nil {
			files[folder] = map[string][]byte{}
		}
		files[folder][name] = f.Data
	}
	var set overlay.Set
	for _, folder := range slices.Sorted(maps.Keys(files)) {
		o, err := overlay.New(folder, "scenario", files[folder])
		if err != nil {
			return nil, err
		}
		set = append(set, o)
	}
	return set, nil
}

func (s scenario) renderer(t testing.TB) (*render.Renderer, error) {
	t.Helper()
	set, err := s.overlays(t)
	if err != nil {
		return nil, err
	}
	return render.New(set...)
}

// site is an overlay of one file.
func site(file, content string) overlay.Overlay {
	return overlay.Overlay{Name: "overlay", Source: "test", Files: []overlay.File{{Name: file, Content: []byte(content)}}}
}

func (s scenario) render(t testing.TB, base scenario) ([]render.Object, []render.Warning, error) {
	t.Helper()
	view, err := render.NewView(s.input(t, base))
	if err != nil {
		return nil, view.Warnings, err
	}
	r, err := s.renderer(t)
	if err != nil {
		return nil, view.Warnings, err
	}
	objects, err := r.Render(view)
	return objects, view.Warnings, err
}

func TestScenarios(t *testing.T) {
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	baseObjects, _, err := base.render(t, base)
	require.NoError(t, err)
	paths, err := filepath.Glob(filepath.Join(scenarios, "*.txtar"))
	require.NoError(t, err)
	for _, path := range paths {
		s := readScenario(t, path)
		t.Run(s.name, func(t *testing.T) {
			objects, warnings, err := s.render(t, base)
			results := map[string]string{}
			if err != nil {
				require.True(t, strings.HasPrefix(s.name, "err-"), "%v", err)
				results["error.txt"] = err.Error() + "\n"
			} else {
				require.False(t, strings.HasPrefix(s.name, "err-"), "there is no error")
				requireValid(t, objects)
			}
			var told strings.Builder
			for _, w := range warnings {
				told.WriteString(w.Reason + ": " + w.Message + "\n")
			}
			results["warnings.txt"] = told.String()
			if s.name == base.name {
				text, err := render.MarshalYAML(objects, render.Options{ShowSecrets: true})
				require.NoError(t, err)
				results["objects.yaml"] = string(text)
			} else if err == nil {
				before := baseObjects
				if s.over != nil {
					before, _, err = s.over.render(t, base)
					require.NoError(t, err)
				}
				results["diff.txt"] = diffObjects(before, objects)
				require.NotEmpty(t, results["diff.txt"]+results["warnings.txt"], "a scenario that changes nothing shows nothing")
			}
			s.check(t, results)
		})
	}
}

// check compares results with those in the file, or writes them there.
func (s scenario) check(t *testing.T, results map[string]string) {
	t.Helper()
	if !*update {
		for _, name := range []string{"objects.yaml", "diff.txt", "warnings.txt", "error.txt"} {
			require.Equal(t, string(s.file(name)), results[name], "%s of %s; go test ./render -update rewrites it", name, s.path)
		}
		return
	}
	var files []txtar.File
	for _, f := range s.archive.Files {
		if _, known := results[f.Name]; !known && f.Name != "diff.txt" && f.Name != "error.txt" && f.Name != "objects.yaml" {
			files = append(files, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if results[name] != "" {
			files = append(files, txtar.File{Name: name, Data: []byte(results[name])})
		}
	}
	s.archive.Files = files
	require.NoError(t, os.WriteFile(s.path, txtar.Format(s.archive), 0o644))
}

// requireValid decodes objects strictly into the types of Kubernetes, as the
// API server does: an unknown field or a wrong type is an error.
func requireValid(t testing.TB, objects []render.Object) {
	t.Helper()
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, object := range objects {
		if !scheme.Scheme.Recognizes(object.GroupVersionKind()) {
			continue // an object of an overlay
		}
		text, err := object.MarshalJSON()
		require.NoError(t, err)
		_, _, err = decoder.Decode(text, nil, nil)
		require.NoError(t, err, object.ID)
	}
}

// TestErrorsAreTyped looks at what a controller decides by.
func TestErrorsAreTyped(t *testing.T) {
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	for name, want := range map[string]any{
		"err-volume-size":           new(*render.InputError),
		"err-pod-environment":       new(*render.MissingError),
		"err-overlay-contradiction": new(*render.TemplateError),
	} {
		s := readScenario(t, filepath.Join(scenarios, name+".txtar"))
		_, _, err := s.render(t, base)
		require.True(t, errors.As(err, want), "%s: %v", name, err)
	}
}
