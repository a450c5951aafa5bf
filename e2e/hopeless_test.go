//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
)

// shippedWorkers is the option workers of the shipped configuration.
const shippedWorkers = 8

// TestHopelessClusters: clusters that can never start, more of them than the operator has workers,
// hold up no other one.
func TestHopelessClusters(t *testing.T) {
	k := connect(t)
	ns := k.namespace(t, "hopeless")
	noImage := k.cluster(ns, "acid-no-image")
	noImage.apply(t, instances(1), with("docker.io/local/no-such-image:1", "spec", "dockerImage"))
	hopeless := []cluster{noImage}
	for i := range shippedWorkers {
		c := k.cluster(ns, fmt.Sprintf("acid-no-room-%d", i))
		c.apply(t, instances(1), with(map[string]any{
			"requests": map[string]any{"cpu": "1000", "memory": "100Mi"},
			"limits":   map[string]any{"cpu": "1000", "memory": "500Mi"},
		}, "spec", "resources"))
		hopeless = append(hopeless, c)
	}
	for _, c := range hopeless {
		eventually(t, soon, c.name+" has its objects", c.hasStatefulSet)
	}
	good := k.cluster(ns, "acid-good")
	good.apply(t, instances(1))
	good.awaitRunning(t, 1)
	require.Equal(t, "zalando", good.mustQuery(t, login{good.name, "zalando", "foo"}, "SELECT current_user"))
	for _, c := range hopeless {
		pg, err := c.get(context.Background())
		require.NoError(t, err)
		require.NotEqual(t, apiv1.ClusterStatusRunning, pg.Status.PostgresClusterStatus, c.name)
		require.Error(t, c.runs(context.Background()), c.name)
	}
	k.kubectl(t, "--namespace", ns, "delete", "postgresql", "--all", "--wait=false")
	good.awaitGone(t, nothing)
}
