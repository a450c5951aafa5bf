//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRollingRestart changes the image of three members under load: each pod is recreated once, the
// primary changes once, and no acknowledged write is lost. Clients of the pooler notice nothing but time.
func TestRollingRestart(t *testing.T) {
	k := connect(t)
	c := k.rollingCluster(t, "rolling")
	k.step(t, c.namespace, "image changes", func(t *testing.T) { c.changeImage(t, nextImage) })
	k.step(t, c.namespace, "operator is killed meanwhile", func(t *testing.T) { c.changeImageKilling(t, shippedImage(t, k), 3) })
}

// rollingCluster is a cluster of three with a pooler, to be changed.
func (k kube) rollingCluster(t *testing.T, name string, edits ...edit) cluster {
	t.Helper()
	c := k.cluster(k.namespace(t, name), "acid-"+name)
	c.roll(t, shippedImage(t, k), edits...)
	c.awaitRunning(t, 3)
	return c
}

// roll applies the manifest of a rollingCluster with an image.
func (c cluster) roll(t *testing.T, to string, edits ...edit) {
	t.Helper()
	c.apply(t, append([]edit{instances(3), small, smallPoolers, image(to)}, edits...)...)
}

// applications are clients of both kinds.
func (c cluster) applications(t *testing.T) (direct, pooled *traffic) {
	t.Helper()
	const database = "foo"
	direct = c.drive(t, "direct", login{c.name, "zalando", database}, 5*time.Second)
	pooled = c.drive(t, "pooled", c.pooled("zalando", database), time.Minute)
	return direct, pooled
}

// changeImage changes the image of a cluster of three under load, and returns what its clients saw.
func (c cluster) changeImage(t *testing.T, to string) (direct, pooled trafficReport) {
	t.Helper()
	atDirect, atPooler := c.applications(t)
	before := c.timeline(t)
	watched := c.watchRollout(t, 3)
	start := time.Now()
	c.roll(t, to)
	c.awaitRolledOut(t, to, 3)
	t.Logf("the rollout took %.1fs", time.Since(start).Seconds())
	watched.end(t, 1)
	direct, pooled = atDirect.finish(t), atPooler.finish(t)
	require.Equal(t, before+1, c.timeline(t), "one switchover")
	require.Empty(t, direct.Lost)
	require.Zero(t, direct.Stale)
	c.requireUnnoticed(t, pooled)
	return direct, pooled
}

// requireUnnoticed: clients of the pooler saw no error, and it is not paused any more.
func (c cluster) requireUnnoticed(t *testing.T, pooled trafficReport) {
	t.Helper()
	require.Zero(t, pooled.Errors, pooled)
	require.Empty(t, pooled.Lost)
	require.Zero(t, pooled.Stale)
	note, err := c.pauseNote(context.Background())
	require.NoError(t, err)
	require.Empty(t, note)
}

// changeImageKilling kills the operator so many times meanwhile, at moments that the rollout itself
// gives: each time it has got further.
func (c cluster) changeImageKilling(t *testing.T, to string, times int) {
	t.Helper()
	before := c.timeline(t)
	watched := c.watchRollout(t, 3)
	c.roll(t, to)
	for killed := range times {
		asSoonAs(t, func(context.Context) error {
			if n := watched.recreated(); n <= killed {
				return fmt.Errorf("%d pods were recreated", n)
			}
			return nil
		})
		c.killOperator(t)
	}
	eventually(t, 2*boot, "the rollout is over", func(ctx context.Context) error {
		return errors.Join(c.rolledOut(ctx, to), c.hasMembers(ctx, 3))
	})
	watched.end(t, 1)
	require.Equal(t, before+1, c.timeline(t), "one switchover")
}

// shippedImage is the image of the shipped configuration.
func shippedImage(t *testing.T, k kube) string {
	t.Helper()
	configuration, err := k.configuration(context.Background())
	require.NoError(t, err)
	return configuration.Data["docker_image"]
}
