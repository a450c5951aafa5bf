package rollout

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoolersPauseAroundASwitchover(t *testing.T) {
	poolers := func(p Poolers) change { return func(s *State) { s.Poolers = p } }
	pausable := poolers(Poolers{Pausable: true, Serving: true})
	pausing := poolers(Poolers{Pausable: true, Serving: true, Phase: Pausing})
	paused := poolers(Poolers{Pausable: true, Serving: true, Phase: Paused})
	notServing := poolers(Poolers{Pausable: true, Phase: Paused})
	overdue := poolers(Poolers{Pausable: true, Phase: Paused, Overdue: true})
	switched := func(s *State) {
		role(0, "replica")(s)
		state(0, "streaming")(s)
		role(1, "leader")(s)
		state(1, "running")(s)
	}
	leaderless := role(0, "replica")
	asked := func(s *State) { s.Switching = true }
	const resume = "ResumePoolers: the primary takes writes"
	const late = "ResumePoolers: clients cannot wait any longer"
	for _, c := range []struct {
		name    string
		changes []change
		want    string
	}{
		{"nothing to do", []change{pausable}, "None"},
		{"a replica is recreated", []change{outdated(0, 1), pausable}, "Recreate c-1" + image},
		{"before a switchover", []change{outdated(0), pausable}, "PausePoolers c-0 to c-1" + image},
		{"poolers of sessions", []change{outdated(0), poolers(Poolers{Serving: true})}, "Switchover c-0 to c-1" + image},
		{"killed while it paused", []change{outdated(0), pausing}, "PausePoolers c-0 to c-1" + image},
		{"paused", []change{outdated(0), paused}, "Switchover c-0 to c-1" + image},
		{"paused, old primary still leads", []change{outdated(0), notServing}, "Switchover c-0 to c-1" + image},
		{"switched over, not serving yet", []change{outdated(0), notServing, switched},
			"Wait: the connection poolers are paused (waits: the primary takes writes)"},
		{"switched over", []change{outdated(0), paused, switched}, resume},
		{"switched over, killed while it paused", []change{outdated(0), pausing, switched}, resume},
		{"the image is changed back meanwhile", []change{paused}, resume},
		{"the candidate dies", []change{outdated(0), paused, unready(1)}, resume},
		{"no leader", []change{outdated(0), notServing, leaderless},
			"Wait: the connection poolers are paused (waits: the primary takes writes)"},
		{"no leader for too long", []change{outdated(0), overdue, leaderless}, late},
		{"the switchover does not come to an end", []change{outdated(0), overdue}, late},
		{"scaling in", []change{switched, func(s *State) { s.ScaleIn = 1 }, pausable}, "PausePoolers c-1 to c-0: scaling in to 1 members"},
		{"Patroni was asked", []change{outdated(0), paused, asked}, "Wait c-0" + image + " (waits: Patroni carries out the switchover)"},
		{"Patroni was asked, without poolers", []change{outdated(0), asked}, "Wait c-0" + image + " (waits: Patroni carries out the switchover)"},
		{"Patroni was asked, the candidate lags now", []change{outdated(0), paused, asked, lag(1, 1<<40)},
			"Wait c-0" + image + " (waits: Patroni carries out the switchover)"},
		{"Patroni was asked, for too long", []change{outdated(0), overdue, asked}, late},
		{"Patroni was asked, by an operator that does something else now", []change{outdated(0, 1), asked}, "Recreate c-1" + image},
		{"poolers are of another mode now", []change{poolers(Poolers{Serving: true, Phase: Paused})}, resume},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := cluster(2)
			for _, change := range c.changes {
				change(&s)
			}
			step := Plan(s)
			require.Equal(t, c.want, step.String())
			if !strings.HasPrefix(c.want, "Wait") {
				require.Len(t, step.Verdicts, 2)
			}
		})
	}
}
