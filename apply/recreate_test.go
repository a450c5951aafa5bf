package apply_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/apply"
)

const statefulSet = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a, labels: {application: spilo}}
spec:
  replicas: 2
  serviceName: a
  selector: {matchLabels: {application: spilo}}
  template:
    metadata: {labels: {application: spilo}}
    spec: {containers: [{name: postgres, image: spilo:1}]}
  volumeClaimTemplates:
  - metadata: {name: pgdata}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

// bigger is the StatefulSet with a larger volume: a field that cannot change.
func (w *world) bigger(o apply.Object) apply.Object {
	templates, _, err := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
	require.NoError(w, err)
	require.NoError(w, unstructured.SetNestedField(templates[0].(map[string]any), "2Gi", "spec", "resources", "requests", "storage"))
	return set(o, templates, "spec", "volumeClaimTemplates")
}

// pod makes a pod that belongs to the StatefulSet, as its controller would.
func (w *world) pod(owner *unstructured.Unstructured) apply.Object {
	pod := w.object("{apiVersion: v1, kind: Pod, metadata: {name: a-0, labels: {application: spilo}}, spec: {containers: [{name: postgres, image: spilo:1}]}}")
	pod = set(pod, []any{map[string]any{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "a", "uid": string(owner.GetUID()), "controller": true}}, "metadata", "ownerReferences")
	require.NoError(w, w.client.Create(w.Context(), pod.DeepCopy()))
	return pod
}

// collect does what Kubernetes' garbage collector does for an object that is
// deleted with its dependents orphaned: releases it once they are.
func (w *world) collect(o apply.Object) {
	w.Helper()
	obj := w.get(o)
	require.NotNil(w, obj.GetDeletionTimestamp())
	require.Equal(w, []string{"orphan"}, obj.GetFinalizers(), "the dependents are not to be deleted")
	w.patch(o, "garbage-collector", "metadata: {finalizers: null}")
	require.False(w, w.exists(o))
}

func orphan() apply.Rule {
	return apply.Rule{Kind: "StatefulSet", Policy: apply.Policy{Immutable: apply.Orphan}}
}

func TestRecreateKeepsPods(t *testing.T) {
	w := newWorld(t, orphan())
	object := w.object(statefulSet)
	w.must(object)
	before := w.get(object).GetUID()
	pod := w.pod(w.get(object))
	changed := w.bigger(object)

	changes, writes := w.must(changed)
	require.Len(t, writes, 1)
	require.Equal(t, "DELETE", writes[0].Method)
	require.Equal(t, `recreate statefulset `+w.env.Namespace+`/a (spec.volumeClaimTemplates[0].spec.resources.requests.storage cannot change)
  spec.volumeClaimTemplates[0].spec.resources.requests.storage: "1Gi" -> "2Gi"`, changes.String())
	require.Contains(t, changes.Inventory(), apply.RefOf("statefulset/a", object.Unstructured))

	w.restart(orphan()) // killed between the two steps
	changes, writes = w.must(changed)
	require.Empty(t, writes)
	require.Equal(t, apply.Skip, changes[0].Verb)

	w.collect(changed)
	w.restart(orphan()) // and again
	changes, writes = w.must(changed)
	require.Len(t, writes, 1)
	require.Equal(t, apply.Create, changes[0].Verb)
	require.NotEqual(t, before, w.get(object).GetUID())
	require.Nil(t, w.get(pod).GetDeletionTimestamp())
	w.idle(changed)
}

// A change that the API server allows never recreates, whatever the policy.
func TestMutableFieldsAreUpdatedInPlace(t *testing.T) {
	w := newWorld(t, orphan())
	object := w.object(statefulSet)
	w.must(object)
	before := w.get(object).GetUID()
	object = set(object, int64(3), "spec", "replicas")
	object = set(object, "b", "spec", "template", "metadata", "labels", "a")
	object = set(object, "c", "metadata", "annotations", "b")
	object = set(object, "Delete", "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted")
	_, writes := w.must(object)
	require.Len(t, writes, 1)
	require.Equal(t, before, w.get(object).GetUID())
	w.idle(object)
}

func TestImmutableFieldsAreRefusedWithoutAPolicy(t *testing.T) {
	w := newWorld(t)
	object := w.object(statefulSet)
	w.must(object)
	changes, writes := w.apply(w.bigger(set(object, "other", "spec", "serviceName")))
	require.Empty(t, writes)
	require.EqualError(t, changes.Err(), "apply statefulset "+w.env.Namespace+"/a: spec.serviceName, "+
		"spec.volumeClaimTemplates[0].spec.resources.requests.storage cannot change; delete the object to have it created anew")
	require.Equal(t, apply.ImmutableField, apply.ReasonOf(changes.Err()))
	require.Len(t, changes[0].Fields, 2)
}

// Created anew it would have one replica, however many an autoscaler has set.
func TestRecreateNeverLosesTheScale(t *testing.T) {
	w := newWorld(t, orphan())
	object := set(w.object(statefulSet), nil, "spec", "replicas")
	w.must(object)
	w.patch(object, "autoscaler", "spec: {replicas: 4}")
	changes, writes := w.apply(w.bigger(object))
	require.Empty(t, writes)
	require.ErrorContains(t, changes.Err(), "creating it anew would lose spec.replicas, which somebody else sets")
}

// Each field of the table is one that the API server really refuses.
func TestTableOfImmutableFields(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		text  string
		value any
		path  []string
	}{
		{statefulSet, "b", []string{"spec", "serviceName"}},
		{statefulSet, "Parallel", []string{"spec", "podManagementPolicy"}},
		{deployment, map[string]any{"app": "pooler", "b": "c"}, []string{"spec", "selector", "matchLabels"}},
		{"{apiVersion: v1, kind: Secret, metadata: {name: a}, type: Opaque}", "example.com/x", []string{"type"}},
		{"{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: a}}", "b", []string{"roleRef", "name"}},
		{"{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, spec: {storageClassName: a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}", "b", []string{"spec", "storageClassName"}},
		{"{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}", "b", []string{"spec", "template", "spec", "serviceAccountName"}},
	} {
		object := w.object(test.text)
		w.must(object)
		changed := set(object, test.value, test.path...)
		changes, writes := w.apply(changed)
		require.Empty(t, writes, object.ID)
		require.Equal(t, apply.ImmutableField, apply.ReasonOf(changes.Err()), object.ID)

		refused := w.send(changed)
		require.Equal(t, apply.Invalid, apply.ReasonOf(refused), "%s: the API server says %v", object.ID, refused)
	}
}
