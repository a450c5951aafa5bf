package controller

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// otherNamespace makes a namespace beside the world's.
func (w *world) otherNamespace() string {
	w.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "other-"}}
	w.create(namespace)
	return namespace.Name
}

// in is this world seen from another namespace.
func (w *world) in(namespace string) *world {
	there := *w
	there.namespace = namespace
	return &there
}

// shared is a minimal cluster with a user whose Secret belongs into another namespace.
func (w *world) shared(namespace string) *unstructured.Unstructured {
	w.Helper()
	o := w.minimal(clusterName)
	setField(o, map[string]any{"zalando": []any{}, namespace + ".app": []any{}}, "spec", "users")
	return o
}

func sharedSecret(namespace string) string { return namespace + ".app." + clusterName + ".credentials" }

func TestSecretInAnotherNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_cross_namespace_secret", "true", "enable_secrets_deletion", "true")
	w.playKubernetes()
	w.start()
	there := w.in(w.otherNamespace())
	w.create(w.shared(there.namespace))

	secret := there.appears(secretKind, sharedSecret(there.namespace))
	require.Equal(t, w.namespace+"/"+clusterName, secret.GetAnnotations()[names.ClusterAnnotation])
	require.Equal(t, clusterName, secret.GetLabels()["cluster-name"])
	require.Empty(t, secret.GetOwnerReferences())
	require.Nil(t, w.get(secretKind, sharedSecret(there.namespace)), "it is in the other namespace alone")
	password := string(dataOf(secret)["password"])
	require.Len(t, password, passwordLength)
	w.reaches(clusterName, apiv1.ClusterStatusRunning)

	there.edit(secretKind, secret.GetName(), func(o *unstructured.Unstructured) { o.SetLabels(nil) })
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, clusterName, there.get(secretKind, secret.GetName()).GetLabels()["cluster-name"])
	}, "what somebody takes away comes back")
	there.edit(secretKind, secret.GetName(), func(o *unstructured.Unstructured) {
		setField(o, base64.StdEncoding.EncodeToString([]byte("changed by hand")), "data", "password")
	})
	w.change(clusterName, setReplicas(3))
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.Equal(t, "changed by hand", string(dataOf(there.get(secretKind, secret.GetName()))["password"]))
	there.delete(secretKind, secret.GetName())
	there.appears(secretKind, secret.GetName())

	w.delete(postgresqlKind, clusterName)
	there.disappears(secretKind, secret.GetName())
	w.eventually(func(c *assert.CollectT) { assert.Empty(c, w.objectsBut(clusterName, volumeClaimKind.Kind)) }, "nothing is left")
}

// objectsBut are the objects of a cluster without those of a kind.
func (w *world) objectsBut(cluster, kind string) []string {
	var list []string
	for _, o := range w.objects(cluster) {
		if !strings.HasPrefix(o, kind+" ") {
			list = append(list, o)
		}
	}
	return list
}

// TestNamesakesKeepTheirSecrets: the operator serves two namespaces, each with a cluster of the same name, and one
// has a Secret where the other one lives.
func TestNamesakesKeepTheirSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := w.in(w.otherNamespace())
	w.configure("enable_cross_namespace_secret", "true", "enable_secrets_deletion", "true", "watched_namespace", w.namespace+","+there.namespace)
	w.playKubernetes()
	there.playKubernetes()
	op := w.start()
	w.create(w.shared(there.namespace))
	there.create(there.minimal(clusterName))
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	there.reaches(clusterName, apiv1.ClusterStatusRunning)
	shared := there.get(secretKind, sharedSecret(there.namespace))

	there.delete(postgresqlKind, clusterName)
	there.disappears(serviceKind, clusterName)
	there.disappears(secretKind, "zalando."+clusterName+".credentials")
	require.Equal(t, shared.GetUID(), there.get(secretKind, shared.GetName()).GetUID(), "the Secret of the other cluster stays")
	require.NotNil(t, w.get(secretKind, "zalando."+clusterName+".credentials"))

	op.stop()
	w.delete(postgresqlKind, clusterName)
	w.start()
	there.disappears(secretKind, shared.GetName())
	w.disappears(serviceKind, clusterName)
}

func TestSecretOfAnotherClusterIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := w.in(w.otherNamespace())
	w.configure("enable_cross_namespace_secret", "true", "watched_namespace", w.namespace+","+there.namespace)
	w.start()
	w.create(w.shared(there.namespace))
	before := there.appears(secretKind, sharedSecret(there.namespace))
	w.reaches(clusterName, apiv1.ClusterStatusCreating)

	there.create(there.shared(there.namespace)) // its own user of that name has the same Secret
	there.appears(statefulSetKind, clusterName)
	pg := there.reaches(clusterName, apiv1.ClusterStatusCreating)
	why := "role " + there.namespace + ".app has no Secret " + there.namespace + "/" + before.GetName() + ": it belongs to cluster " +
		w.namespace + "/" + clusterName
	require.Equal(t, "True RenderedWithWarnings: "+why, condition(pg, apiv1.ConditionRendered))
	there.eventually(func(c *assert.CollectT) {
		assert.Contains(c, there.notes("postgresql", clusterName), "Warning Secret: "+why)
	}, "an event tells it")
	after := there.get(secretKind, before.GetName())
	require.Equal(t, before.GetResourceVersion(), after.GetResourceVersion())
}

func TestSecretForANamespaceThatDoesNotExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_cross_namespace_secret", "true")
	w.start()
	w.create(w.shared("nowhere"))
	pg := w.reaches(clusterName, apiv1.ClusterStatusCreating)
	require.Equal(t, "True RenderedWithWarnings: role nowhere.app has no Secret nowhere/"+sharedSecret("nowhere")+": there is no such namespace",
		condition(pg, apiv1.ConditionRendered))
	require.Equal(t, "True Applied: the API server has every object as rendered", condition(pg, apiv1.ConditionApplied))
}

// TestSecretsOfOtherOperatorsAreLeftAlone: with the option, Secrets are seen in namespaces that are not served.
func TestSecretsOfOtherOperatorsAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_cross_namespace_secret", "true", "enable_secrets_deletion", "true")
	w.playKubernetes()
	there := w.in(w.otherNamespace())
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: there.namespace, Name: "zalando." + clusterName + ".credentials", Labels: map[string]string{"cluster-name": clusterName},
	}}
	require.NoError(t, w.client.Create(t.Context(), foreign, client.FieldOwner(names.ManagerCluster)))
	w.start()
	w.runningCluster(clusterName)
	w.delete(postgresqlKind, clusterName)
	w.disappears(serviceKind, clusterName)
	after := there.get(secretKind, foreign.Name)
	require.NotNil(t, after)
	require.Equal(t, foreign.ResourceVersion, after.GetResourceVersion())
	require.NotContains(t, w.log.String(), "Reconciler error")
}
