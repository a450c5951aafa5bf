package controller

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
)

// contradiction is a user that the schema takes and that no Postgres can make.
const contradiction = `spec.users[zalando][1]: Invalid value: "nologin": contradicts "login"`

func contradict(o *unstructured.Unstructured) {
	setField(o, []any{"login", "nologin"}, "spec", "users", "zalando")
}

func agree(o *unstructured.Unstructured) {
	setField(o, []any{"login"}, "spec", "users", "zalando")
}

func TestInvalidManifestSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_team_id_clustername_prefix", "true")
	w.playKubernetes()
	w.start()
	tests := []struct {
		name string
		edit func(o *unstructured.Unstructured)
		want string
	}{
		{"acid-users", contradict, contradiction},
		{"other-team", func(*unstructured.Unstructured) {}, `metadata.name: Invalid value: "other-team": must start with the team and a dash, "acid-", and go on from there`},
		{"acid-clone", func(o *unstructured.Unstructured) { setField(o, "not_a_host", "spec", "clone", "cluster") }, `spec.clone.cluster: `},
	}
	for _, tt := range tests {
		o := w.minimal(tt.name)
		tt.edit(o)
		w.create(o)
	}
	w.create(w.minimal("acid-good"))
	for _, tt := range tests {
		pg := w.reaches(tt.name, apiv1.ClusterStatusInvalid)
		rendered := meta.FindStatusCondition(pg.Status.Conditions, apiv1.ConditionRendered)
		require.Equal(t, metav1.ConditionFalse, rendered.Status)
		require.Equal(t, "InvalidManifest", rendered.Reason)
		require.Contains(t, rendered.Message, tt.want)
		require.Equal(t, "True NeedsAttention: Rendered: "+rendered.Message, condition(pg, apiv1.ConditionDegraded))
		require.Equal(t, "False InvalidManifest: there is no cluster: its manifest was never valid", condition(pg, apiv1.ConditionReady))
		w.eventually(func(c *assert.CollectT) {
			assert.Equal(c, []string{"Warning Invalid: " + rendered.Message}, w.notes("postgresql", tt.name))
		}, "an event says it once")
		require.Empty(t, w.objects(tt.name))
	}
	w.reaches("acid-good", apiv1.ClusterStatusRunning)
}

func TestInvalidChangeLeavesARunningClusterAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	before := w.versions(clusterName)

	w.change(clusterName, func(o *unstructured.Unstructured) {
		contradict(o)
		setField(o, int64(5), "spec", "numberOfInstances")
	})
	pg := w.reaches(clusterName, apiv1.ClusterStatusInvalid)
	require.Equal(t, "Unknown NotRendered: there is nothing to apply; objects that exist stay as they are", condition(pg, apiv1.ConditionApplied))
	require.Equal(t, "True PrimaryAndReplicasReady: 2 of 2 members are ready", condition(pg, apiv1.ConditionReady), "the database still serves")
	require.Equal(t, before, w.versions(clusterName))

	w.change(clusterName, func(o *unstructured.Unstructured) {
		agree(o)
		setField(o, int64(2), "spec", "numberOfInstances")
	})
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.Equal(t, before, w.versions(clusterName), "back to what it was")
}

// versions are the objects of a cluster with the versions of their content.
func (w *world) versions(cluster string) []string {
	w.Helper()
	var versions []string
	for _, object := range w.objects(cluster) {
		kindName, name, _ := strings.Cut(object, " ")
		i := slices.IndexFunc(clusterKinds(), func(k kind) bool { return k.Kind == kindName })
		o := w.get(clusterKinds()[i].GroupVersionKind, name)
		versions = append(versions, object+" "+string(o.GetUID())+" "+o.GetResourceVersion())
	}
	return versions
}

// TestUndecodableManifest is not parallel: it changes the definition of the kind for all.
func TestUndecodableManifest(t *testing.T) {
	w := newWorld(t)
	w.playKubernetes()
	strict := w.definition()
	lax, yes := strict.DeepCopy(), true
	for i := range lax.Spec.Versions {
		lax.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties["spec"] = apiextensionsv1.JSONSchemaProps{XPreserveUnknownFields: &yes}
	}
	w.redefine(lax)
	defer func() {
		require.NoError(t, w.client.DeleteAllOf(t.Context(), newObject(postgresqlKind), client.InNamespace(w.namespace)))
		w.redefine(strict)
	}()
	garbage := w.minimal("acid-garbage")
	setField(garbage, "x", "spec", "numberOfInstances")
	w.createOnceServed(garbage)
	odd := w.manifest(`{metadata: {name: acid-odd}, spec: []}`)
	w.create(odd)
	w.create(w.minimal("acid-good"))

	op := w.start()
	w.reaches("acid-good", apiv1.ClusterStatusRunning)
	for name, reason := range map[string]string{
		"acid-garbage": "spec.numberOfInstances: Invalid value: got string, want a whole number of type int32",
		"acid-odd":     "want an object",
	} {
		pg := w.reaches(name, apiv1.ClusterStatusInvalid)
		require.Contains(t, condition(pg, apiv1.ConditionRendered), reason)
	}

	op.stop()
	w.redefine(strict)
	w.start()
	w.change("acid-good", setReplicas(1))
	w.reaches("acid-good", apiv1.ClusterStatusRunning)
	w.change("acid-garbage", setReplicas(2))
	w.reaches("acid-garbage", apiv1.ClusterStatusRunning)
}

func TestClusterThatCannotBeAppliedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "workers", "1")
	w.playKubernetes()
	w.deny(statefulSetKind, "acid-bad", admissionregistrationv1.Create)
	w.start()
	w.create(w.minimal("acid-bad"))
	pg := w.reaches("acid-bad", apiv1.ClusterStatusCreateFailed)
	w.runningCluster("acid-good")

	applied := meta.FindStatusCondition(pg.Status.Conditions, apiv1.ConditionApplied)
	require.Equal(t, "ApplyFailed", applied.Reason)
	require.Contains(t, applied.Message, "apply statefulset "+w.namespace+"/acid-bad: ")
	require.Contains(t, applied.Message, denied)
	require.NotNil(t, w.get(serviceKind, "acid-bad"), "what can be applied is")

	version := w.cluster("acid-bad").ResourceVersion
	w.stays(func() bool { return w.cluster("acid-bad").ResourceVersion == version }, "retries write no status")
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, []string{"Warning Create: " + applied.Message}, w.notes("postgresql", "acid-bad"))
	}, "one event")

	w.allow(statefulSetKind, "acid-bad")
	w.reaches("acid-bad", apiv1.ClusterStatusRunning)
}

func TestExhaustedQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster("acid-good")
	w.create(&corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "few"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/statefulsets.apps": resource.MustParse("0")}},
		Status:     corev1.ResourceQuotaStatus{},
	})
	quota := &corev1.ResourceQuota{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "few"}, quota))
	quota.Status = corev1.ResourceQuotaStatus{Hard: quota.Spec.Hard, Used: corev1.ResourceList{"count/statefulsets.apps": resource.MustParse("1")}}
	require.NoError(t, w.client.Status().Update(t.Context(), quota))
	w.create(w.minimal("acid-bad"))
	pg := w.reaches("acid-bad", apiv1.ClusterStatusCreateFailed)
	require.Contains(t, condition(pg, apiv1.ConditionApplied), "exceeded quota: few")
	w.change("acid-good", setReplicas(3))
	w.reaches("acid-good", apiv1.ClusterStatusRunning)
}

func TestNamespaceThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	require.NoError(t, w.client.Delete(t.Context(), namespace))
	w.delete(serviceKind, clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, condition(w.cluster(clusterName), apiv1.ConditionApplied), "because it is being terminated")
	}, "the status says why nothing can be made")
	w.delete(postgresqlKind, clusterName)
}
