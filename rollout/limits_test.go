package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"postgres-operator/names"
)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

// What takes too long is called stuck, by the clocks of objects, and stays a wait.
func TestStuck(t *testing.T) {
	since := func(d time.Duration) change { return func(s *State) { s.Since = ago(d).Time } }
	created := func(i int, d time.Duration) change { return pod(i, func(p *Pod) { p.CreationTimestamp = ago(d) }) }
	asked := func(i int, d time.Duration) change {
		return pod(i, func(p *Pod) {
			grace := int64(300)
			at := metav1.NewTime(now.Add(300*time.Second - d))
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &at, &grace
		})
	}
	paused := func(s *State) { s.Patroni.Paused = true }
	unseen := func(s *State) { s.Observed = false }
	cases := []struct {
		name    string
		changes []change
		stuck   bool
	}{
		{"it has just begun", []change{outdated(0, 1), state(2, "starting")}, false},
		{"a member takes its time", []change{outdated(0, 1), state(2, "starting"), since(20 * time.Minute), created(2, 9*time.Minute)}, false},
		{"a member takes too long", []change{outdated(0, 1), state(2, "starting"), since(20 * time.Minute), created(2, 10*time.Minute)}, true},
		{"another pod was made since", []change{outdated(0, 1), state(2, "starting"), since(20 * time.Minute), created(1, time.Minute)}, false},
		{"Postgres was restarted since", []change{outdated(0, 1), state(2, "starting"), since(20 * time.Minute), annotated(1, names.PostgresRestarted, "x "+ago(time.Minute).UTC().Format(time.RFC3339))}, false},
		{"the last pod does not come back", []change{state(2, "starting"), since(20 * time.Minute)}, true},
		{"no candidate", []change{outdated(0), since(20 * time.Minute), member(1, func(m *Member) { m.NoFailover = true }), member(2, func(m *Member) { m.NoFailover = true })}, true},
		{"Patroni is silent", []change{outdated(0), since(20 * time.Minute), func(s *State) { s.Patroni.Members = nil }}, true},
		{"a pod goes", []change{outdated(0), since(20 * time.Minute), asked(1, 7*time.Minute)}, false},
		{"a pod does not go", []change{outdated(0), since(20 * time.Minute), asked(1, 8*time.Minute)}, true},
		{"a pod is not made", []change{outdated(0), since(20 * time.Minute), gone(2)}, true},
		{"a pod is not made yet", []change{outdated(0), since(5 * time.Minute), gone(2)}, false},
		{"the StatefulSet is not looked at", []change{unseen, since(6 * time.Minute)}, true},
		{"somebody has paused it", []change{outdated(0), since(24 * time.Hour), paused}, false},
		{"a move takes its time", []change{cordoned(0), since(19 * time.Minute), crashing(1), crashing(2)}, false},
		{"a move takes too long", []change{cordoned(0), since(20 * time.Minute), crashing(1), crashing(2)}, true},
		{"a window may be far away", []change{cordoned(0), since(24 * time.Hour), func(s *State) { s.ClosedUntil = closed }}, false},
		{"all is well", []change{since(24 * time.Hour)}, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := cluster(3)
			s.Now = now
			s.Limits = Limits{Object: 6 * time.Minute, Deletion: 8 * time.Minute, Member: 10 * time.Minute, Move: 20 * time.Minute}
			for _, change := range tc.changes {
				change(&s)
			}
			step := Plan(s)
			require.Equal(t, tc.stuck, step.Stuck, step)
			require.False(t, step.Stuck && step.Kind != Wait, step)
			s.Limits = Limits{}
			require.False(t, Plan(s).Stuck, "without a limit nothing is stuck")
		})
	}
}

// A rollout is over when its last pod is a healthy member again; later troubles are none of its.
func TestRolloutEndsWithHealthyMembers(t *testing.T) {
	s := cluster(2)
	state(1, "starting")(&s)
	require.Equal(t, "None", Plan(s).String())
	s.Now, s.Since = now, now.Add(-time.Minute)
	require.Equal(t, "Wait (waits: member c-1 is starting)", Plan(s).String())
	state(1, "streaming")(&s)
	require.Equal(t, "None", Plan(s).String())
}

// Pods that wait for their recreation carry the mark of Zalando's operator, and lose it when the manifest changes back.
func TestMarks(t *testing.T) {
	s := cluster(3)
	outdated(0, 1, 2)(&s)
	annotated(1, marker, "true")(&s) // by somebody else
	step := Plan(s)
	require.Equal(t, "Recreate c-2"+image, step.String())
	require.Equal(t, []string{"c-0"}, step.Mark)

	for key, value := range Marks(s.UpdateRevision) {
		s.Pods[0].Annotations[key] = *value
	}
	require.Empty(t, Plan(s).Mark)

	s.Pods[0].Labels[RevisionLabel], s.Pods[1].Labels[RevisionLabel], s.Pods[2].Labels[RevisionLabel] = newRevision, newRevision, newRevision
	step = Plan(s)
	require.Equal(t, "Annotate c-0: annotations differ: acid.zalan.do/rolling-update-for, "+marker, step.String())
	for key := range Marks(s.UpdateRevision) {
		require.Contains(t, step.Annotations, key)
		require.Nil(t, step.Annotations[key])
		delete(s.Pods[0].Annotations, key)
	}
	require.Equal(t, "Recreate c-1: annotation "+marker+" is true", Plan(s).String())
}
