package controller

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
)

func TestSecondReplicaTakesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	elected := func(address string) func(*Options) {
		return func(o *Options) { o.LeaderElection, o.ProbeAddress = true, address }
	}
	first := w.start(elected("0"))
	w.createdCluster(clusterName)
	standby := freeAddress(t)
	second := w.start(elected(standby))
	w.eventually(func(c *assert.CollectT) { assert.Equal(c, http.StatusOK, get(standby, "readyz")) }, "a standby has its caches ready")
	w.reaches(clusterName, apiv1.ClusterStatusRunning)

	first.stop()
	w.change(clusterName, setReplicas(3))
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.Len(t, w.pods(clusterName), 3)
	second.stop()
}

// TestPrimaryThatDoesNotAnswer: nothing but the roles waits for a database that cannot be reached.
func TestPrimaryThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_database_access", "true", "cluster_domain", "invalid")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	var pg *apiv1.Postgresql
	w.eventually(func(c *assert.CollectT) {
		pg = w.cluster(clusterName)
		assert.Contains(c, condition(pg, apiv1.ConditionRolesSynced), "False ServerNotReachable: the primary cannot be used: ")
		assert.Contains(c, condition(pg, apiv1.ConditionDegraded), "True NeedsAttention: RolesSynced: the primary cannot be used")
	}, "the status tells of it")
	w.stays(func() bool { return w.cluster(clusterName).ResourceVersion == pg.ResourceVersion }, "retries say nothing new")
	w.change(clusterName, setReplicas(1))
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
}
