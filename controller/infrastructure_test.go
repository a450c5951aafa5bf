package controller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
)

func (w *world) secretOf(name string) map[string]string {
	w.Helper()
	o := w.get(secretKind, name)
	if o == nil {
		return nil
	}
	data := map[string]string{}
	for key, value := range dataOf(o) {
		data[key] = string(value)
	}
	return data
}

// Roles that Secrets describe get a Secret in every cluster, which follows its source at once. What the
// source does not say any more stays: nothing is dropped.
func TestInfrastructureRolesAreCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "infrastructure_roles_secret_name", "robots")
	source := func(name string, data map[string]string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, StringData: data}
	}
	robots := source("robots", map[string]string{"user1": "robot", "password1": "first-password", "postgres": "not-the-superusers", "late_robot": "late-password"})
	w.create(robots)
	w.configure("infrastructure_roles_secrets", "secretname:"+w.namespace+"/other,userkey:user,passwordkey:password")
	w.start()
	w.createdCluster(clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, map[string]string{"username": "robot", "password": "first-password"}, w.secretOf("robot.acid-test.credentials"))
	}, "the role has a Secret")
	superuser := w.secretOf("postgres.acid-test.credentials")["password"]
	require.Len(t, superuser, passwordLength)

	w.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "robots"},
		Data:       map[string]string{"late_robot": "inrole: [pg_monitor]", "postgres": "user_flags: [superuser]"},
	})
	w.create(source("other", map[string]string{"user": "monitor", "password": "monitors-password"}))
	robots.StringData = map[string]string{"password1": "second-password"}
	require.NoError(t, w.client.Update(t.Context(), robots))
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, "second-password", w.secretOf("robot.acid-test.credentials")["password"])
		assert.Equal(c, "late-password", w.secretOf("late-robot.acid-test.credentials")["password"])
		assert.Equal(c, "monitors-password", w.secretOf("monitor.acid-test.credentials")["password"])
	}, "changes of every source come at once")
	require.Equal(t, superuser, w.secretOf("postgres.acid-test.credentials")["password"], "a system role cannot be taken over")

	w.delete(secretKind, "robots")
	w.change(clusterName, setReplicas(1))
	w.eventually(func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		assert.Equal(c, "True Applied: the API server has every object as rendered", condition(pg, apiv1.ConditionApplied))
		assert.Equal(c, pg.Generation, pg.Status.ObservedGeneration)
	}, "the cluster goes on without the source")
	require.Equal(t, "second-password", w.secretOf("robot.acid-test.credentials")["password"])
	require.NotContains(t, w.log.String(), "-password", "a password is logged")
}
