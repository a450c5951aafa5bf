package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/names"
	"postgres-operator/rollout"
)

func TestPauseIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for text, want := range map[string]pause{
		"":                                   {},
		"pausing 2026-03-04T05:06:07Z":       {phase: rollout.Pausing, since: since},
		"paused 2026-03-04T05:06:07Z a-1 b2": {phase: rollout.Paused, since: since, pods: []string{"a-1", "b2"}},
	} {
		require.Equal(t, want, parsePause(text), text)
		if text != "" {
			require.Equal(t, text, want.String())
		}
	}
	for _, text := range []string{"nonsense", "pausing", "paused", "paused yesterday", "true"} {
		p := parsePause(text)
		require.NotEqual(t, rollout.Flowing, p.phase, text)
		require.True(t, p.since.IsZero(), "%s: it is over at once", text)
	}
}

func TestHeldPods(t *testing.T) {
	t.Parallel()
	pods := make([]corev1.Pod, 2)
	pods[0].Name, pods[1].Name = "a", "b"
	require.Len(t, poolerPods{pods: pods, pause: pause{phase: rollout.Pausing}}.held(), 2, "who knows")
	held := poolerPods{pods: pods, pause: pause{phase: rollout.Paused, pods: []string{"b", "gone"}}}.held()
	require.Len(t, held, 1)
	require.Equal(t, "b", held[0].Name)
}

// An operator that finds a pause which an earlier one has left behind ends it, also where it may do
// nothing else to the cluster.
func TestPauseLeftBehindEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	first := w.start()
	manifest := w.minimal(clusterName)
	setPoolers(true, false)(manifest)
	w.create(manifest)
	w.reaches(clusterName, "Running")
	first.stop()
	for _, note := range []string{"paused 2026-03-04T05:06:07Z gone", "pausing 2026-03-04T05:06:07Z", "nonsense"} {
		w.edit(deploymentKind, poolerName, func(o *unstructured.Unstructured) {
			setField(o, note, "metadata", "annotations", names.PoolerPause)
		})
		o := w.start()
		w.eventually(func(c *assert.CollectT) {
			assert.NotContains(c, w.get(deploymentKind, poolerName).GetAnnotations(), names.PoolerPause)
		}, "the end of the pause %q", note)
		o.stop()
	}
}
