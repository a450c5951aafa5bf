package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"postgres-operator/names"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// restarted writes the annotation of a restart in place that was made for what is the matter now.
func restarted(i int, ago time.Duration) change {
	return func(s *State) {
		at := *s
		at.Now = now.Add(-ago)
		member, _ := s.member(s.Pods[i].Name)
		s.Pods[i].Annotations = map[string]string{"a": "1"}
		for key, value := range at.restartMark(s.Pods[i], pendingReason(member)) {
			s.Pods[i].Annotations[key] = *value
		}
	}
}

// A standby that was restarted for nothing would be restarted for ever: it keeps the values of its primary.
func TestRestartsAreNotRepeated(t *testing.T) {
	const (
		lower  = "max_connections 200 100"
		higher = "max_wal_senders 5 10"
		pends  = ": Patroni reports a pending restart"
		lowers = pends + ": max_connections: 200 → 100"
		mixed  = pends + ": max_connections: 200 → 100; max_wal_senders: 5 → 10"
		inVain = " (waits: Postgres was restarted for it, to no effect)"
	)
	cases := []struct {
		name    string
		changes []change
		want    string
		stuck   bool
	}{
		{"both: replica takes what is higher", []change{pending(0, lower, higher), pending(1, lower, higher)}, "RestartPostgres c-1" + mixed, false},
		{"both: then the primary", []change{pending(0, lower, higher), pending(1, lower)}, "RestartPostgres c-0" + mixed, false},
		{"both: then the replica takes what is lower", []change{pending(1, lower)}, "RestartPostgres c-1" + lowers, false},
		{"lowered for a replica before the primary knows", []change{pending(1, lower), func(s *State) { s.Settling = true }}, "Wait c-1" + lowers + " (waits: members take over the changed configuration)", false},
		{"held replica does not keep others up", []change{pending(0, lower, higher), pending(1, lower), outdated(1)}, "Recreate c-1" + image, false},
		{"without reasons: replica first", []change{pending(0), pending(1)}, "RestartPostgres c-1" + pends, false},
		{"without reasons: once, then the primary", []change{pending(0), pending(1), restarted(1, time.Minute)}, "RestartPostgres c-0" + pends, false},
		{"without reasons: and the replica again, as the primary has restarted", []change{pending(0), pending(1), restarted(1, time.Minute), func(s *State) { s.Patroni.Members[0].PendingRestart = false }}, "RestartPostgres c-1" + pends, false},
		{"in vain", []change{pending(1, higher), restarted(1, time.Minute)}, "Wait c-1" + pends + ": max_wal_senders: 5 → 10" + inVain, true},
		{"in vain in the primary", []change{pending(0), restarted(0, time.Minute)}, "Wait c-0" + pends + inVain, true},
		{"in vain does not keep others up", []change{pending(1), restarted(1, time.Minute), outdated(2)}, "Recreate c-2" + image, false},
		{"Patroni has not told yet that it is done", []change{pending(1), restarted(1, time.Second)}, "Wait c-1" + pends + " (waits: Postgres in pod c-1 restarts)", false},
		{"Patroni has not told yet that it is done, others wait", []change{pending(1), pending(2), restarted(2, time.Second)}, "Wait c-1" + pends + " (waits: Postgres in pod c-2 restarts)", false},
		{"nor that of the primary, from which standbys learn what is lower", []change{pending(0, lower), restarted(0, time.Second), pending(1, lower), func(s *State) { s.Patroni.Members[0].PendingRestart = false }}, "Wait c-1" + lowers + " (waits: Postgres in pod c-0 restarts)", false},
		{"tried again after the repair period", []change{pending(1), restarted(1, 5*time.Minute)}, "RestartPostgres c-1" + pends, false},
		{"another change", []change{pending(1, lower), restarted(1, time.Minute), pending(1, "max_connections 200 90")}, "RestartPostgres c-1" + pends + ": max_connections: 200 → 90", false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := cluster(3)
			s.Now, s.Limits.Retry = now, 5*time.Minute
			for _, change := range tc.changes {
				change(&s)
			}
			step := Plan(s)
			require.Equal(t, tc.want, step.String())
			require.Equal(t, tc.stuck, step.Stuck)
		})
	}
}

func TestRestartLeavesAMark(t *testing.T) {
	s := cluster(2)
	s.Now, s.Limits.Retry = now, time.Minute
	pending(1)(&s)
	step := Plan(s)
	require.Equal(t, RestartPostgres, step.Kind)
	s.Pods[1].Annotations = map[string]string{"a": "1", names.PostgresRestarted: *step.Annotations[names.PostgresRestarted]}
	require.Equal(t, "Wait c-1: Patroni reports a pending restart (waits: Postgres in pod c-1 restarts)", Plan(s).String())
	s.Patroni.Members[1].PendingRestart = false
	s.Now = now.Add(s.settles())
	require.Equal(t, None, Plan(s).Kind, "the mark itself is no difference")
}
