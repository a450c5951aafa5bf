package render_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/render"
	"postgres-operator/roles"
)

var cases = flag.Int("cases", 1000, "how many random manifests TestRandomManifests renders")

// randomInput is a valid manifest with a valid configuration, and what a
// controller would hand in beside them.
func randomInput(seed uint64) (render.Input, map[string]string) {
	r := newRandom(seed)
	data, c := r.configuration(0.02 + 0.3*r.Float64())
	in := render.Input{Manifest: r.manifest(0.05 + 0.6*r.Float64()), Config: c, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	in.Observed = render.Observed{
		StatefulSetExists:       r.often(0.8),
		Replicas:                r.Int32N(5),
		PodEnvironmentSecret:    r.some("SECRET_A", "SECRET_B"),
		BackupEnvironmentSecret: r.some("AWS_ACCESS_KEY_ID", "PGPORT"),
		PodEnvironmentConfigMap: map[string]string{"CONFIG_A": "1", "CONFIG_B": ""},
	}
	if r.often(0.5) {
		in.Observed.PrimaryOrdinal = new(r.IntN(5))
	}
	in.Credentials = credentialsOf(roles.Desired(in.Manifest, c, roles.Extra{Streams: true}))
	return in, data
}

// credentialsOf has one for each role that gets a Secret.
func credentialsOf(desired roles.Set) []render.Credential {
	var list []render.Credential
	for _, role := range desired.Roles {
		if role.NeedsSecret() {
			list = append(list, render.Credential{Role: role.Name, Kind: string(role.Kind), Namespace: role.SecretNamespace, Password: "secret"})
		}
	}
	return list
}

// TestRandomManifests: whatever is valid is rendered, into objects that
// Kubernetes accepts, and by its content alone.
func TestRandomManifests(t *testing.T) {
	t.Parallel()
	const shards = 4
	if testing.Short() {
		*cases = min(*cases, 100)
	}
	r, err := render.New()
	require.NoError(t, err)
	sets := make([]map[string]bool, shards)
	t.Run("shards", func(t *testing.T) {
		for shard := range shards {
			sets[shard] = map[string]bool{}
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for seed := shard; seed < *cases; seed += shards {
					checkRandom(t, r, uint64(seed), sets[shard])
				}
			})
		}
	})
	covered := map[string]bool{}
	for _, set := range sets {
		maps.Copy(covered, set)
	}
	for _, path := range fieldsOf("spec", reflect.TypeFor[apiv1.PostgresSpec]()) {
		if *cases >= 500 {
			require.True(t, covered[path], "no random manifest has %s", path)
		}
	}
}

func checkRandom(t *testing.T, r *render.Renderer, seed uint64, covered map[string]bool) {
	in, data := randomInput(seed)
	story := func() string {
		manifest, _ := json.Marshal(in.Manifest)
		return fmt.Sprintf("seed %d\nmanifest: %s\nconfiguration: %v", seed, manifest, data)
	}
	defer func() {
		if problem := recover(); problem != nil {
			panic(fmt.Sprintf("%v\n%s", problem, story()))
		}
	}()
	require.Empty(t, apiv1.Validate(in.Manifest), "%s", story())
	noteFields("spec", reflect.ValueOf(in.Manifest.Spec), covered)

	view, err := render.NewView(in)
	if err != nil {
		requireForbidden(t, err, story)
		return
	}
	objects, err := r.Render(view)
	require.NoError(t, err, "%s", story())
	requireValid(t, objects)

	if seed%10 == 0 {
		checked, err := r.Untrusting().Render(view)
		require.NoError(t, err)
		require.Equal(t, jsonOf(t, checked), jsonOf(t, objects), "%s", story())
	}
	in.Manifest = reordered(t, newRandom(seed), in.Manifest)
	view, err = render.NewView(in)
	require.NoError(t, err)
	again, err := r.Render(view)
	require.NoError(t, err)
	require.Equal(t, jsonOf(t, objects), jsonOf(t, again), "%s", story())
}

// requireForbidden: what is valid is refused only where the configuration
// forbids it.
func requireForbidden(t *testing.T, err error, story func() string) {
	allowed := []string{"the option enable_sidecars is off", "the option enable_init_containers is off", "it has to start with"}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		isAllowed := slices.ContainsFunc(allowed, func(text string) bool { return strings.Contains(line, text) })
		require.True(t, isAllowed, "%s\n%s", line, story())
	}
}

func jsonOf(t *testing.T, objects []render.Object) string {
	t.Helper()
	text, err := json.Marshal(objects)
	require.NoError(t, err)
	return string(text)
}

// reordered is the same manifest, read from JSON with its keys in another
// order.
func reordered(t *testing.T, r *random, m *apiv1.Postgresql) *apiv1.Postgresql {
	t.Helper()
	text, err := json.Marshal(m)
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value))
	var shuffled apiv1.Postgresql
	require.NoError(t, json.Unmarshal(r.shuffled(value), &shuffled))
	return &shuffled
}

// shuffled writes JSON with keys in a random order.
func (r *random) shuffled(value any) []byte {
	var out bytes.Buffer
	switch value := value.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(value))
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		out.WriteByte('{')
		for i, key := range keys {
			if i > 0 {
				out.WriteByte(',')
			}
			out.Write(r.shuffled(key))
			out.WriteByte(':')
			out.Write(r.shuffled(value[key]))
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, item := range value {
			if i > 0 {
				out.WriteByte(',')
			}
			out.Write(r.shuffled(item))
		}
		out.WriteByte(']')
	default:
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		out.Write(text)
	}
	return out.Bytes()
}

// ours tells whether a type is one of the manifest's own, with fields of its
// own.
func ours(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[apiv1.PostgresSpec]().PkgPath()
}

// fieldsOf lists the fields of a type and of those below it, by path.
func fieldsOf(path string, t reflect.Type) []string {
	switch {
	case t.Kind() == reflect.Pointer:
		return fieldsOf(path, t.Elem())
	case t.Kind() == reflect.Slice && ours(t.Elem()):
		return append([]string{path}, fieldsOf(path+"[]", t.Elem())...)
	case t.Kind() == reflect.Map && ours(t.Elem()):
		return append([]string{path}, fieldsOf(path+"{}", t.Elem())...)
	case !ours(t):
		return []string{path}
	}
	var paths []string
	for _, field := range orderedFields(t) {
		paths = append(paths, fieldsOf(path+"."+field.name, t.FieldByIndex(field.index).Type)...)
	}
	return paths
}

// noteFields notes the paths of all fields that are set.
func noteFields(path string, v reflect.Value, set map[string]bool) {
	if v.IsZero() {
		return
	}
	set[path] = true
	switch {
	case v.Kind() == reflect.Pointer:
		noteFields(path, v.Elem(), set)
	case v.Kind() == reflect.Slice && ours(v.Type().Elem()):
		for i := range v.Len() {
			noteFields(path+"[]", v.Index(i), set)
		}
	case v.Kind() == reflect.Map && ours(v.Type().Elem()):
		for _, key := range v.MapKeys() {
			noteFields(path+"{}", v.MapIndex(key), set)
		}
	case ours(v.Type()):
		for _, field := range orderedFields(v.Type()) {
			noteFields(path+"."+field.name, v.FieldByIndex(field.index), set)
		}
	}
}
