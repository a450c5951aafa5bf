package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"postgres-operator/apply"
	"postgres-operator/config"
	"postgres-operator/render"
	"postgres-operator/schema"
)

// Files of a scenario.
const (
	scenarioManifest = "manifest.yaml" // the cluster
	scenarioConfig   = "config.yaml"   // options beside the defaults, in any form of a configuration
	scenarioObjects  = "objects.yaml"  // ConfigMaps and Secrets that the configuration refers to
	scenarioDiff     = "out.diff"      // what the overlays change of the cluster's objects
	scenarioError    = "out.error"     // why there are no objects
)

// tried is a scenario after its run.
type tried struct {
	view     render.View
	overlays []string // that were for its cluster
}

// scenarios runs every file tests/*.txtar.
func (c *checker) scenarios(renderer *render.Renderer) ([]tried, error) {
	paths, err := filepath.Glob(filepath.Join(c.dir, testsFolder, "*.txtar"))
	if err != nil {
		return nil, err
	}
	var all []tried
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		archive := txtar.Parse(content)
		result, outcome, err := runScenario(renderer, archive)
		if err != nil {
			c.problem("%s: %v", path, err)
			continue
		}
		all = append(all, result)
		prefix := filepath.ToSlash(filepath.Clean(c.dir)) + "/" // the result is the same wherever the directory is
		outcome.Data = bytes.ReplaceAll(outcome.Data, []byte(prefix), nil)
		if err := c.compare(path, archive, outcome); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// compare holds an outcome against the one that the scenario expects, or writes it there.
func (c *checker) compare(path string, archive *txtar.Archive, outcome txtar.File) error {
	expected := txtar.File{}
	inputs := slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool {
		result := f.Name == scenarioDiff || f.Name == scenarioError
		if result {
			expected = f
		}
		return result
	})
	switch {
	case expected.Name == outcome.Name && bytes.Equal(expected.Data, outcome.Data):
		c.ok("%s", path)
		return nil
	case c.update:
		archive.Files = slices.Concat(inputs, []txtar.File{outcome})
		c.wrote("%s", path)
		return os.WriteFile(path, txtar.Format(archive), 0o644)
	case expected.Name == "":
		c.problem("%s expects nothing; -update writes what there is now:\n%s", path, outcome.Data)
	default:
		c.problem("%s gives another result (- expected, + now):\n%s", path, lineDiff(string(expected.Data), string(outcome.Data)))
	}
	return nil
}

// runScenario renders a cluster with and without the overlays. An error is one of the scenario itself.
func runScenario(renderer *render.Renderer, archive *txtar.Archive) (tried, txtar.File, error) {
	input, err := scenarioInput(archive)
	if err != nil {
		return tried{}, txtar.File{}, err
	}
	view, err := render.NewView(input)
	if err != nil {
		return tried{}, txtar.File{Name: scenarioError, Data: []byte(err.Error() + "\n")}, nil
	}
	result := tried{view: view, overlays: renderer.Overlays(view.Namespace, view.Manifest.Metadata.Labels)}
	objects, err := renderer.Render(view)
	if err != nil {
		return result, txtar.File{Name: scenarioError, Data: []byte(err.Error() + "\n")}, nil
	}
	bare, err := render.New()
	if err != nil {
		return result, txtar.File{}, err
	}
	before, err := bare.Render(view)
	if err != nil {
		return result, txtar.File{}, err
	}
	text, err := objectsDiff(before, objects)
	return result, txtar.File{Name: scenarioDiff, Data: []byte(text)}, err
}

func scenarioInput(archive *txtar.Archive) (render.Input, error) {
	files := map[string][]byte{}
	for _, f := range archive.Files {
		files[f.Name] = f.Data
		if !slices.Contains([]string{scenarioManifest, scenarioConfig, scenarioObjects, scenarioDiff, scenarioError}, f.Name) {
			return render.Input{}, fmt.Errorf("file %s means nothing in a scenario", f.Name)
		}
	}
	if files[scenarioManifest] == nil {
		return render.Input{}, errors.New("there is no " + scenarioManifest)
	}
	pg, err := decodeManifest(files[scenarioManifest], scenarioManifest, "")
	if err != nil {
		return render.Input{}, err
	}
	conf := config.Default()
	if text := files[scenarioConfig]; text != nil {
		if conf, err = parseConfig(text, offlineNamespace); err != nil {
			return render.Input{}, fmt.Errorf("%s: %w", scenarioConfig, err)
		}
	}
	given, err := decodeObjects(files[scenarioObjects], scenarioObjects)
	if err != nil {
		return render.Input{}, err
	}
	input := offlineInput(pg, conf, io.Discard)
	input.Observed = given.observed(conf, pg.Namespace)
	return input, nil
}

// objectsDiff says object by object what differs; an object that is new stands there in full.
func objectsDiff(before, after []render.Object) (string, error) {
	var b strings.Builder
	find := func(objects []render.Object, id string) *render.Object {
		i := slices.IndexFunc(objects, func(o render.Object) bool { return o.ID == id })
		if i < 0 {
			return nil
		}
		return &objects[i]
	}
	for _, o := range before {
		if find(after, o.ID) == nil {
			fmt.Fprintf(&b, "- %s\n", o.ID)
		}
	}
	for _, o := range after {
		old := find(before, o.ID)
		if old == nil {
			text, err := yaml.Marshal(o.Object)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "+ %s\n    %s\n", o.ID, strings.ReplaceAll(strings.TrimRight(string(text), "\n"), "\n", "\n    "))
			continue
		}
		differences := schema.Diff(old.Unstructured, o.Unstructured)
		if len(differences) > 0 {
			fmt.Fprintf(&b, "~ %s\n", o.ID)
		}
		for _, d := range differences {
			field := fieldReport{Old: d.Old, New: d.New, diff: apply.FieldDiff{Path: d.Path, Old: d.Old, New: d.New}}
			sign, _ := field.sign()
			fmt.Fprintf(&b, "    %s %s\n", sign, field.diff)
		}
	}
	return b.String(), nil
}

// lineDiff shows lines that only one of two texts has, in their order.
func lineDiff(expected, now string) string {
	a, b := strings.Split(strings.TrimRight(expected, "\n"), "\n"), strings.Split(strings.TrimRight(now, "\n"), "\n")
	var out []string
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(a) > 0 && len(b) > 0 && a[0] == b[0]:
			a, b = a[1:], b[1:]
		case len(a) > 0 && !slices.Contains(b, a[0]):
			out = append(out, "- "+a[0])
			a = a[1:]
		case len(b) > 0 && !slices.Contains(a, b[0]):
			out = append(out, "+ "+b[0])
			b = b[1:]
		case len(a) > 0:
			out = append(out, "- "+a[0])
			a = a[1:]
		default:
			out = append(out, "+ "+b[0])
			b = b[1:]
		}
	}
	return strings.Join(out, "\n")
}
