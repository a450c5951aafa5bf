package apply_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/apply"
)

// What a plan says will become of an object is what the API server makes of it: changed, added and removed
// fields, those of others, and defaults.
func TestResultIsWhatTheServerMakes(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	foreign := object.DeepCopy()
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(object), foreign))
	foreign.SetLabels(map[string]string{"application": "spilo", "team": "acid", "theirs": "x"})
	require.NoError(t, w.client.Update(t.Context(), foreign, client.FieldOwner("somebody")))

	next := set(set(object, nil, "metadata", "annotations"), nil, "metadata", "labels", "team")
	containers, _, err := unstructured.NestedSlice(next.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	pooler := containers[0].(map[string]any)
	pooler["image"], pooler["env"] = "pgbouncer:2", append(pooler["env"].([]any)[1:], map[string]any{"name": "C", "value": "c"})
	delete(pooler, "resources")
	next = set(next, containers[:1], "spec", "template", "spec", "containers")

	plan := w.applier.Plan(apply.Request{Desired: []apply.Object{next}, Live: w.live()})
	require.Equal(t, apply.Update, plan[0].Verb)
	foreseen, err := plan[0].Result()
	require.NoError(t, err)
	changes, _ := w.must(next)
	made := changes[0].Live
	require.Equal(t, made.Object["spec"], foreseen.Object["spec"])
	require.Equal(t, made.GetLabels(), foreseen.GetLabels())
	require.Equal(t, "x", foreseen.GetLabels()["theirs"])
	require.Equal(t, made.GetAnnotations()["a"], foreseen.GetAnnotations()["a"])
}
