package apply_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"postgres-operator/apply"
)

// BenchmarkIdle compares a StatefulSet of two containers and 20 environment
// variables with its live counterpart, as every pass over a healthy cluster
// does. The live object is one that an API server returned; the test
// TestRecordedStatefulSet keeps it current.
func BenchmarkIdle(b *testing.B) {
	desired, live := recorded(b)
	applier := apply.New(nil, apply.Options{Manager: manager})
	request := apply.Request{Desired: []apply.Object{{ID: "statefulset", Unstructured: desired}}, Live: []*unstructured.Unstructured{live}}
	require.Equal(b, apply.Unchanged, applier.Plan(request)[0].Verb)
	b.ReportAllocs()
	for b.Loop() {
		applier.Plan(request)
	}
}

const recording = "../testdata/apply/statefulset-live.json"

// recorded returns the StatefulSet of objects.yaml and what an API server made
// of it.
func recorded(t testing.TB) (desired, live *unstructured.Unstructured) {
	t.Helper()
	documents := documents(t, "../testdata/apply/objects.yaml")
	desired = &unstructured.Unstructured{Object: map[string]any{}}
	require.NoError(t, yaml.Unmarshal([]byte(documents[len(documents)-1]), &desired.Object))
	desired.SetNamespace("default")
	text, err := os.ReadFile(recording)
	require.NoError(t, err)
	live = &unstructured.Unstructured{}
	require.NoError(t, live.UnmarshalJSON(text))
	return desired, live
}

// TestRecordedStatefulSet records with -update, and else fails when the API
// server has come to record ownership differently.
func TestRecordedStatefulSet(t *testing.T) {
	w := newWorld(t)
	documents := documents(t, "../testdata/apply/objects.yaml")
	object := w.object(documents[len(documents)-1])
	w.must(object)
	live := w.get(object)
	live.SetNamespace("default")
	live.SetUID("00000000-0000-0000-0000-000000000000")
	live.SetResourceVersion("1")
	unstructured.RemoveNestedField(live.Object, "metadata", "creationTimestamp")
	entries := live.GetManagedFields()
	for i := range entries {
		entries[i].Time = nil
	}
	live.SetManagedFields(entries)
	text, err := json.MarshalIndent(live.Object, "", " ")
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(recording, append(text, '\n'), 0o644))
	}
	_, want := recorded(t)
	require.Equal(t, want.GetManagedFields(), live.GetManagedFields())
}
