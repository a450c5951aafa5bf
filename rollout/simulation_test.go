package rollout

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// world is a crude cluster that does what it is told, and in between what clusters do by themselves:
// pods come back, copy data, join, lag, catch up, and sometimes crash.
type world struct {
	State
	random      *rand.Rand
	uid         int
	switchovers int
	recreated   map[string]int
}

// A rollout in a world of accidents ends, with every pod restarted at most once for the change, and at no
// moment does a step take down a member while another is down.
func TestRolloutAlwaysFinishesSafely(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := &world{State: cluster(1 + random.IntN(5)), random: random, recreated: map[string]int{}}
		w.Patroni.Synchronous = random.IntN(3) == 0 && len(w.Pods) > 1
		for i := range w.Pods {
			outdated(i)(&w.State)
		}
		accidents := random.IntN(3)
		for round := 0; ; round++ {
			step := Plan(w.State)
			require.Less(t, round, 2000, "seed %d does not finish: %s", seed, step)
			if step.Kind == None {
				break
			}
			w.check(t, seed, step)
			w.do(step)
			w.live(&accidents)
		}
		for _, pod := range w.Pods {
			require.Equal(t, newRevision, pod.Labels[RevisionLabel])
			require.LessOrEqual(t, w.recreated[pod.Name], 1, "seed %d: %s", seed, pod.Name)
		}
		require.LessOrEqual(t, w.switchovers, 3, "seed %d", seed) // one, and one more for each accident
	}
}

// check holds the law that matters: a healthy member is taken down only when all others are healthy.
func (w *world) check(t *testing.T, seed uint64, step Step) {
	t.Helper()
	if step.Kind != Recreate && step.Kind != Switchover && step.Kind != RestartPostgres {
		return
	}
	require.False(t, w.Patroni.Paused, "seed %d: %s", seed, step)
	down, targetUp := w.Replicas-len(w.Patroni.Members), false
	for _, m := range w.Patroni.Members {
		up := m.up() && !w.crashed(m.Name)
		switch {
		case m.Name == step.Pod:
			targetUp = up
		case !up || m.Lag < 0 || m.Lag > defaultMaximumLag:
			down++
		}
	}
	if targetUp {
		require.Zero(t, down, "seed %d: %s while others are down: %+v", seed, step, w.Patroni.Members)
	}
	if step.Kind == Switchover {
		candidate, ok := w.member(step.Candidate)
		require.True(t, ok && candidate.up() && !candidate.leads(), "seed %d: %s", seed, step)
		require.True(t, !w.Patroni.Synchronous || candidate.synchronous())
	}
}

func (w *world) do(step Step) {
	switch step.Kind {
	case Recreate:
		w.recreated[step.Pod]++
		w.remove(step.Pod)
	case Switchover:
		w.switchovers++
		w.demote(step.Pod)
		w.promote(step.Candidate)
	}
}

func (w *world) remove(name string) {
	for i := range w.Pods {
		if w.Pods[i].Name == name {
			w.Pods = append(w.Pods[:i:i], w.Pods[i+1:]...)
			break
		}
	}
	for i := range w.Patroni.Members {
		if w.Patroni.Members[i].Name == name {
			w.Patroni.Members = append(w.Patroni.Members[:i:i], w.Patroni.Members[i+1:]...)
			break
		}
	}
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

// live lets time pass.
func (w *world) live(accidents *int) {
	for i := range w.Pods { // containers start
		if w.random.IntN(2) == 0 {
			w.Pods[i].Status = cluster(1).Pods[0].Status
		}
	}
	w.join()
	if w.random.IntN(3) == 0 {
		w.createMissing()
	}
	w.follow()
	w.elect()
	w.Patroni.Paused = w.random.IntN(30) == 0
	if *accidents > 0 && w.random.IntN(20) == 0 && len(w.Pods) > 0 {
		*accidents--
		victim := &w.Pods[w.random.IntN(len(w.Pods))]
		victim.Status = cluster(1).Pods[0].Status
		victim.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		w.demote(victim.Name)
		w.setState(victim.Name, "crashed")
	}
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

func (w *world) setState(name, state string) {
	for i := range w.Patroni.Members {
		if w.Patroni.Members[i].Name == name {
			w.Patroni.Members[i].State = state
		}
	}
}

// createMissing is the StatefulSet controller.
func (w *world) createMissing() {
	have := map[string]bool{}
	for _, pod := range w.Pods {
		have[pod.Name] = true
	}
	for _, fresh := range cluster(w.Replicas).Pods {
		if !have[fresh.Name] {
			w.uid++
			fresh.UID = types.UID(fmt.Sprint(w.uid))
			fresh.Status = corev1.PodStatus{Phase: corev1.PodPending}
			w.Pods = append(w.Pods, fresh)
			return
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

// follow moves members through their states.
func (w *world) follow() {
	synchronous := false
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
