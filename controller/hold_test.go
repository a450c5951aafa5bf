package controller

import (
	"fmt"
	"strings"
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

// postgresField reads a field of the postgres container in a StatefulSet.
func (w *world) postgresField(cluster string, path ...string) string {
	w.Helper()
	set := w.get(statefulSetKind, cluster)
	require.NotNil(w, set)
	containers, _, _ := unstructured.NestedSlice(set.Object, "spec", "template", "spec", "containers")
	for _, c := range containers {
		if container := c.(map[string]any); container["name"] == names.PostgresContainer {
			value, _, _ := unstructured.NestedFieldNoCopy(container, path...)
			return fmt.Sprint(value)
		}
	}
	return ""
}

// heldFor waits until a change waits for something, and returns its digest.
func (w *world) heldFor(cluster, what string) string {
	w.Helper()
	var digest string
	w.eventually(func(c *assert.CollectT) {
		held := w.cluster(cluster).Status.Held
		if assert.NotNil(c, held) {
			assert.Equal(c, what, held.WaitsFor)
			digest = held.Change
		}
	}, "a change of %s waits for %s", cluster, what)
	return digest
}

// hasImage waits until the StatefulSet has an image and nothing waits.
func (w *world) hasImage(cluster, image string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, image, w.postgresField(cluster, "image"))
		assert.Nil(c, w.cluster(cluster).Status.Held)
	}, "cluster %s gets image %s", cluster, image)
}

func (w *world) podImages() []string {
	w.Helper()
	var pods corev1.PodList
	require.NoError(w, w.client.List(w.Context(), &pods, client.InNamespace(w.namespace)))
	var images []string
	for _, p := range pods.Items {
		images = append(images, p.Spec.Containers[0].Image)
	}
	return images
}

func approve(with string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { setAnnotation(o, names.FleetChange, with) }
}

func TestFleetChangeWaitsForApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "fleet_change_policy", "approve", "docker_image", "spilo:1", "resource_check_interval", "200ms")
	w.playKubernetes().answer()
	op := w.start(func(o *Options) { o.Version = "v1" })
	w.runningCluster(clusterName)
	require.Equal(t, "False NothingWaits: the pod template is as rendered", condition(w.cluster(clusterName), apiv1.ConditionHeld))

	w.configure("docker_image", "spilo:2", "custom_service_annotations", "a:b")
	digest := w.heldFor(clusterName, "Approval")
	pg := w.cluster(clusterName)
	require.Equal(t, "True WaitsForApproval: A change of the operator's configuration would restart pods: "+
		"container postgres: image: spilo:1 → spilo:2. It waits for an approval. To let it through: "+
		"kubectl annotate -n "+w.namespace+" postgresql acid-test acid.zalan.do/fleet-change="+digest+" --overwrite", condition(pg, apiv1.ConditionHeld))
	require.Equal(t, "spilo:1", w.postgresField(clusterName, "image"))
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, "b", w.get(serviceKind, clusterName).GetAnnotations()["a"])
		assert.Contains(c, strings.Join(w.notes("postgresql", clusterName), "\n"), "Normal Held: A change of the operator's configuration")
	}, "what restarts nothing goes through")

	w.eventually(func(c *assert.CollectT) {
		w.env.Requests.Reset()
		time.Sleep(300 * time.Millisecond)
		assert.Empty(c, w.requests())
	}, "the operator comes to rest")

	// A member that dies comes back as it was.
	w.delete(podKind, "acid-test-1")
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.NotContains(t, w.podImages(), "spilo:2")

	// The user's changes go through, alone.
	w.change(clusterName, func(o *unstructured.Unstructured) {
		setField(o, "2Gi", "spec", "resources", "limits", "memory")
		setField(o, int64(3), "spec", "numberOfInstances")
	})
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, "2Gi", w.postgresField(clusterName, "resources", "limits", "memory"))
		replicas, _, _ := unstructured.NestedInt64(w.get(statefulSetKind, clusterName).Object, "spec", "replicas")
		assert.EqualValues(c, 3, replicas)
		assert.NotEqual(c, digest, w.cluster(clusterName).Status.Held.Change, "it is another template that waits now")
	}, "the change of the manifest goes through")
	require.Equal(t, "spilo:1", w.postgresField(clusterName, "image"))

	// What others do to the template is undone.
	w.edit(statefulSetKind, clusterName, func(o *unstructured.Unstructured) {
		containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		containers[0].(map[string]any)["image"] = "theirs:1"
		setField(o, containers, "spec", "template", "spec", "containers")
	})
	w.eventually(func(c *assert.CollectT) { assert.Equal(c, "spilo:1", w.postgresField(clusterName, "image")) }, "the image is restored")

	// An approval of something else does not count; another operator holds it, too.
	w.change(clusterName, approve(digest))
	op.stop()
	w.start(func(o *Options) { o.Version = "v2" })
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, condition(w.cluster(clusterName), apiv1.ConditionHeld), "A change of operator v2 (before v1), the operator's configuration would")
	}, "the new operator says what waits")
	digest = w.heldFor(clusterName, "Approval")
	require.Equal(t, "spilo:1", w.postgresField(clusterName, "image"))

	w.change(clusterName, approve("approved"))
	w.hasImage(clusterName, "spilo:2")
	require.Equal(t, digest, w.cluster(clusterName).Annotations[names.FleetChange], "the word became what it approved")
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, w.notes("postgresql", clusterName), "Normal LetThrough: pods restart: container postgres: image: spilo:1 → spilo:2")
	}, "an event tells")

	w.configure("docker_image", "spilo:3")
	digest = w.heldFor(clusterName, "Approval")
	w.change(clusterName, approve(digest))
	w.hasImage(clusterName, "spilo:3")
}

func TestFleetChangesOfOnePolicyPerCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "docker_image", "spilo:1", "maintenance_windows", closedWindow())
	w.start()
	for name, policy := range map[string]string{"a-auto": "", "a-window": "window", "a-approve": "approve", "a-typo": "aprove"} {
		o := w.minimal(name)
		if policy != "" {
			setAnnotation(o, names.FleetChangePolicy, policy)
		}
		w.create(o)
		w.appears(statefulSetKind, name)
	}
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, condition(w.cluster("a-typo"), apiv1.ConditionRendered), `"aprove" is none of auto, window, approve; auto is in force`)
		for _, name := range []string{"a-auto", "a-window", "a-approve"} {
			assert.Contains(c, condition(w.cluster(name), apiv1.ConditionApplied), "True")
		}
	}, "a typing error is told")
	require.Empty(t, condition(w.cluster("a-auto"), apiv1.ConditionHeld))
	require.NotContains(t, w.get(statefulSetKind, "a-auto").GetAnnotations(), names.RenderedFrom)

	w.configure("docker_image", "spilo:2")
	w.hasImage("a-auto", "spilo:2")
	w.hasImage("a-typo", "spilo:2")
	w.heldFor("a-window", "Window")
	w.heldFor("a-approve", "Approval")
	require.Contains(t, condition(w.cluster("a-window"), apiv1.ConditionHeld), "It waits for a maintenance window, "+closedWindow()+" UTC.")
	require.Equal(t, "spilo:1", w.postgresField("a-window", "image"))

	w.change("a-window", func(o *unstructured.Unstructured) { // all day
		setField(o, []any{"00:00-23:59"}, "spec", "maintenanceWindows")
	})
	w.hasImage("a-window", "spilo:2")
	w.change("a-approve", func(o *unstructured.Unstructured) { setAnnotation(o, names.FleetChangePolicy, "auto") })
	w.hasImage("a-approve", "spilo:2")
	w.eventually(func(c *assert.CollectT) {
		assert.NotContains(c, w.get(statefulSetKind, "a-approve").GetAnnotations(), names.RenderedFrom)
		assert.Empty(c, condition(w.cluster("a-approve"), apiv1.ConditionHeld))
	}, "where nothing is held nothing is recorded")
}

// closedWindow is an hour that is far away from now.
func closedWindow() string {
	from := time.Now().UTC().Add(10 * time.Hour)
	return from.Format("15:00") + "-" + from.Add(time.Hour).Format("15:00")
}

// A StatefulSet that has to be made anew, for a larger volume, does not let through what is held; nor does a
// policy that comes together with the change that it is to hold.
func TestHeldTemplateSurvivesItsStatefulSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "docker_image", "spilo:1", "resource_check_interval", "200ms")
	w.playKubernetes().answer()
	w.start()
	w.runningCluster(clusterName)
	w.configure("docker_image", "spilo:2", "fleet_change_policy", "approve")
	w.heldFor(clusterName, "Approval")
	require.Equal(t, "spilo:1", w.postgresField(clusterName, "image"))

	before := w.get(statefulSetKind, clusterName).GetUID()
	w.change(clusterName, func(o *unstructured.Unstructured) { setField(o, "2Gi", "spec", "volume", "size") })
	w.eventually(func(c *assert.CollectT) {
		set := w.get(statefulSetKind, clusterName)
		assert.True(c, set != nil && set.GetUID() != before)
	}, "the StatefulSet is made anew")
	require.Equal(t, "spilo:1", w.postgresField(clusterName, "image"))
	digest := w.heldFor(clusterName, "Approval")
	require.NotContains(t, w.podImages(), "spilo:2")
	w.change(clusterName, approve(digest))
	w.hasImage(clusterName, "spilo:2")
}
