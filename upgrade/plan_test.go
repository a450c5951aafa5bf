package upgrade_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/patroni"
	"postgres-operator/upgrade"
)

// cluster has two healthy members of version 17, which shall become 18.
func cluster() upgrade.State {
	return upgrade.State{Wanted: 18, Known: 17, Expected: 2, Members: []upgrade.Member{
		{Pod: "c-0", Answers: true, Role: patroni.RolePrimary, State: "running", Version: 17},
		{Pod: "c-1", Answers: true, Role: patroni.RoleReplica, State: "running", Version: 17, Streams: true},
	}}
}

type change func(*upgrade.State)

// claimed and begun are a run in the primary's pod.
func claimed(s *upgrade.State) {
	s.Run = &upgrade.Run{Pod: "c-0", From: 17, To: 18, Process: upgrade.Absent}
}

func begun(process upgrade.Process, more ...func(*upgrade.Run)) change {
	return func(s *upgrade.State) {
		claimed(s)
		s.Run.Begun, s.Run.Process = true, process
		for _, m := range more {
			m(s.Run)
		}
	}
}

func said(code int, line string) func(*upgrade.Run) {
	return func(r *upgrade.Run) { r.Code, r.Said = code, line }
}

func why(text string) func(*upgrade.Run) { return func(r *upgrade.Run) { r.Why = text } }

func runs(version int) change {
	return func(s *upgrade.State) {
		s.Known = version
		for i := range s.Members {
			s.Members[i].Version = version
		}
	}
}

func failed(s *upgrade.State) { s.Failed = true }

func member(n int, edit func(*upgrade.Member)) change {
	return func(s *upgrade.State) { edit(&s.Members[n]) }
}

func TestPlan(t *testing.T) {
	silent := func(s *upgrade.State) { s.Members = nil }
	const due = "version 17 runs, 18 is wanted: "
	for name, tc := range map[string]struct {
		changes []change
		kind    upgrade.Kind
		reason  upgrade.Reason
		message string
	}{
		"due":                        {nil, upgrade.Claim, upgrade.InProgress, "upgrading from version 17 to 18: about to start in pod c-0"},
		"up to date":                 {[]change{runs(18)}, upgrade.None, upgrade.UpToDate, "version 18 runs"},
		"up to date, nobody answers": {[]change{runs(18), silent}, upgrade.None, upgrade.UpToDate, "version 18 runs"},
		"up to date after a failure": {[]change{runs(18), failed}, upgrade.Forget, upgrade.UpToDate, "version 18 runs"},
		"reverted after a failure":   {[]change{func(s *upgrade.State) { s.Wanted = 17 }, failed}, upgrade.Forget, upgrade.UpToDate, "version 17 runs"},
		"lowered": {[]change{runs(18), func(s *upgrade.State) { s.Wanted = 17 }}, upgrade.None, upgrade.Lowered,
			"version 18 runs, and a version cannot be lowered to 17: clone the cluster instead"},
		"a new cluster": {[]change{silent, func(s *upgrade.State) { s.Known = 0 }}, upgrade.Wait, upgrade.Unknown, "no primary has told its version yet"},
		"what a member says beats what was known": {[]change{func(s *upgrade.State) { s.Known = 0 }}, upgrade.Claim, upgrade.InProgress,
			"upgrading from version 17 to 18: about to start in pod c-0"},
		"off": {[]change{func(s *upgrade.State) { s.Forbidden = "mode is off" }}, upgrade.Wait, upgrade.Off, due + "mode is off"},
		"failed before": {[]change{failed}, upgrade.Wait, upgrade.Failed, due +
			"an earlier upgrade failed; its output is in last_upgrade.log in the home directory of the pod that was the primary. Remove the annotation last-major-upgrade-failure to try again"},
		"outside the window": {[]change{func(s *upgrade.State) { s.Window = "Sat:01:00-02:00" }}, upgrade.Wait, upgrade.OffHours,
			due + "it waits for the maintenance window Sat:01:00-02:00"},
		"standby": {[]change{member(0, func(m *upgrade.Member) { m.Role = patroni.RoleStandbyLeader })}, upgrade.Wait, upgrade.Standby,
			due + "a standby cluster is not upgraded in place; make it anew with the version of its source"},
		"pods roll":        {[]change{func(s *upgrade.State) { s.Unsettled = "pods are being replaced" }}, upgrade.Wait, upgrade.NotReady, due + "it waits: pods are being replaced"},
		"no primary":       {[]change{member(0, func(m *upgrade.Member) { m.Role = patroni.RoleReplica; m.Streams = true })}, upgrade.Wait, upgrade.NotReady, due + "it waits: no member is primary"},
		"a member too few": {[]change{func(s *upgrade.State) { s.Members = s.Members[:1] }}, upgrade.Wait, upgrade.NotReady, due + "it waits: 1 of 2 members are there"},
		"silent":           {[]change{member(1, func(m *upgrade.Member) { m.Answers = false })}, upgrade.Wait, upgrade.NotReady, due + "it waits: Patroni in pod c-1 does not answer"},
		"not running":      {[]change{member(1, func(m *upgrade.Member) { m.State = "starting" })}, upgrade.Wait, upgrade.NotReady, due + "it waits: Postgres in pod c-1 is starting"},
		"not streaming":    {[]change{member(1, func(m *upgrade.Member) { m.Streams = false })}, upgrade.Wait, upgrade.NotReady, due + "it waits: replica c-1 does not stream"},
		"lag unknown":      {[]change{member(1, func(m *upgrade.Member) { m.Lag = -1 })}, upgrade.Wait, upgrade.NotReady, due + "it waits: the lag of replica c-1 is unknown"},
		"lag at the limit": {[]change{member(1, func(m *upgrade.Member) { m.Lag = 16 << 20 })}, upgrade.Claim, upgrade.InProgress, "upgrading from version 17 to 18: about to start in pod c-0"},
		"lag above":        {[]change{member(1, func(m *upgrade.Member) { m.Lag = 16<<20 + 1 })}, upgrade.Wait, upgrade.NotReady, due + "it waits: replica c-1 lags more than 16 MiB behind"},

		"claimed":                  {[]change{claimed}, upgrade.Start, upgrade.InProgress, "the upgrade from version 17 to 18 starts in pod c-0"},
		"claimed, a window closed": {[]change{claimed, func(s *upgrade.State) { s.Window = "later" }}, upgrade.Start, upgrade.InProgress, "the upgrade from version 17 to 18 starts in pod c-0"},
		"claimed, primary moved": {[]change{claimed, member(0, func(m *upgrade.Member) { m.Role = patroni.RoleReplica; m.Streams = true }),
			member(1, func(m *upgrade.Member) { m.Role = patroni.RolePrimary })}, upgrade.Release, upgrade.NotReady,
			"the upgrade from version 17 to 18 was not started: c-1 is primary now, not c-0"},
		"claimed, a member is gone": {[]change{claimed, func(s *upgrade.State) { s.Members = s.Members[:1] }}, upgrade.Release, upgrade.NotReady,
			"the upgrade from version 17 to 18 was not started: 1 of 2 members are there"},
		"claimed, manifest reverted": {[]change{claimed, func(s *upgrade.State) { s.Wanted = 17 }}, upgrade.Release, upgrade.NotReady,
			"the upgrade from version 17 to 18 was not started: version 17 is wanted now"},
		"claimed, switched off": {[]change{claimed, func(s *upgrade.State) { s.Forbidden = "mode is off" }}, upgrade.Release, upgrade.NotReady,
			"the upgrade from version 17 to 18 was not started: mode is off"},
		"claimed, container restarted": {[]change{claimed, func(s *upgrade.State) { s.Run.Process, s.Run.Why = upgrade.Lost, "its container restarted" }}, upgrade.Release, upgrade.NotReady,
			"the upgrade from version 17 to 18 was not started: its container restarted"},

		"start was lost":                    {[]change{begun(upgrade.Absent)}, upgrade.Start, upgrade.InProgress, "the upgrade from version 17 to 18 starts in pod c-0"},
		"running":                           {[]change{begun(upgrade.Running), silent, failed, func(s *upgrade.State) { s.Wanted = 17; s.Unsettled = "x" }}, upgrade.Wait, upgrade.InProgress, "the upgrade from version 17 to 18 runs in pod c-0"},
		"unseen":                            {[]change{begun(upgrade.Unseen)}, upgrade.Wait, upgrade.InProgress, "the upgrade from version 17 to 18 was started in pod c-0, which cannot be looked into at present"},
		"succeeded":                         {[]change{begun(upgrade.Ended), runs(18)}, upgrade.Succeed, upgrade.UpToDate, "version 18 runs"},
		"succeeded, a replica still starts": {[]change{begun(upgrade.Ended), runs(18), member(1, func(m *upgrade.Member) { m.State = "starting" })}, upgrade.Succeed, upgrade.UpToDate, "version 18 runs"},
		"ended, nobody answers":             {[]change{begun(upgrade.Ended), silent}, upgrade.Wait, upgrade.InProgress, "the upgrade from version 17 to 18 has ended in pod c-0; no primary tells its version yet"},
		"ended for nothing":                 {[]change{begun(upgrade.Ended)}, upgrade.Fail, upgrade.Failed, "the upgrade from version 17 to 18 ended without an error in pod c-0, but the primary runs version 17"},
		"failed":                            {[]change{begun(upgrade.Ended, said(1, "no space left"))}, upgrade.Fail, upgrade.Failed, "the upgrade from version 17 to 18 failed in pod c-0: no space left"},
		"failed silently":                   {[]change{begun(upgrade.Ended, said(137, ""))}, upgrade.Fail, upgrade.Failed, "the upgrade from version 17 to 18 failed in pod c-0: exit code 137"},
		"lost": {[]change{begun(upgrade.Lost, why("pod c-0 is gone"))}, upgrade.Fail, upgrade.Interrupted,
			"the upgrade from version 17 to 18 was interrupted: pod c-0 is gone; the primary runs version 17. Patroni may have been left paused, see patronictl list and resume"},
		"lost, no primary": {[]change{begun(upgrade.Lost, why("pod c-0 is gone")), silent}, upgrade.Fail, upgrade.Interrupted,
			"the upgrade from version 17 to 18 was interrupted: pod c-0 is gone; no primary answers. Patroni may have been left paused, see patronictl list and resume"},
		"lost, half way": {[]change{begun(upgrade.Lost, why("its process died")), member(0, func(m *upgrade.Member) { m.Version = 18 }), member(1, func(m *upgrade.Member) { m.State = "start failed" })}, upgrade.Fail, upgrade.Interrupted,
			"the upgrade from version 17 to 18 was interrupted: its process died; the primary runs version 18. Patroni may have been left paused, see patronictl list and resume"},
		"lost after it was done": {[]change{begun(upgrade.Lost, why("pod c-0 is gone")), runs(18)}, upgrade.Succeed, upgrade.UpToDate, "version 18 runs"},
	} {
		t.Run(name, func(t *testing.T) {
			s := cluster()
			for _, c := range tc.changes {
				c(&s)
			}
			require.Equal(t, upgrade.Step{Kind: tc.kind, Reason: tc.reason, Message: tc.message}, upgrade.Plan(s))
		})
	}
}

// A run that may have begun is never started in another pod, never claimed again, and ends in one of two ways.
func TestARunNeverStartsTwice(t *testing.T) {
	for _, process := range []upgrade.Process{upgrade.Running, upgrade.Ended, upgrade.Lost, upgrade.Unseen} {
		for _, version := range []int{0, 17, 18} {
			for _, wanted := range []int{17, 18} {
				s := cluster()
				runs(version)(&s)
				begun(process)(&s)
				s.Wanted = wanted
				require.Contains(t, []upgrade.Kind{upgrade.Wait, upgrade.Succeed, upgrade.Fail}, upgrade.Plan(s).Kind, "%s, version %d, wanted %d", process, version, wanted)
			}
		}
	}
}
