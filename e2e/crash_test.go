//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
		{"when the primary serves, before all is done", c.hasPrimary},
	} {
		k.step(t, c.namespace, moment.name, func(t *testing.T) {
			k.operatorPod(t)
			c.apply(t) // the first time makes it, later ones change nothing
			eventually(t, boot, "the moment has come", moment.come)
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

// hasPrimary reports it when no member is ready to serve, or all is done already.
func (c cluster) hasPrimary(ctx context.Context) error {
	pods, err := c.pods(ctx)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if pod.Labels[roleLabel] == master && isReady(pod) {
			return nil
		}
	}
	return errNotYet
}

// conditionOf is a condition of the cluster as it is now, nil when there is none.
func (c cluster) conditionOf(ctx context.Context, kind string) (*apiv1.Postgresql, *metav1.Condition, error) {
	pg, err := c.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	return pg, meta.FindStatusCondition(pg.Status.Conditions, kind), nil
}
