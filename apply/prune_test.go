package apply_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/apply"
)

func (w *world) exists(o apply.Object) bool {
	w.Helper()
	err := w.client.Get(w.Context(), client.ObjectKeyFromObject(o.Unstructured), o.DeepCopy())
	require.NoError(w, client.IgnoreNotFound(err))
	return !apierrors.IsNotFound(err)
}

func (w *world) configMap(name, label string) apply.Object {
	return w.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + ", labels: {application: " + label + "}}, data: {a: b}}")
}

func TestWhatIsNoLongerDesiredIsDeleted(t *testing.T) {
	w := newWorld(t)
	keep, drop := w.configMap("keep", "spilo"), w.configMap("drop", "spilo")
	w.must(keep, drop)

	changes, writes := w.prune(keep)
	require.NoError(t, changes.Err())
	require.Len(t, writes, 1)
	require.Equal(t, "delete configmap "+w.env.Namespace+"/drop", changes.String())
	require.False(t, w.exists(drop))
	require.True(t, w.exists(keep))
	require.Equal(t, []apply.Ref{{ID: "configmap/keep", APIVersion: "v1", Kind: "ConfigMap", Namespace: w.env.Namespace, Name: "keep"}}, changes.Inventory())

	changes, writes = w.prune(keep)
	require.NoError(t, changes.Err())
	require.Empty(t, writes)
}

// Four objects that look like ours and are not to be deleted.
func TestPruningIsGuarded(t *testing.T) {
	w := newWorld(t)
	relabelled, foreign, theirs := w.configMap("relabelled", "spilo"), w.configMap("foreign", "spilo"), w.configMap("theirs", "spilo")
	secret := w.object("{apiVersion: v1, kind: Secret, metadata: {name: credentials, labels: {application: spilo}}, data: {a: b25l}}")
	claim := w.object("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: pgdata, labels: {application: spilo}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}")
	w.must(relabelled, secret, claim)
	w.patch(relabelled, "someone", "metadata: {labels: {application: other}}")
	require.NoError(t, w.client.Create(t.Context(), foreign.DeepCopy(), client.FieldOwner("someone")))
	require.NoError(t, w.client.Create(t.Context(), theirs.DeepCopy(), client.FieldOwner(legacy)))

	var inventory []apply.Ref
	for _, o := range []apply.Object{relabelled, foreign, theirs, secret, claim} {
		inventory = append(inventory, apply.RefOf(o.ID, o.Unstructured))
	}
	changes, writes := w.run(apply.Request{Live: w.live(), Previous: inventory, Labels: map[string]string{"application": "spilo"}})
	require.NoError(t, changes.Err())
	require.Empty(t, writes)
	for _, o := range []apply.Object{relabelled, foreign, theirs, secret, claim} {
		require.True(t, w.exists(o), o.ID)
	}
	require.Len(t, changes, 3, "%s", changes)
	for _, c := range changes {
		require.Equal(t, apply.Skip, c.Verb)
		require.Contains(t, c.Reason, "no longer desired, but")
	}

	changes, writes = w.run(apply.Request{Live: w.live(), Previous: inventory})
	require.Empty(t, writes, "no labels are no licence to delete everything: %s", changes)
}

func TestPolicyDecidesOnPruning(t *testing.T) {
	w := newWorld(t,
		apply.Rule{Kind: "Secret", ID: "secret/pooler*", Policy: apply.Policy{Propagation: metav1.DeletePropagationForeground}},
		apply.Rule{Kind: "ConfigMap", Policy: apply.Policy{Keep: true}})
	kept, dropped := w.configMap("a", "spilo"), w.object("{apiVersion: v1, kind: Secret, metadata: {name: pooler-user, labels: {application: spilo}}}")
	changes, _ := w.must(kept, dropped)
	changes, writes := w.run(apply.Request{Live: w.live(), Previous: changes.Inventory(), Labels: map[string]string{"application": "spilo"}})
	require.NoError(t, changes.Err())
	require.Len(t, writes, 1)
	require.True(t, w.exists(kept))
	secret := w.get(dropped)
	require.NotNil(t, secret.GetDeletionTimestamp(), "in the foreground: it stays until a garbage collector has been there")
	require.Equal(t, []string{"foregroundDeletion"}, secret.GetFinalizers())

	changes, writes = w.apply(dropped)
	require.Empty(t, writes)
	require.Equal(t, apply.Skip, changes[0].Verb)
	require.Equal(t, "is being deleted", changes[0].Reason)
}

func TestNothingIsPrunedAfterAFailure(t *testing.T) {
	w := newWorld(t)
	old := w.configMap("old", "spilo")
	w.must(old)
	broken := w.object("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 99999}]}}")
	other := w.configMap("other", "spilo")
	changes, _ := w.prune(broken, other)
	require.ErrorContains(t, changes.Err(), "apply service "+w.env.Namespace+"/a: ")
	require.True(t, w.exists(other), "one failing object stops no other")
	require.True(t, w.exists(old), "its replacement may be what failed")
	require.Contains(t, changes.Inventory(), apply.RefOf("", old.Unstructured), "it is still to be pruned")
}

// An object that was deleted and made anew by somebody since it was read.
func TestOnlyTheObjectThatWasSeenIsDeleted(t *testing.T) {
	w := newWorld(t)
	object := w.configMap("a", "spilo")
	w.must(object)
	stale := w.live()
	require.NoError(t, w.client.Delete(t.Context(), object.DeepCopy()))
	require.NoError(t, w.client.Create(t.Context(), object.DeepCopy()))

	changes, _ := w.run(apply.Request{Live: stale, Previous: apply.Managed(stale, manager), Labels: map[string]string{"application": "spilo"}})
	require.Equal(t, apply.Conflict, apply.ReasonOf(changes.Err()))
	require.True(t, w.exists(object))
}

func TestOrder(t *testing.T) {
	w := newWorld(t)
	var all []apply.Object
	for _, kind := range []string{"Mystery", "CronJob", "StatefulSet", "Secret", "PodDisruptionBudget", "Endpoints", "Service", "RoleBinding", "ServiceAccount"} {
		all = append(all, w.object("{apiVersion: v1, kind: "+kind+", metadata: {name: a}}"))
	}
	var kinds []string
	for _, c := range apply.New(nil, apply.Options{Manager: manager}).Plan(apply.Request{Desired: all}) {
		kinds = append(kinds, c.Kind)
	}
	require.Equal(t, []string{"ServiceAccount", "RoleBinding", "Secret", "Service", "Endpoints", "PodDisruptionBudget", "StatefulSet", "CronJob", "Mystery"}, kinds)
}
