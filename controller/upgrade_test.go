package controller

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// runs makes every member say that it runs this version.
func (p *patroniStandIn) runs(version int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version = version
}

// answer sets what a command that begins so writes from now on.
func (c *commands) answer(beginning, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.says[beginning] = text
}

// starts counts how often the script was started.
func (c *commands) starts() int {
	n := 0
	for _, line := range c.all() {
		if strings.Contains(line, "inplace_upgrade.py 2 >last_upgrade.log") {
			n++
		}
	}
	return n
}

// critical counts the pods under the budget for critical operations.
func (w *world) critical() int {
	var pods corev1.PodList
	require.NoError(w, w.client.List(w.Context(), &pods, client.InNamespace(w.namespace), client.MatchingLabels{names.CriticalOperation: "true"}))
	return len(pods.Items)
}

const look = "/bin/bash -c run=/tmp/major-upgrade-18-"

// upgrading is a cluster of version 17 whose upgrade to 18 has begun.
func upgrading(t *testing.T) (*world, *operator, *patroniStandIn, *commands) {
	w := newWorld(t, "resource_check_interval", "1s")
	pods := &commands{says: map[string]string{look: "running\n"}}
	w.options.exec = pods
	w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	p := w.playPatroni(clusterName, `{}`)
	p.runs(170012)
	w.eventually(func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		assert.Equal(c, "17", pg.Status.MajorVersion)
		assert.True(c, pg.Status.MajorUpgrade != nil && pg.Status.MajorUpgrade.Begun, "%v", pg.Status.Conditions)
		assert.Equal(c, 1, pods.starts())
		assert.Equal(c, 2, w.critical())
	}, "the upgrade begins")
	return w, op, p, pods
}

func TestMajorUpgradeOutlivesTheOperator(t *testing.T) {
	t.Parallel()
	w, op, p, pods := upgrading(t)
	op.stop()
	w.start()
	w.stays(func() bool { return w.cluster(clusterName).Status.MajorUpgrade != nil && pods.starts() == 1 }, "it goes on, and is not started again")
	p.runs(180006)
	pods.answer(look, "ended 0\nupgrade: all 2 members run version 18\n")
	w.eventually(func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		assert.Nil(c, pg.Status.MajorUpgrade)
		assert.Equal(c, "18", pg.Status.MajorVersion)
		assert.NotEmpty(c, pg.Annotations[names.UpgradeSuccess])
		assert.Empty(c, pg.Annotations[names.UpgradeFailure])
		assert.Equal(c, "True UpToDate: version 18 runs", condition(pg, apiv1.ConditionUpgraded))
		assert.Zero(c, w.critical())
	}, "the upgrade succeeds")
}

func TestMajorUpgradeThatFails(t *testing.T) {
	t.Parallel()
	w, _, _, pods := upgrading(t)
	pods.answer(look, "ended 1\nupgrade: failed: no space left\n")
	const said = "False Failed: the upgrade from version 17 to 18 failed in pod acid-test-0: upgrade: failed: no space left. Remove the annotation last-major-upgrade-failure to try again"
	failed := func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		assert.Nil(c, pg.Status.MajorUpgrade)
		assert.NotEmpty(c, pg.Annotations[names.UpgradeFailure])
		assert.Equal(c, said, condition(pg, apiv1.ConditionUpgraded))
		assert.Zero(c, w.critical())
	}
	w.eventually(failed, "the upgrade fails")
	w.stays(func() bool {
		return pods.starts() == 1 && condition(w.cluster(clusterName), apiv1.ConditionUpgraded) == said
	}, "nobody tries again")
	require.Contains(t, strings.Join(w.notes("postgresql", clusterName), "\n"), "Warning Major Version Upgrade: the upgrade from version 17 to 18 failed")
	pods.answer(look, "running\n")
	pg := w.cluster(clusterName)
	patch := client.MergeFrom(pg.DeepCopy())
	delete(pg.Annotations, names.UpgradeFailure)
	require.NoError(t, w.client.Patch(t.Context(), pg, patch))
	w.eventually(func(c *assert.CollectT) { assert.Equal(c, 2, pods.starts()) }, "it is tried again")
}
