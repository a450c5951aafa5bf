package rollout

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"postgres-operator/names"
)

var runs = flag.Uint64("runs", 1000, "how many random clusters are simulated")

// world is a crude cluster that does what it is told, and in between what clusters do by themselves: pods
// come back, copy data, join, lag, catch up, and sometimes crash; nodes are drained and come back; windows
// open and close; people pause Patroni. Its operator is killed now and then in the midst of a step.
type world struct {
	State
	random      *rand.Rand
	uid         int
	accidents   int // that may still happen
	moves       int // of the leadership, by steps
	recreated   map[string]int
	evicted     map[string]bool // recreated for their nodes, not for the rollout
	restarts    map[string]int
	lower, both bool // what is pending lowers parameters, or lowers one and raises another
}

func simulate(seed uint64) *world {
	random := rand.New(rand.NewPCG(seed, 1))
	w := &world{
		State: cluster(1 + random.IntN(5)), random: random, accidents: random.IntN(3),
		recreated: map[string]int{}, evicted: map[string]bool{}, restarts: map[string]int{},
	}
	w.Now = now
	w.Since = now
	w.Limits = Limits{Object: time.Minute, Deletion: time.Minute, Member: time.Minute, Move: time.Minute, Retry: time.Minute}
	w.Patroni.Synchronous = random.IntN(3) == 0 && len(w.Pods) > 1
	on(1 + random.IntN(2))(&w.State)
	switch random.IntN(4) {
	case 0:
		w.both = random.IntN(2) == 0
		w.lower = !w.both && random.IntN(2) == 0
		for i := range w.Patroni.Members {
			w.pend(&w.Patroni.Members[i])
		}
	case 1:
		for i := range w.Pods {
			outdated(i)(&w.State)
		}
	default: // the same work, cheaper to simulate
		for i := range w.Pods {
			w.Pods[i].Annotations[names.RollingUpdateRequired] = "true"
		}
	}
	return w
}

func (w *world) pend(m *Member) {
	m.PendingRestart, m.PendingReason = true, map[string]ParameterChange{}
	if w.lower || w.both {
		m.PendingReason["max_connections"] = ParameterChange{Old: "200", New: "100"}
	}
	if !w.lower {
		m.PendingReason["max_wal_senders"] = ParameterChange{Old: "5", New: "10"}
	}
}

// A rollout in a world of accidents ends, with every pod restarted at most once for the change, and at no
// moment does a step take down a member while another is down.
func TestRolloutAlwaysFinishesSafely(t *testing.T) {
	for seed := range *runs {
		w := simulate(seed)
		quiet := 0 // rounds in which nothing was left to be done
		for round := 0; quiet < 3; round++ {
			step := Plan(w.State)
			require.Less(t, round, 5000, "seed %d does not finish: %s", seed, step)
			quiet++
			if step.Kind != None || w.drained() {
				quiet = 0
			}
			if step.Kind == None {
				w.Since = time.Time{}
			} else if w.Since.IsZero() {
				w.Since = w.Now
			}
			w.check(t, seed, step)
			if w.random.IntN(10) > 0 { // the operator was killed, or had not seen the newest state
				w.do(step)
			}
			w.live(round)
		}
		for _, pod := range w.Pods {
			require.Equal(t, newRevision, pod.Labels[RevisionLabel])
			require.LessOrEqual(t, w.recreated[pod.Name], 1, "seed %d: %s", seed, pod.Name)
		}
		for _, m := range w.Patroni.Members {
			require.False(t, m.PendingRestart, "seed %d: %s", seed, m.Name)
			require.LessOrEqual(t, w.restarts[m.Name], 2, "seed %d: %s is restarted over and over", seed, m.Name)
		}
	}
}

// check holds the law that matters: a healthy member is taken down only when all others are healthy.
func (w *world) check(t *testing.T, seed uint64, step Step) {
	t.Helper()
	if step.Kind != Recreate && step.Kind != Switchover && step.Kind != RestartPostgres {
		return
	}
	require.False(t, w.Patroni.Paused, "seed %d: %s", seed, step)
	down, targetUp, named, possible := w.Replicas-len(w.Patroni.Members), false, false, false
	for _, m := range w.Patroni.Members {
		up := w.healthy(m)
		named = named || m.synchronous()
		switch {
		case m.Name == step.Pod:
			targetUp = up
		case !up:
			down++
		default:
			possible = possible || !m.leads()
		}
	}
	moves := step.Kind == Switchover && strings.HasPrefix(step.Reason, "node ")
	if targetUp && !moves {
		require.Zero(t, down, "seed %d: %s while others are down: %+v", seed, step, w.Patroni.Members)
		if step.Kind != Switchover && w.Patroni.Synchronous && possible {
			require.True(t, named, "seed %d: %s while no synchronous standby is named", seed, step)
		}
	}
	if strings.HasPrefix(step.Reason, "node ") {
		require.True(t, w.ClosedUntil.IsZero(), "seed %d: %s outside of a window", seed, step)
	}
	if step.Kind == Switchover {
		candidate, ok := w.member(step.Candidate)
		require.True(t, ok && w.healthy(candidate) && !candidate.leads(), "seed %d: %s", seed, step)
		require.True(t, !w.Patroni.Synchronous || candidate.synchronous())
	}
}

func (w *world) healthy(m Member) bool {
	return m.up() && !w.crashed(m.Name) && m.Lag >= 0 && m.Lag <= defaultMaximumLag
}

func (w *world) do(step Step) {
	w.annotate(step.Mark, Marks(w.UpdateRevision))
	if len(step.Mark) > 0 && w.random.IntN(4) == 0 {
		return // killed after the marks
	}
	switch step.Kind {
	case Annotate:
		w.annotate([]string{step.Pod}, step.Annotations)
	case Recreate:
		if strings.HasPrefix(step.Reason, "node ") {
			w.evicted[step.Pod] = true
		} else {
			w.recreated[step.Pod]++
		}
		w.remove(step.Pod)
	case Switchover:
		w.moves++
		w.demote(step.Pod)
		w.promote(step.Candidate)
	case RestartPostgres:
		w.restart(step.Pod)
		if w.random.IntN(20) > 0 { // killed before the annotation
			w.annotate([]string{step.Pod}, step.Annotations)
		}
	}
}

func (w *world) annotate(pods []string, annotations map[string]*string) {
	for i := range w.Pods {
		for key, value := range annotations {
			switch {
			case !slices.Contains(pods, w.Pods[i].Name):
			case value == nil:
				delete(w.Pods[i].Annotations, key)
			default:
				w.Pods[i].Annotations[key] = *value
			}
		}
	}
}

// restart is Postgres's: a standby gets what is higher, and what is lower only after its primary.
func (w *world) restart(name string) {
	leader, led := w.leader()
	for i := range w.Patroni.Members {
		m := &w.Patroni.Members[i]
		if m.Name != name {
			continue
		}
		w.restarts[name]++
		delete(m.PendingReason, "max_wal_senders")
		if m.leads() || !led || leader.PendingReason["max_connections"].New == "" {
			delete(m.PendingReason, "max_connections")
		}
		m.PendingRestart = len(m.PendingReason) > 0
	}
}

func (w *world) remove(name string) {
	w.Pods = slices.DeleteFunc(w.Pods, func(p Pod) bool { return p.Name == name })
	w.Patroni.Members = slices.DeleteFunc(w.Patroni.Members, func(m Member) bool { return m.Name == name })
}

func (w *world) demote(name string) {
	for i := range w.Patroni.Members {
		if m := &w.Patroni.Members[i]; m.Name == name {
			m.Role, m.State = "replica", "stopped"
		}
	}
}

func (w *world) promote(name string) {
	for i := range w.Patroni.Members {
		if m := &w.Patroni.Members[i]; m.Name == name {
			m.Role, m.State, m.Lag = "leader", "running", 0
		}
	}
}

// live lets time pass. Accidents, drains and closed windows come in the first rounds only.
func (w *world) live(round int) {
	w.Now = w.Now.Add(3 * time.Second)
	for i := range w.Pods { // containers start
		if w.Pods[i].Spec.NodeName != "" && w.random.IntN(2) == 0 {
			w.Pods[i].Status = cluster(1).Pods[0].Status
		}
	}
	w.join()
	w.schedule()
	if w.random.IntN(3) == 0 {
		w.createMissing()
	}
	w.follow()
	w.elect()
	w.Patroni.Paused = w.random.IntN(30) == 0
	w.drain(round < 200)
	w.ClosedUntil = time.Time{}
	if round < 200 && round%50 < 20 {
		w.ClosedUntil = closed
	}
	if w.accidents > 0 && w.random.IntN(20) == 0 && len(w.Pods) > 0 {
		w.accidents--
		w.crash(&w.Pods[w.random.IntN(len(w.Pods))])
	}
}

func (w *world) crash(victim *Pod) {
	if victim.Spec.NodeName == "" {
		return
	}
	victim.Status = cluster(1).Pods[0].Status
	victim.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	w.demote(victim.Name)
	for i := range w.Patroni.Members {
		if w.Patroni.Members[i].Name == victim.Name {
			w.Patroni.Members[i].State = "crashed"
		}
	}
}

// drain cordons nodes and lets them come back. Replicas are evicted, the primary has its budget.
func (w *world) drain(more bool) {
	for _, name := range slices.Sorted(maps.Keys(w.Nodes)) {
		node := w.Nodes[name]
		switch {
		case node.Spec.Unschedulable:
			node.Spec.Unschedulable = w.random.IntN(40) > 0
		case more && !w.drained():
			node.Spec.Unschedulable = w.random.IntN(200) == 0
		}
		w.Nodes[name] = node
	}
	for _, pod := range w.Pods {
		leader, _ := w.leader()
		if w.leaving(pod) != "" && pod.Name != leader.Name && w.random.IntN(20) == 0 {
			w.evicted[pod.Name] = true
			w.remove(pod.Name)
			return
		}
	}
}

func (w *world) drained() bool {
	for _, node := range w.Nodes {
		if node.Spec.Unschedulable {
			return true
		}
	}
	return false
}

// crashed pods have no running container.
func (w *world) crashed(name string) bool {
	for _, pod := range w.Pods {
		if pod.Name == name {
			return w.idle(pod)
		}
	}
	return true
}

// createMissing is the StatefulSet controller.
func (w *world) createMissing() {
	for _, fresh := range cluster(w.Replicas).Pods {
		if !slices.ContainsFunc(w.Pods, func(p Pod) bool { return p.Name == fresh.Name }) {
			w.uid++
			fresh.UID, fresh.CreationTimestamp = types.UID(fmt.Sprint(w.uid)), metav1.NewTime(w.Now)
			fresh.Status = corev1.PodStatus{Phase: corev1.PodPending}
			w.Pods = append(w.Pods, fresh)
			return
		}
	}
}

// schedule gives new pods a node.
func (w *world) schedule() {
	for i := range w.Pods {
		for _, name := range slices.Sorted(maps.Keys(w.Nodes)) {
			node := w.Nodes[name]
			if w.Pods[i].Spec.NodeName == "" && takes(node, w.Pods[i]) {
				w.Pods[i].Spec.NodeName = node.Name
			}
		}
	}
}

// join registers running pods with Patroni.
func (w *world) join() {
	for _, pod := range w.Pods {
		if _, known := w.member(pod.Name); !known && !w.idle(pod) && w.random.IntN(2) == 0 {
			w.Patroni.Members = append(w.Patroni.Members, Member{Name: pod.Name, Role: "replica", State: "creating replica", Lag: -1, Timeline: 1})
		}
	}
}

// follow moves members through their states, and names a synchronous standby, late at times.
func (w *world) follow() {
	synchronous := w.random.IntN(4) == 0
	for i := range w.Patroni.Members {
		m := &w.Patroni.Members[i]
		if m.leads() || w.crashed(m.Name) {
			continue
		}
		switch {
		case strings.HasPrefix(m.State, "c") || m.State == "stopped" || m.State == "starting":
			if w.random.IntN(3) == 0 {
				m.State, m.Lag = "streaming", int64(w.random.IntN(3<<20))
			}
		default:
			m.Lag = int64(w.random.IntN(2 << 20))
		}
		m.Role = "replica"
		if w.Patroni.Synchronous && !synchronous && m.up() {
			m.Role, synchronous = "sync_standby", true
		}
	}
}

// elect is Patroni's failover.
func (w *world) elect() {
	if _, ok := w.leader(); ok || w.random.IntN(2) == 0 {
		return
	}
	for _, m := range w.Patroni.Members {
		if !w.crashed(m.Name) && (m.up() || len(w.Patroni.Members) == 1) {
			w.promote(m.Name)
			return
		}
	}
}
