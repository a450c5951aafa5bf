package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"postgres-operator/names"
)

const waitsForResume = "Patroni is paused; resume it with patronictl resume"

// Plan decides on the next step.
func Plan(s State) Step {
	p := &planner{State: s, verdicts: map[string]Verdict{}}
	all := Inspect(s)
	for _, verdict := range all {
		p.verdicts[verdict.Pod] = verdict
	}
	step := s.inStep(p.next())
	step.Verdicts = all
	return step
}

type planner struct {
	State
	verdicts map[string]Verdict
	sorted   []Pod // of pods, once it was called
}

func (p *planner) pods() []Pod {
	if p.sorted == nil {
		p.sorted = p.State.pods()
	}
	return p.sorted
}

// next is the decision, from the most to the least urgent. A move that has to wait holds up no rollout,
// which may be what helps it.
func (p *planner) next() Step {
	move, due := p.move()
	if due && move.Kind != Wait {
		return move
	}
	step := p.rollOut()
	if due && (step.Kind == None || step.Kind == Wait) {
		return move
	}
	return step
}

// rollOut brings pods to what the StatefulSet says.
func (p *planner) rollOut() Step {
	if !p.Observed {
		return Step{
			Kind: Wait, Waiting: "the StatefulSet controller has not seen the newest StatefulSet", Stuck: p.over(p.progress(), p.Limits.Object),
		}
	}
	for _, pod := range p.pods() {
		if verdict := p.verdicts[pod.Name]; verdict.Action == Patch && pod.DeletionTimestamp == nil {
			return Step{Kind: Annotate, Pod: pod.Name, UID: pod.UID, Reason: verdict.Reason, Annotations: verdict.annotations}
		}
	}
	if step, ok := p.scaleIn(); ok {
		return step
	}
	if !p.pending() {
		return p.finish()
	}
	if step, ok := p.recreateBroken(); ok {
		return step
	}
	if step, ok := p.guard(); ok {
		return step
	}
	return p.mark(p.healthyStep())
}

// finish is the end: a rollout is over when all members are healthy. One that was over is not begun
// again by what happens to members later.
func (p *planner) finish() Step {
	for _, pod := range p.pods() {
		if p.verdicts[pod.Name].Action != Tried {
			continue
		}
		step := p.do(Wait, pod)
		if step.Waiting = p.down(pod); step.Waiting == "" {
			step.Waiting, step.Stuck = "Postgres was restarted for it, to no effect", true
		}
		return step
	}
	if p.Since.IsZero() || len(p.pods()) == 0 || p.onlyKubernetesTells() {
		return Step{Kind: None}
	}
	if step, ok := p.guard(); ok {
		return step
	}
	if waiting := p.othersDown(Pod{}); waiting != "" {
		return p.waitForMember(waiting)
	}
	return Step{Kind: None}
}

// onlyKubernetesTells: no member can be asked, and Kubernetes calls every pod ready. Where the network keeps the
// operator from Patroni there is nobody else to believe, and nothing is left to be done that could do harm.
func (p *planner) onlyKubernetesTells() bool {
	return len(p.Patroni.Members) == 0 && !slices.ContainsFunc(p.pods(), func(pod Pod) bool { return !ready(pod) })
}

// mark adds the marks of Zalando's operator for pods that will be recreated, before the first one is:
// when that operator takes over, it finishes the work. The last pod needs none.
func (p *planner) mark(step Step) Step {
	if step.Kind != Recreate && step.Kind != Switchover {
		return step
	}
	for _, pod := range p.pods() {
		marked := pod.Annotations[names.RollingUpdateRequired] == "true"
		last := step.Kind == Recreate && pod.Name == step.Pod
		if p.verdicts[pod.Name].Action == Replace && !marked && !last {
			step.Mark = append(step.Mark, pod.Name)
		}
	}
	return step
}

// Marks are the annotations of a pod in Step.Mark.
func Marks(revision string) map[string]*string {
	yes := "true"
	return map[string]*string{names.RollingUpdateRequired: &yes, names.RollingUpdateFor: &revision}
}

// pending tells whether any pod needs more than an annotation.
func (p *planner) pending() bool { return slices.ContainsFunc(p.pods(), p.disruptive) }

func (p *planner) disruptive(pod Pod) bool {
	action := p.verdicts[pod.Name].Action
	return action == Restart || action == Replace
}

// wait says for what, and still why something is due at all. It may take as long as the limit.
func (p *planner) wait(waiting string, began time.Time, limit time.Duration) Step {
	step := Step{Kind: Wait, Waiting: waiting, Stuck: p.over(began, limit)}
	for _, pod := range p.pods() {
		if p.disruptive(pod) {
			step.Pod, step.UID, step.Reason = pod.Name, pod.UID, p.verdicts[pod.Name].Reason
			break
		}
	}
	return step
}

// waitForMember waits for what a member has to become.
func (p *planner) waitForMember(waiting string) Step {
	return p.wait(waiting, p.progress(), p.Limits.Member)
}

// waitForPerson waits for somebody to act, which may take any time.
func (p *planner) waitForPerson(waiting string) Step { return p.wait(waiting, time.Time{}, 0) }

func (p *planner) do(kind Kind, pod Pod) Step {
	return Step{Kind: kind, Pod: pod.Name, UID: pod.UID, Reason: p.verdicts[pod.Name].Reason}
}

// recreateBroken recreates an outdated pod that is itself what is broken: no database runs in it, so
// it is no second member to go down, and waiting for it would be waiting for ever. Not while Patroni is
// paused: somebody works on the cluster by hand.
func (p *planner) recreateBroken() (Step, bool) {
	if p.Patroni.Paused {
		return Step{}, false
	}
	for _, pod := range p.pods() {
		if p.verdicts[pod.Name].Action == Replace && pod.DeletionTimestamp == nil && p.broken(pod) {
			return p.do(Recreate, pod), true
		}
	}
	return Step{}, false
}

// broken pods run no database, or one that is not part of the cluster although that has a leader.
func (p *planner) broken(pod Pod) bool {
	if p.idle(pod) {
		return true
	}
	member, known := p.member(pod.Name)
	if known {
		return member.State == "crashed" || member.State == "start failed" || member.State == "stop failed"
	}
	leader, led := p.leader()
	return led && leader.up()
}

// guard is why nothing may be touched at all, if so. The members' own health comes later.
func (p *planner) guard() (Step, bool) {
	pods := p.pods()
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil {
			return p.wait(fmt.Sprintf("pod %s is being deleted", pod.Name), askedToGo(pod), p.Limits.Deletion), true
		}
	}
	leader, led := p.leader()
	switch {
	case len(pods) < p.Replicas:
		return p.wait(fmt.Sprintf("%d of %d pods exist", len(pods), p.Replicas), p.progress(), p.Limits.Object), true
	case len(p.Patroni.Members) == 0:
		return p.waitForMember("no member answers Patroni's REST API"), true
	case p.Patroni.Paused:
		return p.waitForPerson(waitsForResume), true
	case !led:
		return p.waitForMember("the cluster has no leader"), true
	}
	if _, stays := p.primary(); !stays {
		return p.waitForMember(fmt.Sprintf("the leader %s is none of the pods that stay", leader.Name)), true
	}
	return Step{}, false
}

// healthyStep works on a cluster with a leader and all pods: replicas first, one at a time, the primary last.
func (p *planner) healthyStep() Step {
	leader, _ := p.leader()
	primary, _ := p.primary()
	var replicas []Pod
	for _, pod := range p.pods() {
		if pod.Name != leader.Name && p.disruptive(pod) {
			replicas = append(replicas, pod)
		}
	}
	if p.verdicts[primary.Name].Action == Restart && lowered(leader) {
		return p.restart(primary)
	}
	if len(replicas) > 0 {
		return p.replicaStep(replicas)
	}
	return p.primaryStep(primary)
}

// restart restarts Postgres in place, as soon as it is known of all members which of them need it.
func (p *planner) restart(pod Pod) Step {
	if waiting := firstOf(p.othersDown(pod), p.down(pod), p.unprotected(pod)); waiting != "" {
		return p.waitForMember(waiting)
	}
	if p.Settling {
		return p.waitForMember("members take over the changed configuration")
	}
	step := p.do(RestartPostgres, pod)
	step.Annotations = p.restartMark(pod, step.Reason)
	return step
}

// recreate deletes a pod that comes back.
func (p *planner) recreate(pod Pod) Step {
	if waiting := firstOf(p.othersDown(pod), p.unprotected(pod), p.homeless(pod)); waiting != "" {
		return p.waitForMember(waiting)
	}
	return p.do(Recreate, pod)
}

// replicaStep takes synchronous replicas last, so that they move once, and high ordinals first, as a
// StatefulSet does.
func (p *planner) replicaStep(replicas []Pod) Step {
	slices.SortStableFunc(replicas, func(a, b Pod) int {
		inA, _ := p.member(a.Name)
		inB, _ := p.member(b.Name)
		return cmp.Or(first(!inA.synchronous(), !inB.synchronous()), ordinal(b.Name)-ordinal(a.Name))
	})
	if p.verdicts[replicas[0].Name].Action == Restart {
		return p.restart(replicas[0])
	}
	return p.recreate(replicas[0])
}

// primaryStep restarts Postgres in the primary, moves the leadership away from it, or, where there is
// nobody to move it to by design, recreates it.
func (p *planner) primaryStep(primary Pod) Step {
	if p.verdicts[primary.Name].Action == Restart {
		return p.restart(primary)
	}
	if len(p.pods()) == 1 {
		return p.recreate(primary)
	}
	if waiting := p.othersDown(primary); waiting != "" {
		return p.waitForMember(waiting)
	}
	candidate, waiting := p.candidate(primary)
	if waiting != "" {
		return p.waitForMember(waiting)
	}
	step := p.do(Switchover, primary)
	step.Candidate = candidate
	return step
}

// othersDown says which pod beside this one is not healthy; two must never be down at once.
func (p *planner) othersDown(except Pod) string {
	var down []string
	for _, pod := range p.pods() {
		if pod.Name == except.Name {
			continue
		}
		if waiting := p.down(pod); waiting != "" {
			down = append(down, waiting)
		}
	}
	return strings.Join(down, "; ")
}

// down says why a pod's member does not count as healthy, empty when it does.
func (p *planner) down(pod Pod) string {
	member, known := p.member(pod.Name)
	switch {
	case pod.DeletionTimestamp != nil:
		return fmt.Sprintf("pod %s is being deleted", pod.Name)
	case p.idle(pod):
		return fmt.Sprintf("pod %s does not run", pod.Name)
	case !ready(pod):
		return fmt.Sprintf("pod %s is not ready", pod.Name)
	case !known:
		return fmt.Sprintf("pod %s has not joined the cluster", pod.Name)
	case !member.up():
		return fmt.Sprintf("member %s is %s", pod.Name, cmp.Or(member.State, "not telling its state yet"))
	case p.restarting(pod):
		return fmt.Sprintf("Postgres in pod %s restarts", pod.Name)
	case member.leads():
		return ""
	case member.Lag < 0:
		return fmt.Sprintf("the lag of member %s is unknown", pod.Name)
	case member.Lag > p.maximumLag():
		return fmt.Sprintf("member %s lags more than %d bytes behind", pod.Name, p.maximumLag())
	}
	return ""
}

// forWindow names the maintenance window that is waited for.
func (p *planner) forWindow() string {
	return "the maintenance window that begins at " + p.ClosedUntil.UTC().Format("2006-01-02 15:04 MST")
}
