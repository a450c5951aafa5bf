//go:build e2e

package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
)

// TestControllerID: a manifest that names another operator is not ours to touch, until it no longer
// does. The clusters of this test have no pods.
func TestControllerID(t *testing.T) {
	k := connect(t)
	ns := k.namespace(t, "controller-id")
	theirs, ours := k.cluster(ns, "acid-theirs"), k.cluster(ns, "acid-ours")
	theirs.apply(t, instances(0), with("theirs", "metadata", "annotations", "acid.zalan.do/controller"))
	ours.apply(t, instances(0))
	eventually(t, soon, "our cluster has its objects", ours.hasStatefulSet)
	theirs.requireUntouched(t)
	theirs.apply(t, instances(0))
	eventually(t, soon, "the handed over cluster has its objects", theirs.hasStatefulSet)
}

// TestWatchedNamespaces: one, several, all; changed while the operator runs.
func TestWatchedNamespaces(t *testing.T) {
	k := connect(t)
	a := k.cluster(k.namespace(t, "watched-a"), "acid-a")
	b := k.cluster(k.namespace(t, "watched-b"), "acid-b")
	c := k.cluster(k.namespace(t, "watched-c"), "acid-c")
	operator := k.operatorPod(t)
	t.Run("one and several", func(t *testing.T) {
		k.configure(t, map[string]string{"watched_namespace": b.namespace})
		a.apply(t, instances(0))
		c.apply(t, instances(0))
		b.apply(t, instances(0))
		eventually(t, soon, "b has its objects", b.hasStatefulSet)
		a.requireUntouched(t)

		k.configure(t, map[string]string{"watched_namespace": a.namespace + "," + b.namespace})
		eventually(t, soon, "a has its objects", a.hasStatefulSet)
		c.requireUntouched(t)
	})
	eventually(t, soon, "all have their objects", c.hasStatefulSet)
	k.requireSameOperator(t, operator)
}

// requireUntouched fails the test if the operator has had anything to do with the cluster.
func (c cluster) requireUntouched(t *testing.T) {
	t.Helper()
	pg, err := c.get(context.Background())
	require.NoError(t, err)
	require.Equal(t, apiv1.PostgresStatus{}, pg.Status)
	require.Error(t, c.hasStatefulSet(context.Background()))
}
