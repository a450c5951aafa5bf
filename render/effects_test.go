package render_test

import (
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/render"
)

// effectsFile holds, for each option and each field of a manifest, what
// changes with it. The pages under docs/reference are generated from it.
const effectsFile = "../testdata/effects.yaml"

// effects are what of a cluster changes, by option and by field.
type effects struct {
	Fields  map[string][]string `json:"fields"`
	Options map[string][]string `json:"options"`
}

// enough cases in which something changes show what can change at all.
const enough = 4

var trials = flag.Int("trials", 30, "how many random clusters TestEffects tries each option and field on")

// TestEffects changes every option of the configuration and every field of the
// manifest in many clusters, and looks at what becomes of it: an option or
// field that changes nothing is accepted and ignored, unless it is known to
// act elsewhere.
func TestEffects(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes its time")
	}
	t.Parallel()
	r, err := render.New()
	require.NoError(t, err)
	clusters := clusters(t)
	found := effects{Fields: map[string][]string{}, Options: map[string][]string{}}
	for _, o := range config.Options() {
		where := optionsElsewhere()[o.Key]
		draws := 10
		if where != "" {
			draws = 1
		}
		seen := effectsOfOption(t, r, sample(clusters, where), o, draws)
		found.Options[o.Key] = checkEffect(t, "option "+o.Key, o.Field, seen, where)
	}
	for _, path := range fieldsOf("spec", reflect.TypeFor[apiv1.PostgresSpec]()) {
		where := fieldsElsewhere()[path]
		seen := effectsOfField(t, r, sample(clusters, where), path)
		found.Fields[path] = checkEffect(t, "field "+path, goNameOf(path), seen, where)
	}
	text, err := yaml.Marshal(found)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(effectsFile, text, 0o644))
	}
	want, err := os.ReadFile(effectsFile)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text), "go test ./render -run TestEffects -update rewrites %s; make generate then updates docs/reference", effectsFile)
}

// checkEffect: something changes, or it is known where else it acts.
func checkEffect(t *testing.T, name, goName string, seen []string, where string) []string {
	t.Helper()
	if where == "" {
		require.NotEmpty(t, seen, "the %s changes nothing: let something use it, or say in elsewhere_test.go where it acts", name)
		return seen
	}
	require.Empty(t, seen, "the %s is said to act elsewhere only", name)
	checkUse(t, name, goName, where)
	return []string{where}
}

// goNameOf is the name that a field of the manifest has in Go.
func goNameOf(path string) string {
	t := reflect.TypeFor[apiv1.PostgresSpec]()
	name := ""
	for _, part := range strings.Split(path, ".")[1:] {
		for _, field := range orderedFields(t) {
			if field.name == strings.TrimRight(part, "[]{}") {
				found := t.FieldByIndex(field.index)
				name, t = found.Name, found.Type
			}
		}
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
	}
	return name
}

// effectsOfOption gives the option other values in cluster after cluster.
func effectsOfOption(t *testing.T, r *render.Renderer, clusters []*cluster, o config.Option, draws int) []string {
	t.Helper()
	found, draw := newFinding(), newRandom(1)
	for range draws {
		for _, c := range clusters {
			if found.complete() {
				return found.list()
			}
			if changed, ok := withOption(draw, c, o); ok {
				found.note(c.compare(t, r, c.with(c.Manifest, changed)))
			}
		}
		if found.times > 0 {
			break
		}
	}
	return found.list()
}

func withOption(draw *random, c *cluster, o config.Option) (config.Config, bool) {
	if o.Only == "crd" {
		changed := c.Config
		changed.LivenessProbe = nil
		if c.Config.LivenessProbe == nil {
			_, other := draw.configuration(1)
			changed.LivenessProbe = other.LivenessProbe
		}
		return changed, true
	}
	for range 10 {
		data := maps.Clone(c.data)
		data[o.Key] = draw.option(o)
		if data[o.Key] == c.data[o.Key] {
			continue
		}
		changed, err := config.FromConfigMap(data, "default")
		if err != nil {
			return changed, false
		}
		changed.LivenessProbe = c.Config.LivenessProbe
		return changed, true
	}
	return config.Config{}, false
}

// effectsOfField gives the field another value, and none, in cluster after
// cluster.
func effectsOfField(t *testing.T, r *render.Renderer, clusters []*cluster, path string) []string {
	t.Helper()
	found, draw := newFinding(), newRandom(2)
	draw.unique = 1000
	for _, c := range clusters {
		for _, remove := range []bool{false, true} {
			if found.complete() {
				return found.list()
			}
			m := c.Manifest.DeepCopy()
			field, ok := at(reflect.ValueOf(&m.Spec).Elem(), strings.TrimPrefix(path, "spec."))
			if !ok || !change(&filler{random: draw, density: 0.7}, path, field, remove) {
				continue
			}
			if len(apiv1.Validate(m)) > 0 {
				continue
			}
			found.note(c.compare(t, r, c.with(m, c.Config)))
		}
	}
	return found.list()
}

// change gives a field another value, or none; false when it has that already.
func change(f *filler, path string, field entry, remove bool) bool {
	if remove {
		if field.Value.IsZero() {
			return false
		}
		field.set(reflect.Zero(field.Value.Type()))
		return true
	}
	for range 10 {
		drawn := reflect.New(field.Value.Type()).Elem()
		f.fill(path, drawn)
		if !reflect.DeepEqual(drawn.Interface(), field.Value.Interface()) {
			field.set(drawn)
			return true
		}
	}
	return false
}

// entry is a value in a manifest and the way to replace it: what is in a map
// cannot be set in place.
type entry struct {
	reflect.Value
	set func(reflect.Value)
}

// at finds a field by its path; of lists and maps it takes the first item.
func at(v reflect.Value, path string) (entry, bool) {
	name, rest, below := strings.Cut(path, ".")
	plain := strings.TrimRight(name, "[]{}")
	for _, field := range orderedFields(v.Type()) {
		if field.name != plain {
			continue
		}
		value := v.FieldByIndex(field.index)
		if !below && plain == name {
			return entry{value, value.Set}, true
		}
		return within(value, rest)
	}
	return entry{}, false
}

func within(v reflect.Value, path string) (entry, bool) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return within(v.Elem(), path)
	case v.Kind() == reflect.Slice && v.Len() > 0:
		return within(v.Index(0), path)
	case v.Kind() == reflect.Map && v.Len() > 0:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		item := reflect.New(v.Type().Elem()).Elem()
		item.Set(v.MapIndex(keys[0]))
		found, ok := within(item, path)
		set := found.set
		found.set = func(value reflect.Value) {
			set(value)
			v.SetMapIndex(keys[0], item)
		}
		return found, ok
	case v.Kind() == reflect.Struct:
		return at(v, path)
	}
	return entry{}, false
}

// finding collects what changed, until that has been seen often enough.
type finding struct {
	things map[string]bool
	times  int
}

func newFinding() *finding { return &finding{things: map[string]bool{}} }

func (f *finding) note(things []string) {
	if len(things) > 0 {
		f.times++
	}
	for _, thing := range things {
		f.things[thing] = true
	}
}

func (f *finding) complete() bool { return f.times >= enough }

func (f *finding) list() []string { return slices.Sorted(maps.Keys(f.things)) }
