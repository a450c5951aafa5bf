package controller

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	apiv1 "postgres-operator/api/v1"
)

func enableBackup(on bool) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { setField(o, on, "spec", "enableLogicalBackup") }
}

// variables are the names of the variables of a backup's container, in order.
func variables(job *unstructured.Unstructured) []string {
	containers, _, _ := unstructured.NestedSlice(job.Object, "spec", "jobTemplate", "spec", "template", "spec", "containers")
	env, _, _ := unstructured.NestedSlice(containers[0].(map[string]any), "env")
	var list []string
	for _, v := range env {
		list = append(list, v.(map[string]any)["name"].(string))
	}
	return list
}

func TestBackupComesAndGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	require.Nil(t, w.get(cronJobKind, "logical-backup-acid-test"))
	w.change(clusterName, enableBackup(true))
	w.appears(cronJobKind, "logical-backup-acid-test")
	w.delete(cronJobKind, "logical-backup-acid-test")
	w.appears(cronJobKind, "logical-backup-acid-test")
	w.configure("logical_backup_job_prefix", "dump-")
	w.appears(cronJobKind, "dump-acid-test")
	w.disappears(cronJobKind, "logical-backup-acid-test")
	w.change(clusterName, enableBackup(false))
	w.disappears(cronJobKind, "dump-acid-test")
	require.NotNil(t, w.get(statefulSetKind, clusterName))
}

func TestBackupEnvironmentIsWatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "logical_backup_cronjob_environment_secret", "backup-env")
	w.start()
	w.createdCluster(clusterName)
	w.change(clusterName, enableBackup(true))
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, condition(w.cluster(clusterName), apiv1.ConditionRendered), "/backup-env, named by the option logical_backup_cronjob_environment_secret, does not exist")
	}, "the missing Secret is named")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "backup-env"}, StringData: map[string]string{"B": "1", "A": "2"}}
	w.create(secret)
	job := w.appears(cronJobKind, "logical-backup-acid-test")
	require.True(t, strings.HasSuffix(strings.Join(variables(job), " "), " A B"), variables(job))
	secret.StringData = map[string]string{"C": "3"}
	require.NoError(t, w.client.Update(t.Context(), secret))
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, variables(w.get(cronJobKind, "logical-backup-acid-test")), "C")
	}, "a new key becomes a variable")
}
