package apply_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: pooler, labels: {application: spilo, team: acid}, annotations: {a: b}}
spec:
  replicas: 2
  selector: {matchLabels: {app: pooler}}
  template:
    metadata: {labels: {app: pooler}}
    spec:
      containers:
      - name: pooler
        image: pgbouncer:1
        resources: {limits: {cpu: "1"}}
        env: [{name: A, value: a}, {name: B, value: b}]
      - {name: sidecar, image: sidecar:1}
`

func TestChangedFieldsAreSent(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)

	changed := set(object, int64(3), "spec", "replicas")
	containers, _, err := unstructured.NestedSlice(changed.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	containers[0].(map[string]any)["image"] = "pgbouncer:2"
	changed = set(changed, containers, "spec", "template", "spec", "containers")

	changes, writes := w.must(changed)
	require.Len(t, writes, 1, "the desired object is another: no dry run is needed")
	require.Equal(t, `update deployment `+w.env.Namespace+`/pooler
  spec.replicas: 2 -> 3
  spec.template.spec.containers[pooler].image: "pgbouncer:1" -> "pgbouncer:2"`, changes.String())
	require.EqualValues(t, 2, changes[0].Live.GetGeneration())
	w.idle(changed)
}

func TestRemovedFieldsAreRemoved(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)

	without := set(set(object, nil, "metadata", "annotations"), nil, "metadata", "labels", "team")
	containers, _, err := unstructured.NestedSlice(without.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	pooler := containers[0].(map[string]any)
	delete(pooler, "resources")
	pooler["env"] = pooler["env"].([]any)[1:]
	without = set(without, containers[:1], "spec", "template", "spec", "containers")

	changes, writes := w.must(without)
	require.Len(t, writes, 1)
	require.Equal(t, `update deployment `+w.env.Namespace+`/pooler
  metadata.annotations.a: removed "b"
  metadata.labels.team: removed "acid"
  spec.template.spec.containers[pooler].env[A]: removed {"name":"A","value":"a"}
  spec.template.spec.containers[pooler].resources.limits.cpu: removed "1"`,
		firstLines(changes.String(), 5))
	require.Contains(t, changes.String(), "spec.template.spec.containers[sidecar]: removed")
	require.NotContains(t, w.get(without).GetLabels(), "team")
	w.idle(without)
}

// A field that moves inside a value that is replaced as a whole leaves no trace
// in managedFields; it must go all the same.
func TestRemovalInsideAnAtomicValue(t *testing.T) {
	w := newWorld(t)
	object := w.object(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec:
      tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5}]
      containers: [{name: a, image: a, args: [one, two], env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}]}]
`)
	w.must(object)
	without := w.object(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec:
      tolerations: [{key: a, operator: Exists, effect: NoExecute}]
      containers: [{name: a, image: a, args: [one], env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]
`)
	changes, _ := w.must(without)
	require.Equal(t, `update deployment `+w.env.Namespace+`/a
  spec.template.spec.containers[a].args: ["one","two"] -> ["one"]
  spec.template.spec.containers[a].env[A].valueFrom.secretKeyRef.optional: removed true
  spec.template.spec.tolerations[0].tolerationSeconds: removed 5`, changes.String())
	w.idle(without)
	w.restart()
	w.idle(without)
}

func TestForeignFieldsStay(t *testing.T) {
	w := newWorld(t)
	object := set(w.object(deployment), nil, "spec", "replicas")
	w.must(object)
	w.patch(object, "autoscaler", "spec: {replicas: 7}")
	w.patch(object, "mesh", `{metadata: {annotations: {mesh: "on"}, labels: {mesh: "on"}, finalizers: [example.com/mesh]},
	  spec: {template: {metadata: {annotations: {restartedAt: now}}}}}`)
	w.idle(object)

	w.must(set(object, "c", "metadata", "annotations", "a"))
	live := w.get(object)
	require.Equal(t, map[string]string{"a": "c", "mesh": "on"}, live.GetAnnotations())
	require.EqualValues(t, 7, w.field(object, "spec", "replicas"))
	require.Equal(t, []string{"example.com/mesh"}, live.GetFinalizers())
	w.patch(object, "mesh", "metadata: {finalizers: null}")
}

// Containers that somebody injects, before and after ours.
func TestForeignItemsStay(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	live := w.get(object)
	containers, _, err := unstructured.NestedSlice(live.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	proxy := map[string]any{"name": "proxy", "image": "proxy:1"}
	containers = append([]any{proxy}, containers...)
	require.NoError(t, unstructured.SetNestedSlice(live.Object, containers, "spec", "template", "spec", "containers"))
	require.NoError(t, w.client.Update(t.Context(), live, client.FieldOwner("mesh")))
	w.idle(object)
}

func TestDriftIsUndone(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	w.patch(object, "someone", "{spec: {replicas: 5}, metadata: {labels: {team: null}}}")

	changes, writes := w.must(object)
	require.Len(t, writes, 1, "somebody has taken the fields: no dry run is needed")
	require.Equal(t, `update deployment `+w.env.Namespace+`/pooler
  metadata.labels.team: added "acid"
  spec.replicas: 5 -> 2`, changes.String())
	require.Equal(t, "acid", w.get(object).GetLabels()["team"])
	w.idle(object)
}

// Another manager that applies our fields, forced, with other and with the
// same values.
func TestConflictsAreForced(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	theirs := set(set(object, int64(9), "spec", "replicas"), nil, "spec", "template")
	theirs = set(theirs, nil, "metadata", "labels")
	require.NoError(t, w.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(theirs.Unstructured),
		client.FieldOwner("someone"), client.ForceOwnership))

	changes, writes := w.must(object)
	require.Len(t, writes, 1)
	require.Contains(t, changes.String(), "spec.replicas: 9 -> 2")
	require.EqualValues(t, 2, w.field(object, "spec", "replicas"))
	w.idle(object)
}

// Somebody updates an object and thereby removes our entry altogether.
func TestLostManagedFieldsAreRegained(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	w.patch(object, "someone", "metadata: {managedFields: [{}]}")
	changes, writes := w.must(object)
	require.Len(t, writes, 1)
	require.Equal(t, "update deployment "+w.env.Namespace+"/pooler\n  field ownership", changes.String())
	// The server ascribes what had no owner to before-first-apply; taking that over ends it.
	w.must(object)
	w.idle(object)
}

// The order of a keyed list counts where one entry refers to another.
func TestReorderedItems(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	env := containers[0].(map[string]any)["env"].([]any)
	env[0], env[1] = env[1], env[0]
	swapped := set(object, containers, "spec", "template", "spec", "containers")

	changes, _ := w.must(swapped)
	require.Contains(t, changes.String(), `spec.template.spec.containers[pooler].env: ["A","B"] -> ["B","A"]`)
	w.idle(swapped)
	after, _, err := unstructured.NestedSlice(w.get(object).Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	require.Equal(t, "B", after[0].(map[string]any)["env"].([]any)[0].(map[string]any)["name"])
}

func TestQuantitiesAreComparedByValue(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	same := w.object(deployment)
	containers, _, err := unstructured.NestedSlice(same.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	limits := containers[0].(map[string]any)["resources"].(map[string]any)["limits"].(map[string]any)
	for _, spelling := range []any{"1000m", int64(1), "1.0", float64(1), "1e0"} {
		limits["cpu"] = spelling
		w.idle(set(same, containers, "spec", "template", "spec", "containers"))
	}
	limits["cpu"] = "1001m"
	changes, _ := w.must(set(same, containers, "spec", "template", "spec", "containers"))
	require.Contains(t, changes.String(), `resources.limits.cpu: "1" -> "1001m"`)
}

func TestSecretsAreMaskedAndMerged(t *testing.T) {
	w := newWorld(t)
	object := w.object("{apiVersion: v1, kind: Secret, metadata: {name: a, labels: {x: one}}, data: {a: b25l}, stringData: {b: two}}")
	w.must(object)
	require.Equal(t, map[string]any{"a": "b25l", "b": "dHdv"}, w.field(object, "data"))
	w.idle(w.object("{apiVersion: v1, kind: Secret, metadata: {name: a, labels: {x: one}}, data: {a: b25l, b: dHdv}}"))

	changed := w.object("{apiVersion: v1, kind: Secret, metadata: {name: a, labels: {x: two}}, data: {b: dGhyZWU=, c: Zm91cg==}}")
	changes, _ := w.must(changed)
	require.Equal(t, `update secret `+w.env.Namespace+`/a
  data.a: removed (secret)
  data.b: changed
  data.c: added (secret)
  metadata.labels.x: "one" -> "two"`, changes.String())
	w.idle(changed)
}

func firstLines(text string, n int) string {
	lines := strings.SplitAfterN(text, "\n", n+1)
	return strings.TrimSuffix(strings.Join(lines[:n], ""), "\n")
}
