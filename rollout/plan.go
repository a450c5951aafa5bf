package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Plan decides on the next step.
func Plan(s State) Step {
	p := &planner{State: s, verdicts: map[string]Verdict{}}
	all := Inspect(s)
	for _, verdict := range all {
		p.verdicts[verdict.Pod] = verdict
	}
	step := p.next()
	step.Verdicts = all
	return step
}

type planner struct {
	State
	verdicts map[string]Verdict
}

// next is the decision, from the most to the least urgent.
func (p *planner) next() Step {
	if !p.Observed {
		return Step{Kind: Wait, Waiting: "the StatefulSet controller has not seen the newest StatefulSet"}
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
		return Step{Kind: None}
	}
	if step, ok := p.recreateBroken(); ok {
		return step
	}
	if waiting := p.guard(); waiting != "" {
		return p.wait(waiting)
	}
	return p.healthyStep()
}

// pending tells whether any pod needs more than an annotation.
func (p *planner) pending() bool {
	return slices.ContainsFunc(p.pods(), func(pod Pod) bool { return p.disruptive(pod) })
}

func (p *planner) disruptive(pod Pod) bool {
	action := p.verdicts[pod.Name].Action
	return action == Restart || action == Replace
}

// wait says for what, and still why something is due at all.
func (p *planner) wait(waiting string) Step {
	for _, pod := range p.pods() {
		if p.disruptive(pod) {
			return Step{Kind: Wait, Pod: pod.Name, UID: pod.UID, Reason: p.verdicts[pod.Name].Reason, Waiting: waiting}
		}
	}
	return Step{Kind: Wait, Waiting: waiting}
}

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

// guard is why nothing may be touched at all, empty when it may. The members' own health comes later.
func (p *planner) guard() string {
	pods := p.pods()
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil {
			return fmt.Sprintf("pod %s is being deleted", pod.Name)
		}
	}
	if len(pods) < p.Replicas {
		return fmt.Sprintf("%d of %d pods exist", len(pods), p.Replicas)
	}
	if len(p.Patroni.Members) == 0 {
		return "no member answers Patroni's REST API"
	}
	if p.Patroni.Paused {
		return "Patroni is paused; resume it with patronictl resume"
	}
	leader, ok := p.leader()
	if !ok {
		return "the cluster has no leader"
	}
	if !slices.ContainsFunc(pods, func(pod Pod) bool { return pod.Name == leader.Name }) {
		return fmt.Sprintf("the leader %s is none of the pods that stay", leader.Name)
	}
	return ""
}

// healthyStep works on a cluster with a leader and all pods: replicas first, one at a time, the primary last.
func (p *planner) healthyStep() Step {
	leader, _ := p.leader()
	var primary Pod
	var replicas []Pod
	for _, pod := range p.pods() {
		switch {
		case pod.Name == leader.Name:
			primary = pod
		case p.disruptive(pod):
			replicas = append(replicas, pod)
		}
	}
	if p.verdicts[primary.Name].Action == Restart && lowered(leader) {
		if waiting := p.othersDown(primary); waiting != "" {
			return p.wait(waiting)
		}
		return p.do(RestartPostgres, primary)
	}
	if len(replicas) > 0 {
		return p.replicaStep(replicas)
	}
	return p.primaryStep(primary)
}

// replicaStep takes synchronous replicas last, so that they move once, and high ordinals first, as a
// StatefulSet does.
func (p *planner) replicaStep(replicas []Pod) Step {
	slices.SortStableFunc(replicas, func(a, b Pod) int {
		inA, _ := p.member(a.Name)
		inB, _ := p.member(b.Name)
		if inA.synchronous() != inB.synchronous() {
			if inB.synchronous() {
				return -1
			}
			return 1
		}
		return ordinal(b.Name) - ordinal(a.Name)
	})
	next := replicas[0]
	if waiting := p.othersDown(next); waiting != "" {
		return p.wait(waiting)
	}
	if p.verdicts[next.Name].Action == Restart {
		if waiting := p.down(next); waiting != "" {
			return p.wait(waiting)
		}
		return p.do(RestartPostgres, next)
	}
	return p.do(Recreate, next)
}

// primaryStep restarts Postgres in the primary, moves the leadership away from it, or, where there is
// nobody to move it to by design, recreates it.
func (p *planner) primaryStep(primary Pod) Step {
	if waiting := p.othersDown(primary); waiting != "" {
		return p.wait(waiting)
	}
	if p.verdicts[primary.Name].Action == Restart {
		return p.do(RestartPostgres, primary)
	}
	if len(p.pods()) == 1 {
		return p.do(Recreate, primary)
	}
	candidate, waiting := p.candidate(primary)
	if waiting != "" {
		return p.wait(waiting)
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
	case p.idle(pod):
		return fmt.Sprintf("pod %s does not run", pod.Name)
	case !ready(pod):
		return fmt.Sprintf("pod %s is not ready", pod.Name)
	case !known:
		return fmt.Sprintf("pod %s has not joined the cluster", pod.Name)
	case !member.up():
		return fmt.Sprintf("member %s is %s", pod.Name, cmp.Or(member.State, "not telling its state yet"))
	case member.leads():
		return ""
	case member.Lag < 0:
		return fmt.Sprintf("the lag of member %s is unknown", pod.Name)
	case member.Lag > p.maximumLag():
		return fmt.Sprintf("member %s lags more than %d bytes behind", pod.Name, p.maximumLag())
	}
	return ""
}
