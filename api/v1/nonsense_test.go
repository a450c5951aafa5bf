package v1_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
)

// nonsense makes wrong manifests out of a right one. The same seed makes the same ones.
type nonsense struct{ *rand.Rand }

// values are what people and programs write by mistake, and what breaks parsers.
func (n nonsense) value() any {
	return pick[any](n,
		nil, true, n.number(), n.text(), 0.5, 1e300,
		[]any{}, []any{nil}, []any{[]any{}}, []any{map[string]any{}},
		map[string]any{}, map[string]any{"": nil}, map[string]any{"a": map[string]any{"b": []any{int64(1)}}},
	)
}

func (n nonsense) text() any {
	return pick[any](n, "", " ", "-", "0", "-1Gi", "1K", "1e2147483647", "99999999999E", "${VAR}", "a.b/c:d", "../..", "/",
		"ÄÖ\u0000\u202e", "25:61-00:00", "61 24 32 13 7", "300.0.0.1/40", strings.Repeat("x", 64), strings.Repeat("y", 5000))
}

func (n nonsense) number() any {
	return pick[any](n, int64(0), int64(-1), int64(1)<<31, int64(1)<<53)
}

func pick[T any](n nonsense, values ...T) T { return values[n.IntN(len(values))] }

// sameType is a wrong value that a schema has less against.
func (n nonsense) sameType(value any) any {
	switch value := value.(type) {
	case string:
		return n.text()
	case int64:
		return n.number()
	case bool:
		return !value
	}
	return n.value()
}

// spoil changes one random place below value and returns what is to stand in value's place.
func (n nonsense) spoil(value any) any {
	if n.IntN(12) == 0 {
		return n.value()
	}
	switch value := value.(type) {
	case map[string]any:
		if len(value) == 0 {
			return n.value()
		}
		keys := slices.Sorted(maps.Keys(value))
		key := keys[n.IntN(len(keys))]
		switch n.IntN(8) {
		case 0:
			delete(value, key)
		case 1:
			value[key+"x"] = value[key]
		case 2: // a value that belongs elsewhere
			value[key] = value[keys[n.IntN(len(keys))]]
		default:
			value[key] = n.spoil(value[key])
		}
	case []any:
		if len(value) == 0 {
			return n.value()
		}
		i := n.IntN(len(value))
		if n.IntN(8) == 0 {
			return append(value, value[i])
		}
		value[i] = n.spoil(value[i])
	default:
		return pick(n, n.value, func() any { return n.sameType(value) }, func() any { return n.sameType(value) })()
	}
	return value
}

// However wrong a manifest is, it is rejected by the API server or by Validate, nothing panics or
// hangs, and what the API server has stored can be read.
func TestNonsense(t *testing.T) {
	const manifests = 300
	a := newAdmission(t, apiv1.KindPostgresql)
	rejected := map[string]int{}
	for seed := range uint64(manifests) {
		n := nonsense{rand.New(rand.NewPCG(seed, 1))}
		object := completeManifest(t)
		for range 1 + n.IntN(3) {
			if spoilt, ok := n.spoil(object["spec"]).(map[string]any); ok {
				object["spec"] = spoilt
			} else {
				object["spec"] = n.value()
			}
		}
		rejected[verdict(t, a, object, fmt.Sprintf("seed %d", seed))]++
	}
	t.Logf("of %d manifests: %v", manifests, rejected)
	require.Greater(t, rejected["api-server"], 200)
	require.Greater(t, rejected["validate"], 10)
	require.NotZero(t, rejected[""], "a change that does no harm is accepted")
}

// verdict tells who rejects an object, and checks that both judges and the decoder agree.
func verdict(t *testing.T, a admission, object map[string]any, name string) string {
	stored, unknown, errs := a.create(object)
	text, err := json.Marshal(stored)
	require.NoError(t, err, name)

	var pg apiv1.Postgresql
	decodeErr := json.Unmarshal(text, &pg)
	if len(errs) > 0 {
		offline, strictErr := decodeStrict(t, object)
		if strictErr == nil {
			require.NotEmpty(t, apiv1.Validate(offline), "%s: the API server says %v, and Validate nothing", name, errs)
		}
		return "api-server"
	}
	require.NoError(t, decodeErr, "%s: stored by the API server, but cannot be read", name)
	invalid := apiv1.Validate(&pg)
	if len(unknown) == 0 && pg.DecodeError == "" {
		if _, err := decodeStrict(t, object); err != nil {
			require.Contains(t, err.Error(), "Required value", "%s: the API server takes what a file may not say", name)
		}
	}
	if len(invalid) > 0 {
		return "validate"
	}
	return ""
}

func decodeStrict(t *testing.T, object map[string]any) (*apiv1.Postgresql, error) {
	text, err := json.Marshal(object)
	require.NoError(t, err)
	return apiv1.DecodeStrict(text)
}

// completeManifest is the complete example with all that is commented out in it.
func completeManifest(t *testing.T) map[string]any {
	text, err := yaml.YAMLToJSON(uncommentedExample(t))
	require.NoError(t, err)
	return fromJSON(text)
}

// FuzzManifest looks for texts that make the decoders or Validate panic.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"apiVersion": "acid.zalan.do/v1", "kind": "postgresql", "metadata": {"name": "a"}, "spec": {"volume": {"size": "1Gi"}}}`))
	f.Add([]byte("apiVersion: acid.zalan.do/v1\nkind: postgresql\nspec: {users: {a: [superuser]}, maintenanceWindows: [\"01:00-02:00\"]}\n"))
	f.Add(documents(f, "complete-postgres-manifest.yaml")[0])
	f.Fuzz(func(_ *testing.T, text []byte) {
		if pg, err := apiv1.DecodeStrict(text); err == nil {
			apiv1.Validate(pg)
		}
		var pg apiv1.Postgresql
		if json.Unmarshal(text, &pg) == nil {
			apiv1.Validate(&pg)
			apiv1.ValidatePolicy(&pg, apiv1.Policy{TeamPrefix: true, NoSidecars: true, NoInitContainers: true})
		}
	})
}
