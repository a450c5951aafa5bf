package controller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	apiv1 "postgres-operator/api/v1"
)

func TestObjectsOfOthersAreNotTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.create(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: clusterName},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "shop"}, Ports: []corev1.ServicePort{{Port: 80}}},
	})
	before := w.get(serviceKind, clusterName)
	w.create(w.minimal(clusterName))
	pg := w.reaches(clusterName, apiv1.ClusterStatusCreateFailed)
	require.Equal(t, "False ApplyFailed: service "+w.namespace+"/acid-test exists and belongs to no cluster; delete it, or give the cluster another name",
		condition(pg, apiv1.ConditionApplied))
	require.Equal(t, before, w.get(serviceKind, clusterName))
	require.Empty(t, w.objects(clusterName), "nothing is made by halves")

	w.delete(serviceKind, clusterName)
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
}

func TestClustersWithNamesThatMeet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster("acid-a")
	before := w.versions("acid-a")
	w.create(w.minimal("acid-a-repl"))
	pg := w.reaches("acid-a-repl", apiv1.ClusterStatusCreateFailed)
	require.Contains(t, condition(pg, apiv1.ConditionApplied), "service "+w.namespace+"/acid-a-repl belongs to cluster acid-a; ")
	w.stays(func() bool { return w.cluster("acid-a").Status.PostgresClusterStatus == apiv1.ClusterStatusRunning }, "the first one runs")
	require.Equal(t, before, w.versions("acid-a"))
	w.delete(postgresqlKind, "acid-a-repl")
	w.stays(func() bool { return w.get(serviceKind, "acid-a-repl") != nil }, "its deletion takes nothing of the first")
	require.Equal(t, before, w.versions("acid-a"))
}

func TestObjectsOfAnotherLabelAreOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	for _, name := range []string{clusterName, clusterName + "-repl"} {
		w.edit(serviceKind, name, func(o *unstructured.Unstructured) {
			labels := o.GetLabels()
			delete(labels, "cluster-name")
			o.SetLabels(labels)
		})
	}
	w.eventually(func(c *assert.CollectT) {
		for _, name := range []string{clusterName, clusterName + "-repl"} {
			assert.Equal(c, clusterName, w.get(serviceKind, name).GetLabels()["cluster-name"])
		}
	}, "a label that was taken away comes back")
}
