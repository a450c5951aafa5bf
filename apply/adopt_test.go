package apply_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/apply"
)

// managers lists who is recorded on an object: manager/operation.
func (w *world) managers(o apply.Object) []string {
	w.Helper()
	var names []string
	for _, entry := range w.get(o).GetManagedFields() {
		names = append(names, fmt.Sprintf("%s/%s", entry.Manager, entry.Operation))
	}
	return names
}

// create makes an object by a plain request, as a client-side operator does.
func (w *world) create(by string, o apply.Object) {
	w.Helper()
	require.NoError(w, w.client.Create(w.Context(), o.DeepCopy(), client.FieldOwner(by)))
}

// Everything that another operator has made of the same content is taken over:
// nothing but managedFields changes, no generation moves, and then it is idle.
func TestAdoptionOfEachKind(t *testing.T) {
	w := newWorld(t)
	var all []apply.Object
	for _, text := range documents(t, "../testdata/apply/objects.yaml") {
		object := w.object(text)
		all = append(all, object)
		t.Run(object.ID, func(t *testing.T) {
			w := *w
			w.T = t
			w.create(legacy, object)
			before := w.get(object)
			if before.GetManagedFields() == nil {
				w.idle(object) // But a name: there is nothing to own.
				return
			}

			changes, writes := w.must(object)
			require.LessOrEqual(t, len(writes), 2)
			require.Equal(t, apply.Update, changes[0].Verb)
			require.Equal(t, "takes over the fields of "+legacy, changes[0].Reason)
			require.Equal(t, []string{manager + "/Apply"}, w.managers(object))

			after := w.get(object)
			require.Equal(t, before.GetUID(), after.GetUID())
			require.Equal(t, before.GetGeneration(), after.GetGeneration())
			for _, obj := range []*unstructured.Unstructured{before, after} {
				obj.SetManagedFields(nil)
				obj.SetResourceVersion("")
			}
			require.Equal(t, before.Object, after.Object)
		})
	}
	w.idle(all...)
	w.restart()
	w.idle(all...)
}

func TestAdoptionRemovesWhatIsNoLongerDesired(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	old := set(object, "old", "metadata", "annotations", "old")
	old = set(old, int64(7), "spec", "revisionHistoryLimit")
	w.create(legacy, old)
	w.patch(object, "mesh", "metadata: {annotations: {mesh: 'on'}}")

	changes, writes := w.must(object)
	require.Len(t, writes, 2)
	require.Contains(t, changes.String(), `metadata.annotations.old: removed "old"`)
	require.Contains(t, changes.String(), `spec.revisionHistoryLimit: removed 7`)
	require.Equal(t, map[string]string{"a": "b", "mesh": "on"}, w.get(object).GetAnnotations())
	require.EqualValues(t, 10, w.field(object, "spec", "revisionHistoryLimit"), "the default")
	require.Equal(t, []string{manager + "/Apply", "mesh/Update"}, w.managers(object))
	w.idle(object)
}

// The former operator set the number of replicas and wrote the endpoints once;
// an autoscaler and Patroni rely on both since.
func TestAdoptionReleasesWhatBelongsToOthers(t *testing.T) {
	w := newWorld(t)
	workload := w.object(statefulSet)
	w.create(legacy, set(workload, int64(5), "spec", "replicas"))
	endpoints := w.object("{apiVersion: v1, kind: Endpoints, metadata: {name: a, labels: {application: spilo}}}")
	w.create(legacy, w.object("{apiVersion: v1, kind: Endpoints, metadata: {name: a, labels: {application: spilo, old: one}}, subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 5432}]}]}"))

	unscaled := set(workload, nil, "spec", "replicas")
	w.must(unscaled, endpoints)
	require.EqualValues(t, 5, w.field(workload, "spec", "replicas"))
	require.Len(t, w.field(endpoints, "subsets"), 1)
	require.Equal(t, map[string]string{"application": "spilo"}, w.get(endpoints).GetLabels())
	w.idle(unscaled, endpoints)

	w.must(workload) // Now there is an opinion.
	require.EqualValues(t, 2, w.field(workload, "spec", "replicas"))
}

// Plain updates by the former operator after we took over, as when it still
// runs, are taken over again.
func TestAdoptionAgain(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	w.patch(object, legacy, "{spec: {replicas: 4}, metadata: {annotations: {theirs: x1}}}")
	_, writes := w.must(object)
	require.LessOrEqual(t, len(writes), 2)
	require.EqualValues(t, 2, w.field(object, "spec", "replicas"))
	require.Equal(t, map[string]string{"a": "b"}, w.get(object).GetAnnotations())
	w.idle(object)
}

// An object without managedFields: older than server-side apply.
func TestAdoptionOfAncientObjects(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.create("someone", object)
	w.patch(object, "someone", "metadata: {managedFields: [{}], annotations: {gone: x1}}")
	require.Empty(t, w.managers(object))
	w.must(object)
	require.Contains(t, w.managers(object), "before-first-apply/Update")
	changes, writes := w.must(object)
	require.LessOrEqual(t, len(writes), 2)
	require.Equal(t, "takes over the fields of before-first-apply", changes[0].Reason)
	require.Equal(t, map[string]string{"a": "b"}, w.get(object).GetAnnotations())
	w.idle(object)
}

// Killed after the first of the two requests.
func TestAdoptionIsResumed(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.create(legacy, set(object, "old", "metadata", "annotations", "old"))
	broken := apply.New(failing{w.client}, apply.Options{Manager: manager, Legacy: []string{legacy}})
	changes := broken.Apply(t.Context(), apply.Request{Desired: []apply.Object{object}, Live: w.live()})
	require.Equal(t, apply.Unavailable, apply.ReasonOf(changes.Err()))
	require.Equal(t, []string{manager + "/Apply"}, w.managers(object))

	_, writes := w.must(object)
	require.Len(t, writes, 1)
	require.Equal(t, map[string]string{"a": "b"}, w.get(object).GetAnnotations())
	w.idle(object)
}

// A change between reading and taking over must not be lost.
func TestAdoptionOfAStaleObject(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.create(legacy, object)
	stale := w.live()
	w.patch(object, "someone", "metadata: {annotations: {x: x1}}")
	changes, _ := w.run(apply.Request{Desired: []apply.Object{object}, Live: stale})
	require.Equal(t, apply.Conflict, apply.ReasonOf(changes.Err()))
	w.must(object)
	require.Contains(t, w.managers(object), "someone/Update")
	w.idle(object)
}

func TestStrip(t *testing.T) {
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, subresource string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Subresource: subresource, FieldsType: "FieldsV1", APIVersion: "v1"}
	}
	strip := func(entries ...metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
		obj := &unstructured.Unstructured{Object: map[string]any{}}
		obj.SetManagedFields(entries)
		out, err := apply.Strip(manager, legacy)(obj)
		require.NoError(t, err)
		return out.(*unstructured.Unstructured).GetManagedFields()
	}
	ours, other := entry(manager, "Apply", ""), entry("kubelet", "Update", "status")
	require.Equal(t, []metav1.ManagedFieldsEntry{ours}, strip(other, ours))
	require.Empty(t, strip(other))
	require.Equal(t, []metav1.ManagedFieldsEntry{ours}, strip(ours, entry(legacy, "Update", "status")))
	for _, former := range []string{legacy, manager, "before-first-apply"} {
		require.Len(t, strip(other, ours, entry(former, "Update", "")), 3, "all are needed to take %s over", former)
	}
	tombstone, err := apply.Strip(manager)("gone")
	require.NoError(t, err)
	require.Equal(t, "gone", tombstone)
}
