package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// labelLost takes the readiness label from the node of a pod.
func labelLost(i int) change {
	return func(s *State) {
		s.ReadinessLabels = map[string]string{"ready": "yes"}
		node(i, func(n *corev1.Node) { n.Labels = map[string]string{"ready": "no"} })(s)
	}
}

func tainted(i int, key string, effect corev1.TaintEffect) change {
	return node(i, func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: key, Effect: effect}} })
}

func tolerates(i int, tolerations ...corev1.Toleration) change {
	return func(s *State) {
		s.Pods[i].Spec.Tolerations, s.Template.Spec.Tolerations = tolerations, tolerations
	}
}

func leads(i int) change {
	return func(s *State) {
		s.Patroni.Members[0].Role, s.Patroni.Members[0].State = "replica", "streaming"
		s.Patroni.Members[i].Role, s.Patroni.Members[i].State = "leader", "running"
	}
}

var closed = time.Date(2026, 8, 1, 22, 0, 0, 0, time.UTC)

func TestPlanMovesPrimariesOffNodesThatGo(t *testing.T) {
	const cordon = ": node n-0 is cordoned"
	synchronous := func(s *State) { s.Patroni.Synchronous = true }
	placed := func(s *State) { s.Template.Spec.NodeSelector = map[string]string{"ready": "yes"} }
	anywhere := corev1.Toleration{Operator: corev1.TolerationOpExists}
	cases := []struct {
		name    string
		n       int
		changes []change
		want    string
	}{
		{"all nodes stay", 3, []change{on(1)}, "None"},
		{"node of a replica", 3, []change{on(1), cordoned(2)}, "None"},
		{"cordoned", 3, []change{on(1), cordoned(0)}, "Switchover c-0 to c-1" + cordon},
		{"label lost", 3, []change{on(1), labelLost(0)}, "Switchover c-0 to c-1: node n-0 has lost the label ready=yes"},
		{"taint", 3, []change{on(1), tainted(0, "ToBeDeleted", "NoSchedule")}, "Switchover c-0 to c-1: node n-0 has the taint ToBeDeleted:NoSchedule"},
		{"taint that is tolerated", 3, []change{on(1), tainted(0, "db", "NoExecute"), tolerates(0, corev1.Toleration{Key: "db", Operator: corev1.TolerationOpExists})}, "None"},
		{"taint of a wish", 3, []change{on(1), tainted(0, "DeletionCandidate", "PreferNoSchedule")}, "None"},
		{"taint of a passing state", 3, []change{on(1), tainted(0, corev1.TaintNodeMemoryPressure, "NoSchedule")}, "None"},
		{"node of a control plane of old", 3, []change{on(1), cordoned(0), node(0, func(n *corev1.Node) { n.Labels = map[string]string{"master": "true"} })}, "None"},
		{"node is not known", 3, []change{on(1), cordoned(0), pod(0, func(p *Pod) { p.Spec.NodeName = "other" })}, "None"},
		{"two nodes go: the third takes over", 3, []change{on(1), cordoned(0), cordoned(1)}, "Switchover c-0 to c-2" + cordon},
		{"before a rollout, and to an outdated pod if need be", 3, []change{on(1), cordoned(0), outdated(0, 1, 2)}, "Switchover c-0 to c-1" + cordon},
		{"up to date before outdated", 3, []change{on(1), cordoned(0), outdated(0, 1), lag(2, 500)}, "Switchover c-0 to c-2" + cordon},
		{"though the StatefulSet was not looked at", 3, []change{on(1), cordoned(0), func(s *State) { s.Observed = false }}, "Switchover c-0 to c-1" + cordon},
		{"though another is down", 3, []change{on(1), cordoned(0), crashing(1)}, "Switchover c-0 to c-2" + cordon},
		{"with nobody else there", 3, []change{on(1), cordoned(0), crashing(1), unready(2)}, "Wait c-0" + cordon + " (waits: no replica can take over: pod c-1 does not run; pod c-2 is not ready)"},
		{"not to one that is evicted", 3, []change{on(1), cordoned(0), deleted(1)}, "Switchover c-0 to c-2" + cordon},
		{"paused", 3, []change{on(1), cordoned(0), func(s *State) { s.Patroni.Paused = true }}, "Wait c-0" + cordon + " (waits: Patroni is paused; resume it with patronictl resume)"},
		{"window", 3, []change{on(1), cordoned(0), func(s *State) { s.ClosedUntil = closed }}, "Wait c-0" + cordon + " (waits: the maintenance window that begins at 2026-08-01 22:00 UTC)"},
		{"no leader", 3, []change{on(1), cordoned(0), role(0, "replica")}, "None"},
		{"standby cluster", 3, []change{on(1), cordoned(0), role(0, "standby_leader"), synchronous}, "Switchover c-0 to c-1" + cordon},
		{"synchronous", 3, []change{on(1), cordoned(0), synchronous, role(2, "sync_standby")}, "Switchover c-0 to c-2" + cordon},
		{"synchronous without a standby", 3, []change{on(1), cordoned(0), synchronous}, "Wait c-0" + cordon + " (waits: no replica can take over: member c-1 is not a synchronous standby; member c-2 is not a synchronous standby)"},
		{"not to a pod that will be scaled away", 3, []change{on(1), cordoned(0), crashing(1), func(s *State) { s.ScaleIn = 2 }}, "Wait c-0" + cordon + " (waits: no replica can take over: pod c-1 does not run)"},

		// The candidate sits on such a node, too.
		{"candidate moves first", 2, []change{on(1), cordoned(0), cordoned(1)}, "Recreate c-1: node n-1 is cordoned; it has to take over from c-0, of which node n-0 is cordoned"},
		{"synchronous candidate moves first", 3, []change{on(1), cordoned(0), cordoned(2), synchronous, role(2, "sync_standby")}, "Recreate c-2: node n-2 is cordoned; it has to take over from c-0, of which node n-0 is cordoned"},
		{"candidate has nowhere to go", 2, []change{on(0), cordoned(0), cordoned(1)}, "Wait c-0" + cordon + " (waits: no replica can take over: node n-1 is cordoned)"},
		{"candidate would come back", 2, []change{on(1), cordoned(0), cordoned(1), tolerates(1, anywhere)}, "Wait c-0" + cordon + " (waits: no replica can take over: node n-1 is cordoned)"},
		{"candidate must not move while another is down", 3, []change{on(1), cordoned(0), cordoned(1), crashing(2)}, "Wait c-0" + cordon + " (waits: no replica can take over: node n-1 is cordoned; pod c-2 does not run)"},
		{"candidate must not move while another is missing", 3, []change{on(1), cordoned(0), cordoned(1), gone(2)}, "Wait c-0" + cordon + " (waits: no replica can take over: node n-1 is cordoned)"},

		// Single members are in the way of a drain as long as they are protected.
		{"single member moves", 1, []change{on(1), cordoned(0)}, "Recreate c-0" + cordon},
		{"single member has nowhere to go", 1, []change{on(0), cordoned(0)}, "Wait c-0" + cordon + " (waits: node n-0 is cordoned, and no other node takes pod c-0)"},
		{"single member would come back", 1, []change{on(1), labelLost(0)}, "Wait c-0: node n-0 has lost the label ready=yes (waits: node n-0 has lost the label ready=yes, but pod c-0 would come back to it)"},
		{"single member with the node affinity of the label", 1, []change{on(1), labelLost(0), placed}, "Recreate c-0: node n-0 has lost the label ready=yes"},
		{"the only pod that is there is no single member", 2, []change{on(1), cordoned(0), gone(1)}, "Wait c-0" + cordon + " (waits: no replica can take over: there is none)"},
		{"single member in a window", 1, []change{on(1), cordoned(0), func(s *State) { s.ClosedUntil = closed }}, "Wait c-0" + cordon + " (waits: the maintenance window that begins at 2026-08-01 22:00 UTC)"},

		// Rollouts and nodes.
		{"replica is not recreated into nothing", 2, []change{outdated(1), on(0), cordoned(1), cordoned(0), leads(1), leads(0), node(0, func(n *corev1.Node) {
			n.Spec.Unschedulable = false
			n.Spec.Taints = []corev1.Taint{{Key: "full", Effect: "NoSchedule"}}
		}), pod(0, func(p *Pod) { p.Spec.Tolerations = []corev1.Toleration{anywhere} })}, "Wait c-1" + image + " (waits: node n-1 is cordoned, and no other node takes pod c-1)"},
		{"no node has the label yet, and the rollout that brings the affinity goes on", 2, []change{on(1), labelLost(0), labelLost(1), placed, outdated(0, 1)}, "Recreate c-1: node n-1 has lost the label ready=yes; it has to take over from c-0, of which node n-0 has lost the label ready=yes"},
		{"replica that tolerates the cordon comes back to its node", 2, []change{tolerates(1, anywhere), func(s *State) {
			s.Revisions[oldRevision] = *s.Template.DeepCopy()
			s.Revisions[oldRevision].Spec.Containers[0].Image = "spilo:1"
			outdated(1)(s)
		}, on(0), cordoned(1)}, "Recreate c-1" + image},
		{"a move that waits for a window holds up no rollout", 2, []change{on(1), cordoned(0), outdated(1), func(s *State) { s.ClosedUntil = closed }}, "Recreate c-1" + image},
		{"nor does its rollout wait for it", 2, []change{on(1), cordoned(0), outdated(0), func(s *State) { s.ClosedUntil = closed }}, "Switchover c-0 to c-1" + image},
		{"replica on a node that goes is recreated elsewhere", 2, []change{outdated(1), on(1), cordoned(1)}, "Recreate c-1" + image},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := cluster(tc.n)
			for _, change := range tc.changes {
				change(&s)
			}
			step := Plan(s)
			require.Equal(t, tc.want, step.String())
			if step.Kind == Wait {
				require.Equal(t, s.ClosedUntil, step.Until, "whoever waits for a window knows when to look again")
			}
			require.False(t, step.Stuck)
		})
	}
}

func TestSynchronousClustersKeepAStandby(t *testing.T) {
	synchronous := func(s *State) { s.Patroni.Synchronous = true }
	nosync := member(2, func(m *Member) { m.NoSync = true })
	const none = " (waits: Patroni has named no synchronous standby)"
	cases := []struct {
		name    string
		n       int
		changes []change
		want    string
	}{
		{"another is named", 3, []change{outdated(2), role(1, "sync_standby")}, "Recreate c-2" + image},
		{"none is named yet", 3, []change{outdated(2)}, "Wait c-2" + image + none},
		{"the one that is named goes: Patroni names the other then", 3, []change{outdated(1), role(1, "sync_standby")}, "Recreate c-1" + image},
		{"there is no other", 2, []change{outdated(1)}, "Recreate c-1" + image},
		{"the other never will be named", 3, []change{outdated(1), nosync}, "Recreate c-1" + image},
		{"restart in place", 3, []change{pending(2)}, "Wait c-2: Patroni reports a pending restart" + none},
		{"restart of the primary", 3, []change{pending(0)}, "Wait c-0: Patroni reports a pending restart" + none},
		{"standby cluster", 3, []change{outdated(2), role(0, "standby_leader")}, "Recreate c-2" + image},
		{"standby cluster switches over", 3, []change{outdated(0), role(0, "standby_leader")}, "Switchover c-0 to c-1" + image},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := cluster(tc.n)
			synchronous(&s)
			for _, change := range tc.changes {
				change(&s)
			}
			require.Equal(t, tc.want, Plan(s).String())
		})
	}
}
