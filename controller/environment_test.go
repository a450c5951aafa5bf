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

// variables are the environment of the Postgres container; a value from a Secret shows as its key.
func (w *world) variables(cluster string) map[string]string {
	w.Helper()
	set := w.get(statefulSetKind, cluster)
	if set == nil {
		return nil
	}
	containers, _, err := unstructured.NestedSlice(set.Object, "spec", "template", "spec", "containers")
	require.NoError(w, err)
	list, _, err := unstructured.NestedSlice(containers[0].(map[string]any), "env")
	require.NoError(w, err)
	found := map[string]string{}
	for _, entry := range list {
		variable := entry.(map[string]any)
		value, _, _ := unstructured.NestedString(variable, "value")
		if key, ok, _ := unstructured.NestedString(variable, "valueFrom", "secretKeyRef", "key"); ok {
			value = "key " + key
		}
		found[variable["name"].(string)] = value
	}
	return found
}

func TestEnvironmentOfPodsFollowsItsSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "pod_environment_configmap", "pod-env", "pod_environment_secret", "pod-env")
	w.start()
	w.create(w.minimal(clusterName))
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "pod-env"}, StringData: map[string]string{"TOKEN": "secret"}})
	pg := w.reaches(clusterName, apiv1.ClusterStatusCreateFailed)
	require.Contains(t, condition(pg, apiv1.ConditionRendered), "/pod-env, named by the option pod_environment_configmap, does not exist")

	source := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "pod-env"}, Data: map[string]string{"COLOUR": "red"}}
	w.create(source)
	w.eventually(func(c *assert.CollectT) {
		have := w.variables(clusterName)
		assert.Equal(c, "red", have["COLOUR"])
		assert.Equal(c, "key TOKEN", have["TOKEN"])
	}, "the cluster is made as soon as its sources are there")

	source.Data["COLOUR"] = "blue"
	require.NoError(t, w.client.Update(t.Context(), source))
	w.eventually(func(c *assert.CollectT) { assert.Equal(c, "blue", w.variables(clusterName)["COLOUR"]) }, "a change comes at once")
}
