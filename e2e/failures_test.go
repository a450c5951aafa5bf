//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
)

// other is the image that a cluster does not run, of the two that there are.
func other(images []string, round int) string { return images[(round+1)%len(images)] }

// TestFailureNone measures rollouts without any failure: the median of the outage of a direct client.
func TestFailureNone(t *testing.T) {
	k := onlyWithFailures(t)
	c := k.rollingCluster(t, "measured")
	images := []string{shippedImage(t, k), nextImage}
	var outages []time.Duration
	for round := range *rollouts {
		direct, _ := c.changeImage(t, other(images, round))
		outages = append(outages, direct.Outage)
	}
	slices.Sort(outages)
	t.Logf("outages of a direct client: %v, median %v", outages, outages[len(outages)/2])
}

// TestFailureOperatorKilled kills the operator at random moments of rollouts.
func TestFailureOperatorKilled(t *testing.T) {
	k := onlyWithFailures(t)
	c := k.rollingCluster(t, "killed-rolling")
	images := []string{shippedImage(t, k), nextImage}
	direct, pooled := c.applications(t)
	for round, killed := 0, 0; killed < *kills; round++ {
		before, to := c.timeline(t), other(images, round)
		watched := c.watchRollout(t, 3)
		c.roll(t, to)
		over := func(ctx context.Context) error { return errors.Join(c.rolledOut(ctx, to), c.hasMembers(ctx, 3)) }
		for killed < *kills && over(context.Background()) != nil {
			moment := rand.N(15 * time.Second)
			<-time.After(moment)
			k.killOperator(t)
			killed++
			t.Logf("round %d: killed %.1fs after it led, %d pods recreated so far", round, moment.Seconds(), watched.recreated())
			k.awaitLeading(t)
		}
		eventually(t, 2*boot, "the rollout is over", over)
		watched.end(t, 1)
		require.Equal(t, before+1, c.timeline(t), "one switchover")
	}
	require.Empty(t, direct.finish(t).Lost)
	report := pooled.finish(t)
	require.Empty(t, report.Lost)
	note, err := c.pauseNote(context.Background())
	require.NoError(t, err)
	require.Empty(t, note, "the pooler is resumed")
}

// TestFailureOperatorGone takes the operator away while it has the pooler paused. The pooler resumes by
// itself, whoever leads then, and the rollout ends when there is an operator again.
func TestFailureOperatorGone(t *testing.T) {
	k := onlyWithFailures(t)
	c := k.rollingCluster(t, "gone")
	pooled := c.drive(t, "pooled", c.pooled("zalando", "foo"), time.Minute)
	watched := c.watchRollout(t, 3)
	c.roll(t, nextImage)
	asSoonAs(t, func(ctx context.Context) error {
		note, err := c.pauseNote(ctx)
		if err == nil && note == "" {
			err = errNotYet
		}
		return err
	})
	k.scaleOperator(t, 0)
	t.Cleanup(func() { k.scaleOperator(t, 1) })
	before := pooled.written()
	eventually(t, boot, "clients of the pooler write without an operator", func(context.Context) error {
		if pooled.written() == before {
			return errNotYet
		}
		return nil
	})
	k.scaleOperator(t, 1)
	c.awaitRolledOut(t, nextImage, 3)
	watched.end(t, 1)
	require.Empty(t, pooled.finish(t).Lost)
	note, err := c.pauseNote(context.Background())
	require.NoError(t, err)
	require.Empty(t, note)
}

// TestFailureNodeCutOff takes a node with replicas off the network when the first pod has been recreated.
// The rollout waits for what is on it, and goes on when it is back.
func TestFailureNodeCutOff(t *testing.T) {
	k := onlyWithFailures(t)
	c := k.rollingCluster(t, "cutoff")
	node := c.nodeOfReplicas(t)
	k.keepOperatorOff(t, node)
	direct := c.drive(t, "direct", login{c.name, "zalando", "foo"}, 5*time.Second)
	watched := c.watchRollout(t, 3)
	c.roll(t, nextImage)
	asSoonAs(t, func(context.Context) error {
		if watched.recreated() == 0 {
			return errNotYet
		}
		return nil
	})
	heal := k.cutOff(t, node)
	c.awaitCondition(t, apiv1.ConditionReady, metav1.ConditionFalse, "")
	c.awaitCondition(t, apiv1.ConditionRolledOut, metav1.ConditionFalse, "waits:")
	t.Logf("it says: %s", c.saysOfRollout(t))
	recreated := watched.recreated()
	heal()
	c.awaitRolledOut(t, nextImage, 3)
	t.Logf("%d pods were recreated before the node was back, %d in all", recreated, watched.recreated())
	require.Empty(t, direct.finish(t).Lost)
}

// nodeOfReplicas is a node that runs replicas, and not the primary.
func (c cluster) nodeOfReplicas(t *testing.T) string {
	t.Helper()
	primary := c.leader(t).Spec.NodeName
	pods, err := c.pods(context.Background())
	require.NoError(t, err)
	for _, pod := range pods {
		if pod.Spec.NodeName != primary {
			return pod.Spec.NodeName
		}
	}
	require.FailNow(t, "all members are on one node")
	return ""
}

// keepOperatorOff moves the operator off a node.
func (k kube) keepOperatorOff(t *testing.T, node string) {
	t.Helper()
	pod := k.operatorPod(t)
	if pod.Spec.NodeName != node {
		return
	}
	k.kubectl(t, "cordon", node)
	defer k.kubectl(t, "uncordon", node)
	k.kubectl(t, "--namespace", operatorNamespace, "delete", "pod", pod.Name)
	require.NotEqual(t, node, k.operatorPod(t).Spec.NodeName)
	k.awaitLeading(t)
}

func (c cluster) saysOfRollout(t *testing.T) string {
	t.Helper()
	_, condition, err := c.conditionOf(context.Background(), apiv1.ConditionRolledOut)
	require.NoError(t, err)
	return fmt.Sprintf("%s: %s", condition.Reason, condition.Message)
}

// TestFailureAPIServerStopped stops the API server for a minute when the first pod has been recreated. Even
// in failsafe mode Patroni demotes the primary then, as the new member does not answer it yet: this is not
// the rollout's doing, but afterwards no more than one member may be down.
func TestFailureAPIServerStopped(t *testing.T) {
	k := onlyWithFailures(t)
	failsafe := with(true, "spec", "patroni", "failsafe_mode")
	c := k.rollingCluster(t, "apiserver", failsafe)
	direct, pooled := c.applications(t)
	before := c.timeline(t)
	watched := c.watchRollout(t, 3)
	c.roll(t, nextImage, failsafe)
	asSoonAs(t, func(context.Context) error {
		if watched.recreated() == 0 {
			return errNotYet
		}
		return nil
	})
	start := k.stopAPIServer(t)
	<-time.After(time.Minute)
	watched.excuse()
	start()
	c.awaitRolledOut(t, nextImage, 3)
	t.Logf("%d changes of the primary", c.timeline(t)-before)
	watched.end(t, 1)
	require.Empty(t, direct.finish(t).Lost)
	require.Empty(t, pooled.finish(t).Lost)
}

// TestFailurePatroniRefuses has the Patroni of every member answer 503: nothing is restarted, and the
// condition says why. It goes on when one answers again.
func TestFailurePatroniRefuses(t *testing.T) {
	k := onlyWithFailures(t)
	c := k.rollingCluster(t, "refusing")
	pods, err := c.pods(context.Background())
	require.NoError(t, err)
	var restores []func()
	for _, pod := range pods {
		restores = append(restores, refuse(t, pod))
	}
	before := c.uids(t)
	c.roll(t, nextImage)
	c.awaitCondition(t, apiv1.ConditionRolledOut, metav1.ConditionFalse, "no member answers Patroni's REST API")
	t.Logf("it says: %s", c.saysOfRollout(t))
	require.Equal(t, before, c.uids(t))
	for _, restore := range restores {
		restore()
	}
	c.awaitRolledOut(t, nextImage, 3)
	after := c.uids(t)
	for pod, uid := range before {
		require.NotEqual(t, uid, after[pod])
	}
}

// TestFailureReplicaStaysAway changes to an image that cannot be pulled: the first replica stays away, and
// the others are left alone until there is another image.
func TestFailureReplicaStaysAway(t *testing.T) {
	k := onlyWithFailures(t)
	c := k.rollingCluster(t, "away")
	direct := c.drive(t, "direct", login{c.name, "zalando", "foo"}, 5*time.Second)
	before := c.uids(t)
	watched := c.watchRollout(t, 3)
	c.roll(t, "docker.io/local/no-such-image:1")
	c.awaitCondition(t, apiv1.ConditionRolledOut, metav1.ConditionFalse, "waits:", "does not run")
	t.Logf("it says: %s", c.saysOfRollout(t))
	require.Equal(t, 1, watched.recreated())
	c.roll(t, nextImage)
	c.awaitRolledOut(t, nextImage, 3)
	after := c.uids(t)
	for pod, uid := range before {
		require.NotEqual(t, uid, after[pod])
	}
	require.LessOrEqual(t, watched.worst, 1, watched.why)
	require.Equal(t, 4, watched.recreated(), "the one that stayed away twice, the others once")
	report := direct.finish(t)
	require.Empty(t, report.Lost)
}
