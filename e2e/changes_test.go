//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
)

// TestChangesOfARunningCluster changes what a cluster of two is made of, and where it runs: parameters that
// bind a standby to its primary, a node that is drained, a window that is waited for, an image that does not exist.
func TestChangesOfARunningCluster(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "changes"), "acid-changes")
	quick := []edit{instances(2), with(int64(2), "spec", "patroni", "loop_wait"), with(int64(4), "spec", "patroni", "retry_timeout"), with(int64(20), "spec", "patroni", "ttl")}
	apply := func(t *testing.T, more ...edit) { c.apply(t, append(quick, more...)...) }
	k.step(t, c.namespace, "it runs", func(t *testing.T) {
		apply(t)
		c.awaitRunning(t, 2)
	})
	before := c.uids(t)
	k.part(t, c.namespace, "more connections: the standby first", func(t *testing.T) {
		apply(t, connections("130"))
		c.awaitParameter(t, "max_connections", "130")
		require.Equal(t, []string{c.follower(t), c.leader(t).Name}, c.restartsFor(t, "→ 130"))
		require.Equal(t, before, c.uids(t), "Postgres restarts in place")
	})
	k.part(t, c.namespace, "fewer connections: the primary first", func(t *testing.T) {
		apply(t, connections("90"))
		c.awaitParameter(t, "max_connections", "90")
		require.Equal(t, []string{c.leader(t).Name, c.follower(t)}, c.restartsFor(t, "→ 90"), "each once, and in this order")
		require.Equal(t, before, c.uids(t), "Postgres restarts in place")
	})
	k.part(t, c.namespace, "a drained node", func(t *testing.T) { c.testDrain(t, apply) })
	k.part(t, c.namespace, "an image that does not exist", func(t *testing.T) { c.testBadImage(t, apply) })
}

func connections(n string) edit {
	return with(n, "spec", "postgresql", "parameters", "max_connections")
}

// testDrain cordons the primary's node, first outside of a maintenance window.
func (c cluster) testDrain(t *testing.T, apply func(*testing.T, ...edit)) {
	c.awaitRunning(t, 2)
	start := time.Now().UTC().Add(3 * time.Hour)
	later := fmt.Sprintf("%s-%s", start.Format("15:04"), start.Add(time.Hour).Format("15:04"))
	apply(t, connections("90"), with([]any{later}, "spec", "maintenanceWindows"))
	c.awaitRunning(t, 2)
	primary := c.leader(t)
	node := primary.Spec.NodeName
	t.Cleanup(func() { c.kubectl(t, "uncordon", node) })
	c.kubectl(t, "cordon", node)
	c.awaitRollout(t, "Waiting", "node "+node+" is cordoned", "the maintenance window that begins at "+start.Format("2006-01-02 15:04")+" UTC")
	require.Equal(t, primary.UID, c.leader(t).UID, "the primary stays until the window")

	apply(t, connections("90"))
	eventually(t, boot, "the primary is on another node", func(ctx context.Context) error {
		pods, err := c.pods(ctx)
		for _, pod := range pods {
			if pod.Labels[roleLabel] == master && pod.Spec.NodeName != node {
				return nil
			}
		}
		return errors.Join(errNotYet, err)
	})
	c.kubectl(t, "uncordon", node)
	c.awaitRunning(t, 2)
}

// testBadImage makes the first pod of a rolling update one that never comes back.
func (c cluster) testBadImage(t *testing.T, apply func(*testing.T, ...edit)) {
	c.awaitRunning(t, 2)
	c.configure(t, map[string]string{"pod_label_wait_timeout": "5s", "repair_period": "5s"})
	primary := c.leader(t)
	apply(t, connections("90"), with("example.invalid/none:1", "spec", "dockerImage"))
	c.awaitRollout(t, "Stuck", "→ example.invalid/none:1", "pod "+c.name+"-")
	c.awaitWarning(t, c.key(c.name), "the rollout is stuck", "does not run")
	require.Equal(t, primary.UID, c.leader(t).UID, "the primary is spared")
	require.Equal(t, "1", c.mustQuery(t, c.primary(), "SELECT 1"))

	apply(t, connections("90"))
	c.awaitRunning(t, 2)
	require.Equal(t, primary.UID, c.leader(t).UID, "the primary never had another image")
	require.NotContains(t, c.leader(t).Annotations, "zalando-postgres-operator-rolling-update-required", "and is no longer to be replaced")
}

// awaitParameter waits until every member has a value in force, and the operator has no more to do.
func (c cluster) awaitParameter(t *testing.T, name, value string) {
	t.Helper()
	eventually(t, boot, name+" is "+value, func(ctx context.Context) error {
		for _, as := range []login{c.primary(), c.replicas()} {
			now, err := c.query(ctx, as, "SHOW "+name)
			if err != nil {
				return err
			}
			if now != value {
				return fmt.Errorf("%s through %s is %q", name, as.service, now)
			}
		}
		return c.runs(ctx)
	})
}

// awaitRollout waits for condition RolledOut to be false for a reason, with a message that has every part.
func (c cluster) awaitRollout(t *testing.T, reason string, parts ...string) {
	t.Helper()
	eventually(t, boot, fmt.Sprintf("the rollout is %s: %q", reason, parts), func(ctx context.Context) error {
		_, condition, err := c.conditionOf(ctx, apiv1.ConditionRolledOut)
		if err != nil || condition == nil {
			return errors.Join(errNotYet, err)
		}
		if condition.Status == metav1.ConditionFalse && condition.Reason == reason && containsAll(condition.Message, parts) {
			return nil
		}
		return fmt.Errorf("it is %s: %s", condition.Reason, condition.Message)
	})
}

// restartsFor are the pods in which Postgres was restarted in place for a change, in their order.
func (c cluster) restartsFor(t *testing.T, change string) []string {
	t.Helper()
	var events eventsv1.EventList
	require.NoError(t, c.List(context.Background(), &events, client.InNamespace(c.namespace)))
	slices.SortFunc(events.Items, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	var pods []string
	for _, at := range events.Items {
		if after, found := strings.CutPrefix(at.Note, "restarting Postgres in pod "); found && strings.Contains(after, change) {
			pod, _, _ := strings.Cut(after, ":")
			pods = append(pods, pod)
		}
	}
	return pods
}

func (c cluster) follower(t *testing.T) string {
	t.Helper()
	pods, err := c.pods(context.Background())
	require.NoError(t, err)
	var names []string
	for _, pod := range pods {
		if pod.Labels[roleLabel] == replica {
			names = append(names, pod.Name)
		}
	}
	require.Len(t, names, 1)
	return names[0]
}
