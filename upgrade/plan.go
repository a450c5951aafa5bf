package upgrade

import "fmt"

// Plan decides on the next step.
func Plan(s State) Step {
	if s.Run != nil {
		return s.underWay()
	}
	version := s.Version()
	switch {
	case version == 0:
		return Step{Wait, Unknown, "no primary has told its version yet"}
	case version > s.Wanted:
		return s.nothing(Lowered, fmt.Sprintf("version %d runs, and a version cannot be lowered to %d: clone the cluster instead", version, s.Wanted))
	case version == s.Wanted:
		return s.nothing(UpToDate, fmt.Sprintf("version %d runs", version))
	}
	if step, waits := s.due(version); waits {
		return step
	}
	return Step{Claim, InProgress, fmt.Sprintf("upgrading from version %d to %d: about to start in pod %s", version, s.Wanted, s.primary().Pod)}
}

// nothing is to be upgraded; a failure to do so before is none any more.
func (s State) nothing(reason Reason, message string) Step {
	if s.Failed {
		return Step{Forget, reason, message}
	}
	return Step{None, reason, message}
}

// due says what an upgrade waits for, the hardest reason first.
func (s State) due(version int) (Step, bool) {
	wait := func(reason Reason, format string, args ...any) (Step, bool) {
		return Step{Wait, reason, fmt.Sprintf("version %d runs, %d is wanted: ", version, s.Wanted) + fmt.Sprintf(format, args...)}, true
	}
	switch problem := s.Problem(); {
	case s.Forbidden != "":
		return wait(Off, "%s", s.Forbidden)
	case s.standby():
		return wait(Standby, "a standby cluster is not upgraded in place; make it anew with the version of its source")
	case s.Failed:
		return wait(Failed, "an earlier upgrade failed; its output is in last_upgrade.log in the home directory of the pod that was the primary. "+
			"Remove the annotation last-major-upgrade-failure to try again")
	case s.Window != "":
		return wait(OffHours, "it waits for the maintenance window %s", s.Window)
	case problem != "":
		return wait(NotReady, "it waits: %s", problem)
	}
	return Step{}, false
}
