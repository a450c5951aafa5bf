package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// gone waits until a cluster has nothing left but the objects named as in objects.
func (w *world) gone(cluster string, but ...string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) {
		assert.ElementsMatch(c, but, w.objects(cluster))
		assert.Empty(c, w.pods(cluster))
	}, "cluster %s is gone", cluster)
}

func (w *world) pods(cluster string) []string {
	w.Helper()
	var pods corev1.PodList
	require.NoError(w, w.client.List(w.Context(), &pods, client.InNamespace(w.namespace), client.MatchingLabels{"cluster-name": cluster}))
	var list []string
	for _, p := range pods.Items {
		list = append(list, p.Name)
	}
	return list
}

func TestDeletionTakesEverythingAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: w.namespace, Name: "a-users-own", Labels: map[string]string{"cluster-name": clusterName, "application": "spilo"},
	}})
	w.create(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "dumps", Labels: map[string]string{"cluster-name": clusterName}},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resourceOne}},
		},
	})
	require.Contains(t, w.objects(clusterName), "ConfigMap acid-test-config", "Patroni keeps state")
	require.Contains(t, w.objects(clusterName), "PersistentVolumeClaim pgdata-acid-test-1")

	w.delete(postgresqlKind, clusterName)
	w.gone(clusterName, "Secret a-users-own", "PersistentVolumeClaim dumps")
	require.NotNil(t, w.get(serviceAccountKind, "postgres-pod"), "it serves the whole namespace")
	require.NotNil(t, w.get(roleBindingKind, "postgres-pod"))
}

func TestDeletionGoesInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	k.linger(true)
	before := w.objects(clusterName)

	w.delete(postgresqlKind, clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.NotNil(c, w.get(statefulSetKind, clusterName).GetDeletionTimestamp())
	}, "the StatefulSet goes first")
	w.stays(func() bool { return slices.Equal(before, w.objects(clusterName)) && len(w.pods(clusterName)) == 2 },
		"while there are pods, everything they need is there")
	require.Equal(t, "begun", w.get(serviceKind, clusterName).GetAnnotations()[teardownAnnotation])

	w.edit(secretKind, "postgres.acid-test.credentials", func(o *unstructured.Unstructured) { o.SetFinalizers([]string{"example.com/hold"}) })
	k.linger(false)
	w.eventually(func(c *assert.CollectT) {
		assert.ElementsMatch(c, []string{"Service acid-test", "Secret postgres.acid-test.credentials"}, w.objects(clusterName))
	}, "the primary's Service goes last")
	w.stays(func() bool { return w.get(serviceKind, clusterName).GetDeletionTimestamp() == nil }, "it marks what is not finished")

	w.edit(secretKind, "postgres.acid-test.credentials", func(o *unstructured.Unstructured) { o.SetFinalizers(nil) })
	w.gone(clusterName)
}

func TestDeletionSwitches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_secrets_deletion", "false", "enable_persistent_volume_claim_deletion", "false")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	password := w.password("zalando")
	w.delete(postgresqlKind, clusterName)
	kept := []string{
		"Secret foo-user.acid-test.credentials", "Secret postgres.acid-test.credentials",
		"Secret standby.acid-test.credentials", "Secret zalando.acid-test.credentials",
		"PersistentVolumeClaim pgdata-acid-test-0", "PersistentVolumeClaim pgdata-acid-test-1",
	}
	w.gone(clusterName, kept...)

	w.configure("enable_secrets_deletion", "true", "enable_persistent_volume_claim_deletion", "true")
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, w.notes("ConfigMap", "operator"), `Normal ConfigurationChanged: now in force: `+
			`enable_secrets_deletion: false -> true; enable_persistent_volume_claim_deletion: false -> true`)
	}, "the switches are in force")
	w.edit(secretKind, "zalando.acid-test.credentials", func(o *unstructured.Unstructured) { setAnnotation(o, "touched", "yes") })
	w.stays(func() bool { return slices.Equal(kept[:4], secrets(w.objects(clusterName))) },
		"what was kept when the cluster was deleted stays, whatever is configured later")

	w.runningCluster(clusterName)
	require.Equal(t, password, w.password("zalando"), "a new cluster of the name takes them over")
}

func secrets(objects []string) []string {
	return slices.DeleteFunc(objects, func(o string) bool { return !strings.HasPrefix(o, "Secret ") })
}

func TestDeletedWhileTheOperatorWasDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	w.runningCluster("acid-other")
	op.stop()
	other := w.objects("acid-other")
	w.delete(postgresqlKind, clusterName)
	time.Sleep(100 * time.Millisecond)
	require.NotEmpty(t, w.objects(clusterName), "nobody is there to clean up")

	w.start()
	w.gone(clusterName)
	require.Equal(t, other, w.objects("acid-other"))
	w.reaches("acid-other", apiv1.ClusterStatusRunning)
}

func TestStoppedInTheMiddleOfADeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	k.linger(true)
	w.delete(postgresqlKind, clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.NotNil(c, w.get(statefulSetKind, clusterName).GetDeletionTimestamp())
	}, "the deletion begins")
	op.stop()
	k.linger(false)
	w.start()
	w.gone(clusterName)
}

func TestManifestThatComesBackWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	k.linger(true)
	first := w.get(statefulSetKind, clusterName).GetUID()
	w.delete(postgresqlKind, clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.NotNil(c, w.get(statefulSetKind, clusterName).GetDeletionTimestamp())
	}, "the deletion begins")

	w.create(w.minimal(clusterName))
	pg := w.reaches(clusterName, apiv1.ClusterStatusCreating)
	require.Equal(t, "True WaitingForDeletion: the deletion of an earlier cluster of this name is not finished", condition(pg, apiv1.ConditionProgressing))
	require.Equal(t, "False AsExpected: nothing needs attention", condition(pg, apiv1.ConditionDegraded))
	require.Equal(t, first, w.get(statefulSetKind, clusterName).GetUID())

	k.linger(false)
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.NotEqual(t, first, w.get(statefulSetKind, clusterName).GetUID())
	require.Empty(t, w.get(serviceKind, clusterName).GetAnnotations()[teardownAnnotation])
	for _, note := range w.notes("postgresql", clusterName) {
		require.NotContains(t, note, "Warning", "waiting is no failure")
	}
}

func TestPodsWithoutAStatefulSetGoToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	op.stop()
	orphan := newObject(statefulSetKind)
	orphan.SetNamespace(w.namespace)
	orphan.SetName(clusterName)
	require.NoError(t, w.client.Delete(t.Context(), orphan, client.PropagationPolicy(metav1.DeletePropagationOrphan)))
	w.disappears(statefulSetKind, clusterName)
	require.Len(t, w.pods(clusterName), 2)

	w.delete(postgresqlKind, clusterName)
	w.start()
	w.gone(clusterName)
}

func TestFinalizerHoldsTheManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_finalizers", "true")
	k := w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	require.Equal(t, []string{names.Finalizer}, w.cluster(clusterName).Finalizers)

	k.linger(true)
	w.delete(postgresqlKind, clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.NotNil(c, w.get(statefulSetKind, clusterName).GetDeletionTimestamp())
	}, "the deletion begins")
	w.stays(func() bool { return w.get(postgresqlKind, clusterName) != nil }, "the manifest waits for its objects")
	k.linger(false)
	w.disappears(postgresqlKind, clusterName)
	w.gone(clusterName)
}

func TestFinalizerOfDeletedWhileTheOperatorWasDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_finalizers", "true")
	w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	op.stop()
	w.delete(postgresqlKind, clusterName)
	require.NotNil(t, w.get(postgresqlKind, clusterName))
	w.configure("enable_finalizers", "false")
	w.start()
	w.disappears(postgresqlKind, clusterName)
	w.gone(clusterName)
}

func TestFinalizerFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	require.Empty(t, w.cluster(clusterName).Finalizers)
	w.change(clusterName, func(o *unstructured.Unstructured) { o.SetFinalizers([]string{"example.com/hold"}) })
	for _, tt := range []struct {
		option string
		want   []string
	}{
		{"true", []string{"example.com/hold", names.Finalizer}},
		{"false", []string{"example.com/hold"}},
	} {
		w.configure("enable_finalizers", tt.option)
		w.eventually(func(c *assert.CollectT) {
			assert.Equal(c, tt.want, w.cluster(clusterName).Finalizers)
		}, "finalizers with enable_finalizers %s", tt.option)
	}
	w.change(clusterName, func(o *unstructured.Unstructured) { o.SetFinalizers(nil) })
}

func TestDeletionProtection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "delete_annotation_date_key", "delete-date", "delete_annotation_name_key", "delete-clustername")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.runningCluster("acid-other")
	protected := w.objects("acid-other")

	w.delete(postgresqlKind, "acid-other")
	w.change(clusterName, func(o *unstructured.Unstructured) {
		setAnnotation(o, "delete-date", time.Now().Format(time.DateOnly))
		setAnnotation(o, "delete-clustername", clusterName)
	})
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	time.Sleep(200 * time.Millisecond) // annotations make no new generation: nothing else tells that they were seen
	w.delete(postgresqlKind, clusterName)
	w.gone(clusterName)
	require.Equal(t, protected, w.objects("acid-other"), "without the annotations its objects stay")
	require.Len(t, w.pods("acid-other"), 2)

	w.create(w.minimal("acid-other"))
	w.reaches("acid-other", apiv1.ClusterStatusRunning)
	require.Equal(t, protected, w.objects("acid-other"), "the manifest takes them over again")
}

func TestDeletionProtectionWithFinalizer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "delete_annotation_name_key", "delete-clustername", "enable_finalizers", "true")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.delete(postgresqlKind, clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, `False DeletionProtected: annotation delete-clustername is "", deletion needs the name of the cluster`,
			condition(w.cluster(clusterName), apiv1.ConditionProgressing))
	}, "the manifest says why it stays")
	require.Len(t, w.pods(clusterName), 2)
	pg := w.cluster(clusterName)
	require.Equal(t, apiv1.ClusterStatusRunning, pg.Status.PostgresClusterStatus)
	require.Equal(t, "True PrimaryAndReplicasReady: 2 of 2 members are ready", condition(pg, apiv1.ConditionReady), "it still serves")
	w.change(clusterName, func(o *unstructured.Unstructured) { setAnnotation(o, "delete-clustername", clusterName) })
	w.disappears(postgresqlKind, clusterName)
	w.gone(clusterName)
}

func TestControllerID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	blue := w.start(func(o *Options) { o.ControllerID = "blue" })
	w.start()

	mine := w.minimal("acid-blue")
	setAnnotation(mine, names.ControllerAnnotation, "blue")
	w.create(mine)
	w.create(w.minimal("acid-plain"))
	w.reaches("acid-blue", apiv1.ClusterStatusRunning)
	w.reaches("acid-plain", apiv1.ClusterStatusRunning)
	for _, gvk := range []schema.GroupVersionKind{statefulSetKind, serviceKind} {
		require.Equal(t, "blue", w.get(gvk, "acid-blue").GetAnnotations()[names.ControllerAnnotation])
		require.NotContains(t, w.get(gvk, "acid-plain").GetAnnotations(), names.ControllerAnnotation)
	}
	foreign := w.minimal("acid-green")
	setAnnotation(foreign, names.ControllerAnnotation, "green")
	w.create(foreign)

	blue.stop()
	left := w.objects("acid-blue")
	w.delete(postgresqlKind, "acid-blue")
	w.delete(postgresqlKind, "acid-plain")
	w.gone("acid-plain")
	w.stays(func() bool { return slices.Equal(left, w.objects("acid-blue")) }, "the operator without an id leaves alone what is not its own")
	require.Empty(t, w.objects("acid-green"))
	require.Empty(t, w.cluster("acid-green").Status)

	w.start(func(o *Options) { o.ControllerID = "blue" })
	w.gone("acid-blue")
}
