package apply

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v4/fieldpath"
	"sigs.k8s.io/yaml"

	"postgres-operator/schema"
)

const recordedManager = "test-operator/cluster"

// recordedPair is the StatefulSet of testdata and what an API server made of it.
func recordedPair(t testing.TB) (desired, live *unstructured.Unstructured) {
	t.Helper()
	text, err := os.ReadFile("../testdata/apply/objects.yaml")
	require.NoError(t, err)
	documents := strings.Split(string(text), "\n---\n")
	desired = &unstructured.Unstructured{Object: map[string]any{}}
	require.NoError(t, yaml.Unmarshal([]byte(documents[len(documents)-1]), &desired.Object))
	desired.SetNamespace("default")
	text, err = os.ReadFile("../testdata/apply/statefulset-live.json")
	require.NoError(t, err)
	live = &unstructured.Unstructured{}
	require.NoError(t, live.UnmarshalJSON(text))
	return normal(desired), live
}

// fieldsOf is the set of fields that an API server would record for an object,
// by structured-merge-diff.
func fieldsOf(t testing.TB, obj *unstructured.Unstructured) *fieldpath.Set {
	t.Helper()
	parseable, _ := schema.TypeFor(obj.GroupVersionKind())
	typed, err := parseable.FromUnstructured(obj.Object)
	require.NoError(t, err)
	set, err := typed.ToFieldSet()
	require.NoError(t, err)
	return set.Difference(fieldpath.NewSet(
		fieldpath.MakePathOrDie("apiVersion"), fieldpath.MakePathOrDie("kind"), fieldpath.MakePathOrDie("metadata"),
		fieldpath.MakePathOrDie("metadata", "name"), fieldpath.MakePathOrDie("metadata", "namespace")))
}

func setOf(t testing.TB, fields map[string]any) *fieldpath.Set {
	t.Helper()
	raw, err := json.Marshal(fields)
	require.NoError(t, err)
	set := &fieldpath.Set{}
	require.NoError(t, set.FromJSON(bytes.NewReader(raw)))
	return set
}

// Our walk over managedFields comes to the same verdict as the library that API
// servers use, whatever is taken away from the desired object or from what we
// own.
func TestOwnershipAgreesWithLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	recordedDesired, recordedLive := recordedPair(t)
	for i := range 2000 {
		desired, live := recordedDesired.DeepCopy(), recordedLive.DeepCopy()
		fields := ownedFields(live, recordedManager)
		require.NotNil(t, fields)
		what := ""
		for range random.IntN(3) {
			if random.IntN(2) == 0 {
				what += " desired" + cut(random, desired.Object["spec"], "")
			} else {
				what += " owned" + cut(random, fields["f:spec"], "")
			}
		}
		desired = normal(desired)
		if schema.Check(desired) != nil {
			continue // The cut has taken the key of an item.
		}
		equal := fieldsOf(t, desired).Equals(setOf(t, fields))
		moved := slices.ContainsFunc(compare(desired, live, recordedManager), func(d difference) bool { return d.kind != value })
		require.Equal(t, equal, !moved, "%d: cut%s", i, what)
	}
}

// cut removes one entry somewhere in a tree and says which.
func cut(random *rand.Rand, tree any, path string) string {
	switch tree := tree.(type) {
	case map[string]any:
		if len(tree) == 0 {
			return path
		}
		names := make([]string, 0, len(tree))
		for name := range tree {
			if name != "." {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			return path
		}
		slices.Sort(names)
		name := names[random.IntN(len(names))]
		if _, isScalar := tree[name].(string); isScalar || random.IntN(5) == 0 {
			delete(tree, name)
			return path + "." + name
		}
		return cut(random, tree[name], path+"."+name)
	case []any:
		return cut(random, tree[random.IntN(len(tree))], path+"[]")
	}
	return path
}

func TestIdleComparisonFindsNothing(t *testing.T) {
	desired, live := recordedPair(t)
	require.Empty(t, compare(desired, live, recordedManager))
	require.NotEmpty(t, compare(desired, live, "somebody-else"))
}
