package rollout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"postgres-operator/names"
)

const oldRevision, newRevision = "c-old", "c-new"

// cluster is a healthy cluster of n members whose pods are up to date; c-0 leads.
func cluster(n int) State {
	s := State{Observed: true, Replicas: n, UpdateRevision: newRevision, Revisions: map[string]corev1.PodTemplateSpec{}}
	s.Template = template("spilo:2")
	s.Revisions[oldRevision], s.Revisions[newRevision] = template("spilo:1"), s.Template
	for i := range n {
		name := "c-" + string(rune('0'+i))
		s.Pods = append(s.Pods, Pod{Pod: corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, UID: types.UID("uid-" + name),
				Labels: map[string]string{RevisionLabel: newRevision}, Annotations: map[string]string{"a": "1"},
			},
			Spec: s.Template.Spec,
			Status: corev1.PodStatus{
				Phase:             corev1.PodRunning,
				Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "postgres", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
			},
		}})
		s.Patroni.Members = append(s.Patroni.Members, Member{Name: name, Role: "replica", State: "streaming", Timeline: 1})
	}
	if n > 0 {
		s.Patroni.Members[0].Role, s.Patroni.Members[0].State = "leader", "running"
	}
	return s
}

func template(image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"a": "1"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "postgres", Image: image}}},
	}
}

// Changes to a healthy cluster that the cases are made of.
type change func(*State)

func outdated(pods ...int) change {
	return func(s *State) {
		for _, i := range pods {
			s.Pods[i].Labels = map[string]string{RevisionLabel: oldRevision}
		}
	}
}
func member(i int, set func(*Member)) change { return func(s *State) { set(&s.Patroni.Members[i]) } }
func pod(i int, set func(*Pod)) change       { return func(s *State) { set(&s.Pods[i]) } }
func state(i int, state string) change       { return member(i, func(m *Member) { m.State = state }) }
func lag(i int, lag int64) change            { return member(i, func(m *Member) { m.Lag = lag }) }
func role(i int, role string) change         { return member(i, func(m *Member) { m.Role = role }) }
func pending(i int, reason ...string) change {
	return member(i, func(m *Member) {
		m.PendingRestart, m.PendingReason = true, map[string]ParameterChange{}
		for _, r := range reason {
			f := strings.Fields(r)
			m.PendingReason[f[0]] = ParameterChange{Old: f[1], New: f[2]}
		}
	})
}
func unready(i int) change {
	return pod(i, func(p *Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse })
}
func crashing(i int) change {
	return pod(i, func(p *Pod) {
		p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	})
}
func phase(i int, phase corev1.PodPhase) change {
	return pod(i, func(p *Pod) { p.Status.Phase, p.Status.ContainerStatuses = phase, nil })
}
func unknown(i int) change {
	return func(s *State) { s.Patroni.Members = append(s.Patroni.Members[:i:i], s.Patroni.Members[i+1:]...) }
}
func gone(i int) change {
	return func(s *State) { s.Pods = append(s.Pods[:i:i], s.Pods[i+1:]...); unknown(i)(s) }
}
func deleted(i int) change {
	return pod(i, func(p *Pod) { p.DeletionTimestamp = &metav1.Time{} })
}
func annotated(i int, key, value string) change {
	return pod(i, func(p *Pod) { p.Annotations = map[string]string{"a": "1", key: value} })
}

// on puts each pod on a node of its own, n-0 and so on, beside spare ones.
func on(spares int) change {
	return func(s *State) {
		s.Nodes = map[string]corev1.Node{}
		for i := range len(s.Pods) + spares {
			node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n-%d", i), Labels: map[string]string{"ready": "yes"}}}
			s.Nodes[node.Name] = node
			if i < len(s.Pods) {
				s.Pods[i].Spec.NodeName = node.Name
			}
		}
	}
}
func node(i int, set func(*corev1.Node)) change {
	return func(s *State) {
		if s.Nodes == nil {
			on(0)(s)
		}
		name := fmt.Sprintf("n-%d", i)
		n := s.Nodes[name]
		set(&n)
		s.Nodes[name] = n
	}
}
func cordoned(i int) change {
	return node(i, func(n *corev1.Node) { n.Spec.Unschedulable = true })
}

const (
	image  = ": container postgres: image: spilo:1 → spilo:2"
	marker = "zalando-postgres-operator-rolling-update-required"
)

func TestPlan(t *testing.T) {
	synchronous := func(s *State) { s.Patroni.Synchronous = true }
	paused := func(s *State) { s.Patroni.Paused = true }
	lazy := func(s *State) { s.LazyImages = true }
	silent := func(s *State) { s.Patroni.Members = nil }
	allOld := outdated(0, 1, 2)
	cases := []struct {
		name    string
		n       int
		changes []change
		want    string
	}{
		// Nothing to do.
		{"up to date", 3, nil, "None"},
		{"no instances", 0, nil, "None"},
		{"up to date although broken", 3, []change{crashing(1)}, "None"},
		{"up to date and paused", 3, []change{paused}, "None"},
		{"other revision without a difference", 3, []change{allOld, func(s *State) { s.Revisions[oldRevision] = s.Template }}, "None"},
		{"lazy images", 3, []change{allOld, lazy}, "None"},
		{"marker is not true", 3, []change{annotated(1, marker, "false")}, "None"},
		{"pod to be scaled away is outdated", 3, []change{outdated(2), func(s *State) { s.Replicas = 2 }}, "None"},

		// Order.
		{"replicas first, high ordinal first", 3, []change{allOld}, "Recreate c-2" + image},
		{"next replica", 3, []change{outdated(0, 1)}, "Recreate c-1" + image},
		{"then switch over", 3, []change{outdated(0)}, "Switchover c-0 to c-1" + image},
		{"nobody takes over who does not stream", 2, []change{outdated(0), state(1, "running")},
			"Wait c-0" + image + " (waits: no replica can take over: member c-1 does not stream from the leader)"},
		{"former primary last", 3, []change{outdated(0), role(0, "replica"), state(0, "streaming"), role(1, "leader"), state(1, "running")}, "Recreate c-0" + image},
		{"leader is not the first pod", 3, []change{allOld, role(0, "replica"), state(0, "streaming"), role(2, "leader"), state(2, "running")}, "Recreate c-1" + image},
		{"synchronous standby moves late", 3, []change{allOld, role(2, "sync_standby")}, "Recreate c-1" + image},
		{"standby cluster", 3, []change{outdated(0), role(0, "standby_leader"), state(0, "in archive recovery")}, "Switchover c-0 to c-1" + image},
		{"single member", 1, []change{outdated(0)}, "Recreate c-0" + image},
		{"two members", 2, []change{outdated(0, 1)}, "Recreate c-1" + image},

		// Markers.
		{"marked replica", 3, []change{annotated(1, marker, "true")}, "Recreate c-1: annotation " + marker + " is true"},
		{"marked primary", 3, []change{annotated(0, marker, "true")}, "Switchover c-0 to c-1: annotation " + marker + " is true"},
		{"marker beats lazy", 3, []change{allOld, lazy, annotated(1, marker, "true")}, "Recreate c-1: annotation " + marker + " is true"},

		// Candidates.
		{"least lag", 3, []change{outdated(0), lag(1, 500), lag(2, 100)}, "Switchover c-0 to c-2" + image},
		{"synchronous before lag", 3, []change{outdated(0), lag(1, 500), role(1, "sync_standby")}, "Switchover c-0 to c-1" + image},
		{"quorum counts as synchronous", 3, []change{outdated(0), lag(2, 500), role(2, "quorum_standby"), synchronous}, "Switchover c-0 to c-2" + image},
		{"node that stays before lag", 3, []change{outdated(0), lag(2, 500), cordoned(1)}, "Switchover c-0 to c-2" + image},
		{"all nodes drained", 2, []change{outdated(0), cordoned(1)}, "Switchover c-0 to c-1" + image},
		{"nofailover", 2, []change{outdated(0), member(1, func(m *Member) { m.NoFailover = true })}, "Wait c-0" + image + " (waits: no replica can take over: member c-1 has the tag nofailover)"},
		{"synchronous mode without standby", 2, []change{outdated(0), synchronous}, "Wait c-0" + image + " (waits: no replica can take over: member c-1 is not a synchronous standby)"},
		{"other timeline", 3, []change{outdated(0), member(1, func(m *Member) { m.Timeline = 2 })}, "Switchover c-0 to c-2" + image},

		// Never two down.
		{"another pod is not ready", 3, []change{allOld, unready(1)}, "Wait c-0" + image + " (waits: pod c-1 is not ready)"},
		{"new pod starts", 3, []change{outdated(0, 1), state(2, "starting")}, "Wait c-0" + image + " (waits: member c-2 is starting)"},
		{"new pod copies", 3, []change{outdated(0, 1), state(2, "creating replica")}, "Wait c-0" + image + " (waits: member c-2 is creating replica)"},
		{"new pod lags", 3, []change{outdated(0, 1), lag(2, 2<<20)}, "Wait c-0" + image + " (waits: member c-2 lags more than 1048576 bytes behind)"},
		{"new pod lags within bounds", 3, []change{outdated(0, 1), lag(2, 2<<20), func(s *State) { s.Patroni.MaximumLag = 16 << 20 }}, "Recreate c-1" + image},
		{"lag is unknown", 3, []change{outdated(0, 1), lag(2, -1)}, "Wait c-0" + image + " (waits: the lag of member c-2 is unknown)"},
		{"new pod has not joined", 3, []change{outdated(0, 1), unknown(2)}, "Wait c-0" + image + " (waits: pod c-2 has not joined the cluster)"},
		{"new pod crashes", 3, []change{outdated(0, 1), crashing(2)}, "Wait c-0" + image + " (waits: pod c-2 does not run)"},
		{"pod is being deleted", 3, []change{outdated(0, 1), deleted(2)}, "Wait c-0" + image + " (waits: pod c-2 is being deleted)"},
		{"pod is missing", 3, []change{outdated(0, 1), gone(2)}, "Wait c-0" + image + " (waits: 2 of 3 pods exist)"},
		{"primary waits for all replicas", 3, []change{outdated(0), state(1, "stopped"), lag(2, 2<<20)}, "Wait c-0" + image + " (waits: member c-1 is stopped; member c-2 lags more than 1048576 bytes behind)"},
		{"lag of the outdated pod itself does not matter", 3, []change{outdated(1), lag(1, 2<<20)}, "Recreate c-1" + image},

		// Guards.
		{"not observed", 3, []change{allOld, func(s *State) { s.Observed = false }}, "Wait (waits: the StatefulSet controller has not seen the newest StatefulSet)"},
		{"paused", 3, []change{allOld, paused}, "Wait c-0" + image + " (waits: Patroni is paused; resume it with patronictl resume)"},
		{"paused and broken", 3, []change{allOld, paused, crashing(1)}, "Wait c-0" + image + " (waits: Patroni is paused; resume it with patronictl resume)"},
		{"no leader", 3, []change{allOld, role(0, "replica")}, "Wait c-0" + image + " (waits: the cluster has no leader)"},
		{"Patroni is silent", 3, []change{allOld, silent}, "Wait c-0" + image + " (waits: no member answers Patroni's REST API)"},
		{"single member without leader", 1, []change{outdated(0), role(0, "replica"), state(0, "starting")}, "Wait c-0" + image + " (waits: the cluster has no leader)"},
		{"leader is to be scaled away", 3, []change{outdated(0), role(0, "replica"), role(2, "leader"), func(s *State) { s.Replicas = 2 }}, "Wait c-0" + image + " (waits: the leader c-2 is none of the pods that stay)"},

		// The outdated pod is what is broken.
		{"broken replica", 3, []change{allOld, crashing(1)}, "Recreate c-1" + image},
		{"broken replica while another is missing", 3, []change{allOld, crashing(1), gone(2)}, "Recreate c-1" + image},
		{"broken primary", 3, []change{allOld, crashing(0)}, "Recreate c-0" + image},
		{"pending pod", 3, []change{allOld, phase(2, corev1.PodPending)}, "Recreate c-2" + image},
		{"failed pod", 3, []change{allOld, phase(0, corev1.PodFailed)}, "Recreate c-0" + image},
		{"all broken and silent", 3, []change{allOld, silent, crashing(0), crashing(1), crashing(2)}, "Recreate c-0" + image},
		{"broken one is deleted already", 2, []change{outdated(0, 1), crashing(1), deleted(1)}, "Wait c-0" + image + " (waits: pod c-1 is being deleted)"},
		{"replica that cannot start", 3, []change{allOld, state(1, "start failed")}, "Recreate c-1" + image},
		{"single member that cannot start", 1, []change{outdated(0), role(0, "replica"), state(0, "start failed")}, "Recreate c-0" + image},
		{"replica that never joined", 3, []change{allOld, unknown(1)}, "Recreate c-1" + image},
		{"member that restores before there is a leader", 1, []change{outdated(0), silent}, "Wait c-0" + image + " (waits: no member answers Patroni's REST API)"},
		{"broken pod that only waits for a restart", 2, []change{pending(1), crashing(1)}, "Wait c-1: Patroni reports a pending restart (waits: pod c-1 does not run)"},

		// Restarts in place.
		{"replica restarts first", 3, []change{pending(0), pending(2)}, "RestartPostgres c-2: Patroni reports a pending restart"},
		{"then the primary, without a switchover", 3, []change{pending(0, "wal_level replica logical")}, "RestartPostgres c-0: Patroni reports a pending restart: wal_level: replica → logical"},
		{"raised: replicas first", 2, []change{pending(0, "max_connections 100 200"), pending(1, "max_connections 100 200")}, "RestartPostgres c-1: Patroni reports a pending restart: max_connections: 100 → 200"},
		{"lowered: primary first", 2, []change{pending(0, "max_connections 200 100"), pending(1, "max_connections 200 100")}, "RestartPostgres c-0: Patroni reports a pending restart: max_connections: 200 → 100"},
		{"both: replicas first", 2, []change{pending(0, "max_connections 200 100", "max_wal_senders 5 10"), pending(1)}, "RestartPostgres c-1: Patroni reports a pending restart"},
		{"lowered, but another is down", 3, []change{pending(0, "max_connections 200 100"), unready(1)}, "Wait c-0: Patroni reports a pending restart: max_connections: 200 → 100 (waits: pod c-1 is not ready)"},
		{"restart while another is down", 3, []change{pending(1), unready(2)}, "Wait c-1: Patroni reports a pending restart (waits: pod c-2 is not ready)"},
		{"restart while it copies", 2, []change{pending(1), state(1, "creating replica")}, "Wait c-1: Patroni reports a pending restart (waits: member c-1 is creating replica)"},
		{"restart while paused", 2, []change{pending(1), paused}, "Wait c-1: Patroni reports a pending restart (waits: Patroni is paused; resume it with patronictl resume)"},
		{"recreation makes a restart needless", 2, []change{outdated(1), pending(1)}, "Recreate c-1" + image},
		{"lazy image, but a restart", 2, []change{outdated(1), lazy, pending(1)}, "RestartPostgres c-1: Patroni reports a pending restart"},
		{"single member restarts", 1, []change{pending(0)}, "RestartPostgres c-0: Patroni reports a pending restart"},
		{"raised in primary and recreation of a replica", 2, []change{outdated(1), pending(0)}, "Recreate c-1" + image},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := cluster(tc.n)
			for _, change := range tc.changes {
				change(&s)
			}
			step := Plan(s)
			require.Equal(t, tc.want, step.String())
			require.Equal(t, step, Plan(s), "the same state has to give the same step")
			if step.Kind == Recreate {
				require.Equal(t, types.UID("uid-"+step.Pod), step.UID)
			}
		})
	}
}

func TestPlanPatchesAnnotationsInPlace(t *testing.T) {
	s := cluster(2)
	s.IgnoredAnnotations = []string{"ignored"}
	s.Template.Annotations = map[string]string{"a": "2", "b": "new", "ignored": "x"}
	old := template("spilo:2")
	old.Annotations = map[string]string{"a": "1", "removed": "x", "never-there": "x"}
	s.Revisions[oldRevision] = old
	outdated(0, 1)(&s)
	s.Pods[0].Annotations = map[string]string{"a": "2", "b": "new", "status": "of Patroni"}
	s.Pods[1].Annotations = map[string]string{"a": "1", "removed": "x", "status": "of Patroni"}
	s.Patroni.Paused = true // it disturbs nobody

	step := Plan(s)
	require.Equal(t, "Annotate c-1: annotations differ: a, b, removed", step.String())
	require.Len(t, step.Annotations, 3)
	require.Equal(t, "2", *step.Annotations["a"])
	require.Nil(t, step.Annotations["removed"])

	s.Pods[1].Annotations = s.Pods[0].Annotations
	require.Equal(t, "None", Plan(s).String())
}

func TestPlanComparesPodsWithoutTheirRevision(t *testing.T) {
	s := cluster(1)
	outdated(0)(&s)
	s.Revisions = nil
	require.Equal(t, "None", Plan(s).String())
	s.Pods[0].Spec.Containers = []corev1.Container{{Name: "postgres", Image: "spilo:1"}}
	require.Equal(t, "Recreate c-0"+image, Plan(s).String())
}

func TestVerdictsTellAllPods(t *testing.T) {
	s := cluster(3)
	outdated(0, 1)(&s)
	s.LazyImages = true
	annotated(2, names.RollingUpdateRequired, "true")(&s)
	var actions []Action
	for _, verdict := range Plan(s).Verdicts {
		actions = append(actions, verdict.Action)
	}
	require.Equal(t, []Action{Later, Later, Replace}, actions)
}
