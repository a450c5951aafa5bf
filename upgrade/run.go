package upgrade

import (
	"cmp"
	"fmt"
)

// underWay decides about an upgrade that was claimed.
func (s State) underWay() Step {
	r := *s.Run
	way := fmt.Sprintf("upgrade from version %d to %d", r.From, r.To)
	if !r.Begun {
		return s.claimed(r, way)
	}
	switch r.Process {
	case Absent:
		return Step{Start, InProgress, fmt.Sprintf("the %s starts in pod %s", way, r.Pod)}
	case Running:
		return Step{Wait, InProgress, fmt.Sprintf("the %s runs in pod %s", way, r.Pod)}
	case Unseen:
		return Step{Wait, InProgress, fmt.Sprintf("the %s was started in pod %s, which cannot be looked into at present", way, r.Pod)}
	case Ended:
		return s.ended(r, way)
	}
	return s.lost(r, way)
}

// claimed runs have done nothing yet: what kept them from being claimed gives them up as well.
func (s State) claimed(r Run, way string) Step {
	release := func(why string) Step {
		return Step{Release, NotReady, fmt.Sprintf("the %s was not started: %s", way, why)}
	}
	primary := s.primary()
	switch problem := s.Problem(); {
	case s.Wanted != r.To:
		return release(fmt.Sprintf("version %d is wanted now", s.Wanted))
	case s.Forbidden != "":
		return release(s.Forbidden)
	case s.Failed:
		return release("an earlier one failed")
	case problem != "":
		return release(problem)
	case primary.Pod != r.Pod:
		return release(fmt.Sprintf("%s is primary now, not %s", primary.Pod, r.Pod))
	case r.Process == Lost:
		return release(r.Why)
	}
	return Step{Start, InProgress, fmt.Sprintf("the %s starts in pod %s", way, r.Pod)}
}

// ended runs are believed when the primary says the same.
func (s State) ended(r Run, way string) Step {
	primary := s.primary()
	switch {
	case r.Code != 0:
		return Step{Fail, Failed, fmt.Sprintf("the %s failed in pod %s: %s", way, r.Pod, cmp.Or(r.Said, fmt.Sprintf("exit code %d", r.Code)))}
	case primary == nil || primary.Version == 0:
		return Step{Wait, InProgress, fmt.Sprintf("the %s has ended in pod %s; no primary tells its version yet", way, r.Pod)}
	case primary.Version < r.To:
		return Step{Fail, Failed, fmt.Sprintf("the %s ended without an error in pod %s, but the primary runs version %d", way, r.Pod, primary.Version)}
	}
	return Step{Succeed, UpToDate, fmt.Sprintf("version %d runs", primary.Version)}
}

// lost runs may have been cut off anywhere. Only a cluster all of whose members run the new version is
// known to have made it.
func (s State) lost(r Run, way string) Step {
	made := s.Problem() == ""
	for _, m := range s.Members {
		made = made && m.Version >= r.To
	}
	if made {
		return Step{Succeed, UpToDate, fmt.Sprintf("version %d runs", s.Version())}
	}
	state := "no primary answers"
	if primary := s.primary(); primary != nil && primary.Version > 0 {
		state = fmt.Sprintf("the primary runs version %d", primary.Version)
	}
	return Step{Fail, Interrupted, fmt.Sprintf("the %s was interrupted: %s; %s. Patroni may have been left paused, see patronictl list and resume", way, r.Why, state)}
}
