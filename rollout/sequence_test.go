package rollout

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSequence(t *testing.T) {
	cases := []struct {
		name    string
		members int
		changes []change
		want    []string
	}{
		{"nothing to do", 3, nil, nil},
		{"replicas first, the primary last", 3, []change{outdated(0, 1, 2)}, []string{
			"Recreate c-2: container postgres: image: spilo:1 → spilo:2",
			"Recreate c-1: container postgres: image: spilo:1 → spilo:2",
			"Switchover c-0 to c-1: container postgres: image: spilo:1 → spilo:2",
			"Recreate c-0: container postgres: image: spilo:1 → spilo:2",
		}},
		{"one member", 1, []change{outdated(0)}, []string{"Recreate c-0: container postgres: image: spilo:1 → spilo:2"}},
		{"restart in place", 2, []change{pending(0, "max_connections 100 200"), pending(1, "max_connections 100 200")}, []string{
			"RestartPostgres c-1: Patroni reports a pending restart: max_connections: 100 → 200",
			"RestartPostgres c-0: Patroni reports a pending restart: max_connections: 100 → 200",
		}},
		{"poolers are held back for the switchover", 2, []change{outdated(0), func(s *State) { s.Poolers = Poolers{Pausable: true} }}, []string{
			"PausePoolers c-0 to c-1: container postgres: image: spilo:1 → spilo:2",
			"Switchover c-0 to c-1: container postgres: image: spilo:1 → spilo:2",
			"ResumePoolers: the primary takes writes",
			"Recreate c-0: container postgres: image: spilo:1 → spilo:2",
		}},
		{"it ends where it waits", 2, []change{outdated(0, 1), func(s *State) { s.Patroni.Paused = true }}, []string{
			"Wait c-0: container postgres: image: spilo:1 → spilo:2 (waits: Patroni is paused; resume it with patronictl resume)",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := cluster(c.members)
			for _, change := range c.changes {
				change(&s)
			}
			before := Inspect(s)
			var steps []string
			for _, step := range Sequence(s) {
				steps = append(steps, step.String())
			}
			require.Equal(t, c.want, steps)
			require.Equal(t, before, Inspect(s), "the state given is left alone")
		})
	}
}
