package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// candidate is the best pod to take over from the primary. All replicas are healthy and up to date when
// it is asked for. Without one, waiting says what is in the way.
func (p *planner) candidate(primary Pod) (name, waiting string) {
	return p.candidateAmong(primary, func(Pod) string { return "" })
}

// candidateAmong is the best of those pods that nothing speaks against: a synchronous standby before
// others, one on a node that stays before one that is drained, one that is up to date before one that
// will be restarted, then the one with the least lag.
func (p *planner) candidateAmong(primary Pod, against func(Pod) string) (name, waiting string) {
	leader, _ := p.leader()
	var candidates []Pod
	var refused []string
	for _, pod := range p.pods() {
		if pod.Name == primary.Name || !p.staysInScale(pod) {
			continue
		}
		if reason := firstOf(against(pod), p.unfit(pod, leader)); reason != "" {
			refused = append(refused, reason)
			continue
		}
		candidates = append(candidates, pod)
	}
	if len(candidates) == 0 {
		return "", "no replica can take over: " + cmp.Or(strings.Join(refused, "; "), "there is none")
	}
	return slices.MinFunc(candidates, p.byFitness).Name, ""
}

// unfit says why a healthy replica must not become the leader.
func (p *planner) unfit(pod Pod, leader Member) string {
	member, _ := p.member(pod.Name)
	switch {
	case member.NoFailover:
		return fmt.Sprintf("member %s has the tag nofailover", pod.Name)
	case leader.Role == "leader" && member.State != "streaming":
		// The leader waits for those that stream before it goes, and for nobody else. Up to the allowed lag would be lost,
		// and the lag that Patroni tells is as old as its loop.
		return fmt.Sprintf("member %s does not stream from the leader", pod.Name)
	case p.synchronous() && !member.synchronous():
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
		first(p.leaving(a) == "", p.leaving(b) == ""),
		first(!p.disruptive(a), !p.disruptive(b)),
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

// synchronous clusters hand over to a synchronous standby only. A standby cluster has none, whatever it
// is configured to be once it is promoted.
func (s State) synchronous() bool {
	leader, ok := s.leader()
	return s.Patroni.Synchronous && (!ok || leader.Role == "leader")
}

// unprotected says what a synchronous primary lacks before a member may go down: another one that may
// take over at once, if any could.
func (p *planner) unprotected(except Pod) string {
	if !p.synchronous() {
		return ""
	}
	possible := false
	for _, pod := range p.pods() {
		member, known := p.member(pod.Name)
		switch {
		case member.synchronous():
			return ""
		case known && !member.leads() && pod.Name != except.Name:
			possible = possible || !member.NoSync && !member.NoFailover && p.down(pod) == ""
		}
	}
	if possible {
		return "Patroni has named no synchronous standby"
	}
	return ""
}
