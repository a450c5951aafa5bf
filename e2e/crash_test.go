//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
)

// TestOperatorKilled kills the operator at telling moments of a creation; the cluster completes. A
// manifest that is deleted while there is no operator is cleaned up after by the next one.
func TestOperatorKilled(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "killed"), "acid-killed")
	for _, moment := range []struct {
		name string
		come func(context.Context) error
	}{
		{"while it makes the first objects", c.hasObjects},
		{"when the statefulset is there", c.hasStatefulSet},
		{"while it makes roles", c.hasRoles},
	} {
		k.step(t, c.namespace, moment.name, func(t *testing.T) {
			k.awaitLeading(t)
			c.apply(t) // the first time makes it, later ones change nothing
			asSoonAs(t, moment.come)
			k.killOperator(t)
		})
	}
	k.step(t, c.namespace, "it completes", func(t *testing.T) {
		c.awaitRunning(t, 2)
		require.Equal(t, "zalando", c.mustQuery(t, login{c.name, "zalando", "foo"}, "SELECT current_user"))
	})
	k.step(t, c.namespace, "deleted without an operator", func(t *testing.T) {
		k.scaleOperator(t, 0)
		t.Cleanup(func() { k.scaleOperator(t, 1) }) // whatever happens here, the next test needs one
		c.delete(t)
		_, err := c.get(context.Background())
		require.Error(t, err, "nothing holds the manifest")
	})
	k.step(t, c.namespace, "cleaned up", func(t *testing.T) { c.awaitGone(t, nothing) })
}

func (c cluster) hasObjects(ctx context.Context) error {
	objects, err := c.objects(ctx)
	if err == nil && len(objects) < 2 { // the manifest itself is one
		err = fmt.Errorf("there is %q", objects)
	}
	return err
}

func (c cluster) hasStatefulSet(ctx context.Context) error {
	return c.Get(ctx, c.key(c.name), &appsv1.StatefulSet{})
}

func (c cluster) hasRoles(ctx context.Context) error {
	found, err := c.query(ctx, c.primary(), "SELECT count(*) FROM pg_roles WHERE rolname = 'zalando'")
	if err == nil && found == "0" {
		err = errNotYet
	}
	return err
}

// asSoonAs is eventually without pauses: what it waits for may pass within milliseconds.
func asSoonAs(t *testing.T, come func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), boot)
	defer cancel()
	for err := come(ctx); err != nil; err = come(ctx) {
		require.NoError(t, ctx.Err(), "the moment has not come: %v", err)
	}
}

// awaitLeading waits until the operator's pod holds the lease: one that was killed has not given it
// back, so its successor waits until it expires.
func (k kube) awaitLeading(t *testing.T) {
	t.Helper()
	pod := k.operatorPod(t)
	eventually(t, boot, "the operator leads", func(ctx context.Context) error {
		var lease coordinationv1.Lease
		if err := k.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: operatorName}, &lease); err != nil {
			return err
		}
		if holder := lease.Spec.HolderIdentity; holder == nil || !strings.HasPrefix(*holder, pod.Name+"_") {
			return fmt.Errorf("the lease is held by %v", holder)
		}
		return nil
	})
}

// conditionOf is a condition of the cluster as it is now, nil when there is none.
func (c cluster) conditionOf(ctx context.Context, kind string) (*apiv1.Postgresql, *metav1.Condition, error) {
	pg, err := c.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	return pg, meta.FindStatusCondition(pg.Status.Conditions, kind), nil
}
