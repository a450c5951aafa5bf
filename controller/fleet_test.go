package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// fleetWorld runs clusters of one member, the first of which is the canary.
func fleetWorld(t *testing.T, clusters []string, pairs ...string) (*world, *kubernetes) {
	t.Helper()
	w := newWorld(t, append([]string{
		"docker_image", "spilo:1", "fleet_canary_selector", "tier=test", "fleet_wave_size", "2", "fleet_wave_pause", "0s", "resource_check_interval", "200ms",
	}, pairs...)...)
	k := w.playKubernetes()
	k.answer()
	for i, name := range clusters {
		o := w.minimal(name)
		setField(o, int64(1), "spec", "numberOfInstances")
		if i == 0 {
			o.SetLabels(map[string]string{"tier": "test"})
		}
		w.create(o)
	}
	return w, k
}

func (w *world) fleetRuns(clusters []string) {
	w.Helper()
	for _, name := range clusters {
		w.reaches(name, apiv1.ClusterStatusRunning)
	}
}

// fleet waits until the rollout is in a phase and wave.
func (w *world) fleet(phase string, wave int) *apiv1.FleetRollout {
	w.Helper()
	o := &apiv1.FleetRollout{}
	w.eventually(func(c *assert.CollectT) {
		if assert.NoError(c, w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: "postgres-operator"}, o)) {
			assert.Equal(c, fmt.Sprintf("%s %d", phase, wave), fmt.Sprintf("%s %d", o.Status.Phase, o.Status.Wave), o.Status.Message)
		}
	}, "the rollout is %s in wave %d", phase, wave)
	return o
}

func (w *world) pause(paused bool) {
	w.Helper()
	w.edit(fleetRolloutKind, "postgres-operator", func(o *unstructured.Unstructured) { setField(o, paused, "spec", "paused") })
}

// withImage are the clusters whose StatefulSet has an image.
func (w *world) withImage(image string, clusters []string) []string {
	w.Helper()
	return slices.DeleteFunc(slices.Clone(clusters), func(name string) bool { return w.postgresField(name, "image") != image })
}

// takeOver waits until the pods of a cluster have followed.
func (w *world) takeOver(clusters ...string) {
	w.Helper()
	for _, name := range clusters {
		w.eventually(func(c *assert.CollectT) {
			pod := &corev1.Pod{}
			key := client.ObjectKey{Namespace: w.namespace, Name: names.Pod(name, "0")}
			if assert.NoError(c, w.client.Get(w.Context(), key, pod)) {
				assert.Equal(c, "spilo:2", pod.Spec.Containers[0].Image)
			}
		}, "the pod of %s follows", name)
	}
}

func TestFleetChangeGoesInWaves(t *testing.T) {
	t.Parallel()
	clusters := []string{"z-canary", "a-one", "a-two", "b-three"}
	w, k := fleetWorld(t, clusters)
	op := w.start()
	w.fleetRuns(clusters)
	require.Nil(t, w.get(fleetRolloutKind, "postgres-operator"), "as long as nothing waits there is no object")

	// The pod of the canary does not start for a while: the others keep their image.
	k.breakPods("z-canary", "ContainerCreating")
	w.configure("docker_image", "spilo:2")
	rollout := w.fleet("Rolling", 1)
	require.Equal(t, w.namespace+"/z-canary", rollout.Status.Turn[0].Cluster)
	require.Len(t, rollout.Status.Turn, 1)
	w.takeOver("z-canary")
	require.Equal(t, []string{"z-canary"}, w.withImage("spilo:2", clusters))
	require.Contains(t, condition(w.cluster("b-three"), apiv1.ConditionHeld), "True WaitsForWave: A change of the operator's configuration would restart pods")

	// The second wave has two clusters. It is paused in the middle, and so the third does not begin.
	k.breakPods("a-two", "ContainerCreating")
	k.breakPods("z-canary", "")
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, w.fleet("Rolling", 2).Status.Message, "wave 2: 1 of 2 clusters done; under way: "+w.namespace+"/a-two")
	}, "one of two is done")
	w.pause(true)

	// Another operator carries on where this one stopped.
	op.stop()
	w.start()
	k.breakPods("a-two", "")
	w.fleet("Paused", 2)
	w.stays(func() bool { return w.postgresField("b-three", "image") == "spilo:1" }, "paused, the last cluster keeps its image")
	w.pause(false)
	w.takeOver("b-three")
	done := w.fleet("Done", 3)
	require.EqualValues(t, 4, done.Status.Clusters)
	require.Zero(t, done.Status.Behind)
	require.Empty(t, done.Status.Turn)
	w.eventually(func(c *assert.CollectT) {
		notes := w.notes("FleetRollout", "postgres-operator")
		assert.Contains(c, notes, "Normal Rolling: wave 2: 2 clusters")
		assert.Contains(c, notes, "Normal Done: every cluster has the newest configuration and templates")
	}, "events tell")

	w.eventually(func(c *assert.CollectT) {
		w.env.Requests.Reset()
		time.Sleep(300 * time.Millisecond)
		assert.Empty(c, w.requests())
	}, "the operator comes to rest")
}

func TestWavesStopAtAnUnhealthyCluster(t *testing.T) {
	t.Parallel()
	clusters := []string{"z-canary", "a-one"}
	w, k := fleetWorld(t, clusters, "fleet_wave_deadline", "3s")
	w.start()
	w.fleetRuns(clusters)
	k.breakPods("z-canary", "CrashLoopBackOff")
	w.configure("docker_image", "spilo:2")
	w.takeOver("z-canary")
	rollout := w.fleet("Stopped", 1)
	require.Equal(t, w.namespace+"/z-canary", rollout.Status.Unhealthy[0].Cluster)
	require.Contains(t, rollout.Status.Message, "not healthy after the change: "+w.namespace+"/z-canary (Ready: no member is primary")
	w.stays(func() bool { return w.postgresField("a-one", "image") == "spilo:1" }, "stopped, the other keeps its image")
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, fmt.Sprint(w.notes("FleetRollout", "postgres-operator")), "Warning Stopped: not healthy after the change")
	}, "an event warns")

	// Somebody needs the change in the other one now.
	w.change("a-one", approve("approved"))
	w.hasImage("a-one", "spilo:2")
	w.takeOver("a-one")

	k.breakPods("z-canary", "")
	w.fleet("Done", 1)
}

// Clusters of another operator are none of ours, and a kind that is not installed holds rather than restarts.
func TestWavesOfOperatorsAreApart(t *testing.T) {
	t.Parallel()
	clusters := []string{"z-canary", "a-one"}
	w, _ := fleetWorld(t, clusters)
	w.start(func(o *Options) { o.ControllerID = "Blue" })
	for _, name := range clusters {
		w.change(name, func(o *unstructured.Unstructured) { setAnnotation(o, names.ControllerAnnotation, "Blue") })
	}
	theirs := w.minimal("z-theirs")
	theirs.SetLabels(map[string]string{"tier": "test"})
	w.create(theirs)
	w.fleetRuns(clusters)
	w.configure("docker_image", "spilo:2")
	w.takeOver("z-canary")
	w.takeOver("a-one")
	w.eventually(func(c *assert.CollectT) {
		o := w.get(fleetRolloutKind, "postgres-operator-blue")
		if assert.NotNil(c, o) {
			total, _, _ := unstructured.NestedInt64(o.Object, "status", "clusters")
			assert.EqualValues(c, 2, total)
		}
	}, "the rollout has two clusters")
	require.Nil(t, w.get(fleetRolloutKind, "postgres-operator"))
}

// TestWavesOutsideTheOperatorsNamespace: the FleetRollout is in the operator's namespace, which need not be watched.
func TestWavesOutsideTheOperatorsNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := w.in(w.otherNamespace())
	w.configure("watched_namespace", there.namespace, "docker_image", "spilo:1", "fleet_wave_size", "1", "fleet_wave_pause", "0s")
	there.playKubernetes().answer()
	w.start()
	o := there.minimal(clusterName)
	setField(o, int64(1), "spec", "numberOfInstances")
	there.create(o)
	there.reaches(clusterName, apiv1.ClusterStatusRunning)
	w.configure("docker_image", "spilo:2")
	there.takeOver(clusterName)
	w.fleet("Done", 1)
}
