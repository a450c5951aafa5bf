package rollout

import (
	"fmt"
	"slices"
)

// scaleIn moves the leadership to a pod that stays, before the StatefulSet removes the leader's. It
// needs one healthy pod among those that stay, whatever is the matter with the others.
func (p *planner) scaleIn() (Step, bool) {
	leader, led := p.leader()
	if p.ScaleIn <= 0 || (led && ordinal(leader.Name) < p.ScaleIn) {
		return Step{}, false
	}
	step := Step{Kind: Wait, Reason: fmt.Sprintf("scaling in to %d members", p.ScaleIn)}
	switch {
	case !led:
		step.Waiting = "the cluster has no leader"
		return step, true
	case p.Patroni.Paused:
		step.Waiting = waitsForResume
		return step, true
	}
	step.Pod = leader.Name
	staying := planner{State: p.State, verdicts: p.verdicts}
	staying.Pods = slices.DeleteFunc(slices.Clone(p.Pods), func(pod Pod) bool {
		return pod.Name != leader.Name && (ordinal(pod.Name) >= p.ScaleIn || p.down(pod) != "")
	})
	if len(staying.Pods) < 2 {
		step.Waiting = "none of the members that stay is healthy"
		return step, true
	}
	for _, pod := range staying.Pods {
		if pod.Name == leader.Name {
			step.UID = pod.UID
			step.Candidate, step.Waiting = staying.candidate(pod)
		}
	}
	if step.Candidate != "" {
		step.Kind = Switchover
	}
	return step, true
}
