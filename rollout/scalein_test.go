package rollout

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScaleInMovesTheLeaderFirst(t *testing.T) {
	leads := func(i int) change {
		return func(s *State) {
			s.Patroni.Members[0].Role, s.Patroni.Members[0].State = "replica", "streaming"
			s.Patroni.Members[i].Role, s.Patroni.Members[i].State = "leader", "running"
		}
	}
	member := func(i int, state string) change { return func(s *State) { s.Patroni.Members[i].State = state } }
	noLeader := func(s *State) { s.Patroni.Members[0].Role = "replica" }
	paused := func(s *State) { s.Patroni.Paused = true }
	lag := func(i int, bytes int64) change { return func(s *State) { s.Patroni.Members[i].Lag = bytes } }
	cases := []struct {
		name    string
		changes []change
		want    string
	}{
		{"the leader stays anyway", nil, "None"},
		{"the leader would go", []change{leads(2)}, "Switchover c-2 to c-0: scaling in to 2 members"},
		{"of two that stay the one with less lag", []change{leads(2), lag(0, 100)}, "Switchover c-2 to c-1: scaling in to 2 members"},
		{"one that stays is down", []change{leads(2), member(0, "starting")}, "Switchover c-2 to c-1: scaling in to 2 members"},
		{"none that stays is healthy", []change{leads(2), member(0, "starting"), member(1, "crashed")},
			"Wait c-2: scaling in to 2 members (waits: none of the members that stay is healthy)"},
		{"no leader", []change{noLeader}, "Wait: scaling in to 2 members (waits: the cluster has no leader)"},
		{"paused", []change{leads(2), paused},
			"Wait: scaling in to 2 members (waits: Patroni is paused; resume it with patronictl resume)"},
		{"before an outdated pod is recreated", []change{leads(2), outdated(0)}, "Switchover c-2 to c-1: scaling in to 2 members"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := cluster(3)
			s.ScaleIn = 2
			for _, change := range c.changes {
				change(&s)
			}
			require.Equal(t, c.want, Plan(s).String())
		})
	}
}
