//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// TestMinimalCluster follows one cluster through its life. Its parts share the cluster, each leaves
// it running with two members.
func TestMinimalCluster(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "minimal"), "acid-minimal-cluster")
	applied, mark := time.Now(), markAudit(t)
	c.apply(t)
	k.step(t, c.namespace, "answers", func(t *testing.T) {
		c.awaitQuery(t, c.primary(), "SELECT 1", "1")
		t.Logf("SQL answered %.1fs after kubectl apply began", time.Since(applied).Seconds())
	})
	k.step(t, c.namespace, "runs", c.testRuns)
	requests := operatorRequests(t, mark, c.namespace)
	require.NotEmpty(t, requests, "of the user %s in %s", operatorUser, auditLog)
	t.Logf("the operator sent %d requests until then", len(requests))
	for _, part := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"has the users and databases of its manifest", c.testRoles},
		{"scales", c.testScale},
		{"owned objects come back", c.testOwnedObjects},
		{"secrets act at once", c.testSecrets},
		{"rotates passwords", c.testRotation},
		{"is served by the REST API", c.testAPI},
		{"costs nothing when idle", c.testIdle},
		{"fails over", c.testFailover},
		{"scales in its primary", c.testScaleInPrimary},
		{"is deleted and made again", c.testDelete},
	} {
		k.part(t, c.namespace, part.name, part.do)
	}
}

// testRuns: one leads, the other streams from it, and what goes in through the primary's Service
// comes out of the replicas'.
func (c cluster) testRuns(t *testing.T) {
	c.awaitRunning(t, 2)
	streaming := "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
	c.awaitQuery(t, c.primary(), streaming, "1")
	require.Equal(t, "false", c.mustQuery(t, c.primary(), "SELECT pg_is_in_recovery()"))
	require.Equal(t, "true", c.mustQuery(t, c.replicas(), "SELECT pg_is_in_recovery()"))

	c.mustQuery(t, c.primary(), "CREATE TABLE seen AS SELECT 'written' AS what")
	c.awaitQuery(t, c.replicas(), "SELECT what FROM seen WHERE pg_is_in_recovery()", "written")
}

// testRoles: everybody in the manifest can log in with their Secret, and databases have the owners
// that it names.
func (c cluster) testRoles(t *testing.T) {
	for _, as := range []login{
		{c.name, "zalando", "foo"}, {c.name, "foo_user", "foo"}, {c.name + "-repl", "foo_user", "bar"}, {c.name, "standby", "postgres"},
	} {
		c.awaitQuery(t, as, "SELECT current_user", as.user)
	}
	flags := "SELECT concat_ws(' ', rolsuper, rolcreatedb, rolreplication) FROM pg_roles WHERE rolname = "
	require.Equal(t, "t t f", c.mustQuery(t, c.primary(), flags+"'zalando'"))
	require.Equal(t, "f f f", c.mustQuery(t, c.primary(), flags+"'foo_user'"))
	owner := "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = "
	require.Equal(t, "zalando", c.mustQuery(t, c.primary(), owner+"'foo'"))
	require.Equal(t, "bar_owner", c.mustQuery(t, c.primary(), owner+"'bar'"))

	inBar := login{c.name, "postgres", "bar"}
	require.Equal(t, "bar_data_owner", c.mustQuery(t, inBar, "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'data'"))
	roles := "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'bar\\_%' AND NOT rolcanlogin"
	require.Equal(t, "bar_data_owner bar_data_reader bar_data_writer bar_owner bar_reader bar_writer", c.mustQuery(t, inBar, roles))
}

// testScale: a member comes and goes, the others do not notice.
func (c cluster) testScale(t *testing.T) {
	before := c.uids(t)
	c.apply(t, instances(3))
	c.awaitRunning(t, 3)
	c.awaitQuery(t, c.primary(), "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "2")
	require.Subset(t, c.uids(t), before)

	c.apply(t, instances(2))
	c.awaitRunning(t, 2)
	require.Equal(t, before, c.uids(t))
	require.Equal(t, "written", c.mustQuery(t, c.primary(), "SELECT what FROM seen"))
}

// testFailover: with its leader's pod gone, the other member leads, the Service leads to it, and the
// pod comes back as a replica.
func (c cluster) testFailover(t *testing.T) {
	leader := c.failOver(t)
	c.awaitQuery(t, c.primary(), "SELECT host(inet_server_addr())", leader.Status.PodIP)
	c.mustQuery(t, c.primary(), "INSERT INTO seen VALUES ('after failover')")
	c.awaitQuery(t, c.replicas(), "SELECT count(*) FROM seen", "2")
}

// failOver deletes the leader's pod and returns the new leader once there are two members again.
func (c cluster) failOver(t *testing.T) corev1.Pod {
	t.Helper()
	old := c.leader(t)
	require.NoError(t, c.Delete(context.Background(), &old))
	eventually(t, boot, "another member leads", func(ctx context.Context) error {
		pods, err := c.pods(ctx)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if pod.Labels[roleLabel] == master && pod.Name != old.Name {
				return nil
			}
		}
		return errNotYet
	})
	c.awaitRunning(t, 2)
	leader := c.leader(t)
	require.NotEqual(t, old.Name, leader.Name)
	return leader
}

// testScaleInPrimary: the member that goes is always the last one; when it leads, another has to
// take over first, and nothing is lost.
func (c cluster) testScaleInPrimary(t *testing.T) {
	last := c.name + "-1"
	if c.leader(t).Name != last {
		require.Equal(t, last, c.failOver(t).Name)
	}
	c.mustQuery(t, c.primary(), "INSERT INTO seen VALUES ('before scaling in')")
	rows := c.mustQuery(t, c.primary(), "SELECT count(*) FROM seen")
	c.apply(t, instances(1))
	c.awaitRunning(t, 1)
	require.Equal(t, rows, c.mustQuery(t, c.primary(), "SELECT count(*) FROM seen"))
	c.apply(t, instances(2))
	c.awaitRunning(t, 2)
}

func (c cluster) service(ctx context.Context, name string) (*corev1.Service, error) {
	var s corev1.Service
	err := c.Get(ctx, c.key(name), &s)
	return &s, err
}
