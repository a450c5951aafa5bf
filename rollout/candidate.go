package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// candidate is the best pod to take over from the primary: a synchronous standby before others, one
// on a node that stays before one that is drained, then the one with the least lag. All replicas are
// healthy and up to date when it is asked for. Without one, waiting says what is in the way.
func (p *planner) candidate(primary Pod) (name, waiting string) {
	leader, _ := p.leader()
	var candidates []Pod
	var refused []string
	for _, pod := range p.pods() {
		if pod.Name == primary.Name {
			continue
		}
		if reason := p.unfit(pod, leader); reason != "" {
			refused = append(refused, reason)
			continue
		}
		candidates = append(candidates, pod)
	}
	if len(candidates) == 0 {
		return "", "no replica can take over: " + strings.Join(refused, "; ")
	}
	return slices.MinFunc(candidates, p.byFitness).Name, ""
}

// unfit says why a healthy replica must not become the leader.
func (p *planner) unfit(pod Pod, leader Member) string {
	member, _ := p.member(pod.Name)
	switch {
	case member.NoFailover:
		return fmt.Sprintf("member %s has the tag nofailover", pod.Name)
	case p.Patroni.Synchronous && !member.synchronous():
		return fmt.Sprintf("member %s is not a synchronous standby", pod.Name)
	case member.Timeline != 0 && leader.Timeline != 0 && member.Timeline != leader.Timeline:
		return fmt.Sprintf("member %s is on another timeline than the leader", pod.Name)
	}
	return ""
}

func (p *planner) byFitness(a, b Pod) int {
	inA, _ := p.member(a.Name)
	inB, _ := p.member(b.Name)
	return cmp.Or(
		first(inA.synchronous(), inB.synchronous()),
		first(!a.Cordoned, !b.Cordoned),
		cmp.Compare(inA.Lag, inB.Lag),
		cmp.Compare(ordinal(a.Name), ordinal(b.Name)),
	)
}

// first orders true before false.
func first(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}
