//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
)

// TestVolumeGrows: the claims of running pods grow, the StatefulSet is made anew, no pod is restarted.
func TestVolumeGrows(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "volumes"), "acid-volumes")
	size := func(s string) edit { return with(s, "spec", "volume", "size") }
	k.step(t, c.namespace, "1Gi", func(t *testing.T) {
		c.apply(t, size("1Gi"))
		c.awaitRunning(t, 2)
	})
	k.step(t, c.namespace, "2Gi", func(t *testing.T) {
		pods := c.uids(t)
		c.apply(t, size("2Gi"))
		eventually(t, boot, "the claims have grown", func(ctx context.Context) error {
			if err := c.expand(ctx); err != nil {
				return err
			}
			pg, err := c.get(ctx)
			if err != nil {
				return err
			}
			return conditionIs(pg, apiv1.ConditionVolumesResized, metav1.ConditionTrue)
		})
		c.awaitRunning(t, 2)
		require.Equal(t, pods, c.uids(t), "no pod is restarted")
	})
	k.step(t, c.namespace, "back to 1Gi", func(t *testing.T) {
		pods := c.uids(t)
		c.apply(t, size("1Gi"))
		eventually(t, soon, "shrinking is refused", func(ctx context.Context) error {
			_, found, err := c.conditionOf(ctx, apiv1.ConditionVolumesResized)
			if err == nil && (found == nil || found.Reason != "ShrinkRefused") {
				err = fmt.Errorf("condition is %v", found)
			}
			return err
		})
		require.Equal(t, pods, c.uids(t), "no pod is restarted")
	})
}

// expand does what a storage driver would: the local Kubernetes has host directories, which cannot be resized. It
// gives volumes and claims the capacity that is requested.
func (c cluster) expand(ctx context.Context) error {
	var claims corev1.PersistentVolumeClaimList
	if err := c.List(ctx, &claims, client.InNamespace(c.namespace)); err != nil {
		return err
	}
	var problems []error
	for i := range claims.Items {
		claim := &claims.Items[i]
		wanted := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		if claim.Status.Capacity.Storage().Cmp(wanted) >= 0 {
			continue
		}
		var volume corev1.PersistentVolume
		if err := c.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, &volume); err != nil {
			return err
		}
		volume.Spec.Capacity[corev1.ResourceStorage] = wanted
		problems = append(problems, c.Update(ctx, &volume))
		claim.Status.Capacity[corev1.ResourceStorage] = wanted
		problems = append(problems, c.Status().Update(ctx, claim))
	}
	return errors.Join(problems...)
}
