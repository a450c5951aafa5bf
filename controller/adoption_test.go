package controller

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
	"postgres-operator/schema"
	"postgres-operator/testenv"
)

// TestAdoption: what Zalando's operator v2.0.1 made stays as it is when this operator takes over.
// Each file of testdata/adoption holds a manifest, options beside the shipped ones, and the objects
// that operator makes of them, written down from its documentation and behaviour, not from ours.
func TestAdoption(t *testing.T) {
	paths, err := filepath.Glob("../testdata/adoption/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			newLegacy(t, path).isTakenOver()
		})
	}
}

// legacy is a cluster as Zalando's operator leaves it behind.
type legacy struct {
	*world
	manifest *unstructured.Unstructured
	name     string
	objects  []*unstructured.Unstructured
}

// newLegacy makes all that a file of testdata/adoption says, and lets the pods run.
func newLegacy(t *testing.T, path string, edits ...func(*testenv.Recorded)) *legacy {
	t.Helper()
	file, err := testenv.ReadRecorded(path)
	require.NoError(t, err)
	for _, edit := range edits {
		edit(&file)
	}
	w := newWorld(t)
	l := &legacy{world: w, manifest: w.manifest(file.In(w.namespace, "").Manifest)}
	l.name = l.manifest.GetName()
	w.create(l.manifest)
	if *otherBinary == "" {
		setField(l.manifest, apiv1.ClusterStatusRunning, "status", "PostgresClusterStatus")
		require.NoError(t, w.client.Status().Update(w.Context(), l.manifest, client.FieldOwner(names.ManagerLegacy)))
	}

	file = file.In(w.namespace, string(l.manifest.GetUID()))
	w.configure(shippedOptions(t, file.Config)...)
	l.others(file.Others)
	l.objects, err = testenv.AsSent(file.Objects)
	require.NoError(t, err)
	if *otherBinary != "" {
		l.madeByReference()
		return l
	}
	for _, o := range l.objects {
		require.NoError(t, w.client.Create(w.Context(), o.DeepCopy(), client.FieldOwner(names.ManagerLegacy)), idOf(o))
	}
	w.playKubernetes()
	w.eventually(func(c *assert.CollectT) {
		var set appsv1.StatefulSet
		assert.NoError(c, w.client.Get(w.Context(), w.request(l.name).NamespacedName, &set))
		assert.Equal(c, *set.Spec.Replicas, set.Status.ReadyReplicas)
	}, "all members run")
	return l
}

// shippedOptions are those of the shipped ConfigMap and of a file, without what every test sets otherwise.
func shippedOptions(t *testing.T, more string) []string {
	t.Helper()
	options, _, err := unstructured.NestedStringMap(manifestObjects(t, "configmap.yaml")[0].Object, "data")
	require.NoError(t, err)
	for _, key := range []string{"watched_namespace", "enable_crd_registration", "repair_period", "workers"} {
		delete(options, key)
	}
	own := map[string]string{}
	require.NoError(t, yaml.UnmarshalStrict([]byte(more), &own))
	maps.Copy(options, own)
	var pairs []string
	for key, value := range options {
		pairs = append(pairs, key, value)
	}
	return pairs
}

// others makes objects that belong to somebody else and that the cluster refers to.
func (l *legacy) others(text string) {
	l.Helper()
	objects, err := testenv.AsSent(text)
	require.NoError(l, err)
	for _, o := range objects {
		if err := l.client.Create(l.Context(), o); !apierrors.IsAlreadyExists(err) {
			require.NoError(l, err)
		}
	}
}

// isTakenOver starts the operator: nothing changes but who owns the fields.
func (l *legacy) isTakenOver() {
	l.Helper()
	before, pods, all := l.live(), l.pods(), l.world.objects(l.name)
	l.start()
	l.settles()

	require.Equal(l, all, l.world.objects(l.name), "objects")
	after := l.live()
	for id, old := range before {
		l.unchanged(id, old, after[id])
		l.isOurs(id, after[id])
	}
	require.Equal(l, pods, l.pods(), "pods")

	l.env.Requests.Reset()
	l.stays(func() bool { return len(l.requests()) == 0 }, "idle")
}

// TestAdoptionOfRepeatedVariables: the other operator lists a variable twice that both the manifest and
// a clone section set. Server-side apply knows each once. The template changes, to the value that counted
// before, which is no reason to restart pods.
func TestAdoptionOfRepeatedVariables(t *testing.T) {
	t.Parallel()
	const variable, first = "{name: CLONE_TARGET_TIME, value: yesterday}", "        - {name: CLONE_SCOPE,"
	l := newLegacy(t, "../testdata/adoption/clone.txtar", func(file *testenv.Recorded) {
		file.Manifest += "  env: [" + variable + "]\n"
		file.Objects = strings.Replace(file.Objects, first, "        - "+variable+"\n"+first, 1)
	})
	before, pods := l.variables("CLONE_TARGET_TIME"), l.pods()
	require.Equal(t, []string{"yesterday", "2026-01-31T13:00:00+00:00"}, before)
	l.start()
	l.settles()
	require.Equal(t, before[1:], l.variables("CLONE_TARGET_TIME"))
	require.Equal(t, pods, l.pods())
	l.env.Requests.Reset()
	l.stays(func() bool { return len(l.requests()) == 0 }, "idle")
}

// variables are the values of a variable in the template of the pods.
func (l *legacy) variables(name string) []string {
	l.Helper()
	var set appsv1.StatefulSet
	require.NoError(l, l.client.Get(l.Context(), l.request(l.name).NamespacedName, &set))
	var values []string
	for _, v := range set.Spec.Template.Spec.Containers[0].Env {
		if v.Name == name {
			values = append(values, v.Value)
		}
	}
	return values
}

// settles waits until all is well and the operator has nothing more to say.
func (l *legacy) settles() {
	l.Helper()
	pg := l.reaches(l.name, apiv1.ClusterStatusRunning)
	l.eventually(func(c *assert.CollectT) {
		pg = l.cluster(l.name)
		assert.Equal(c, apiv1.ClusterStatusRunning, pg.Status.PostgresClusterStatus)
		for _, kind := range []string{apiv1.ConditionRendered, apiv1.ConditionApplied, apiv1.ConditionRolledOut, apiv1.ConditionReady} {
			assert.True(c, conditionTrue(pg, kind), "%s: %s", kind, condition(pg, kind))
		}
	}, "cluster %s is in order", l.name)
	l.eventually(func(c *assert.CollectT) {
		l.env.Requests.Reset()
		time.Sleep(300 * time.Millisecond)
		assert.Empty(c, l.requests())
	}, "the operator comes to rest")
}

func idOf(o *unstructured.Unstructured) string { return o.GetKind() + " " + o.GetName() }

// live reads all objects that the former operator made, by kind and name.
func (l *legacy) live() map[string]*unstructured.Unstructured {
	l.Helper()
	found := map[string]*unstructured.Unstructured{}
	for _, o := range l.objects {
		live := newObject(o.GroupVersionKind())
		require.NoError(l, l.client.Get(l.Context(), client.ObjectKeyFromObject(o), live), idOf(o))
		found[idOf(o)] = live
	}
	return found
}

// pods by name, with what shows that a pod is another one, or was told to restart.
func (l *legacy) pods() map[string]string {
	l.Helper()
	var pods corev1.PodList
	require.NoError(l, l.client.List(l.Context(), &pods, client.InNamespace(l.namespace)))
	found := map[string]string{}
	for _, p := range pods.Items {
		found[p.Name] = fmt.Sprintf("%s %s %v", p.UID, p.Labels[appsv1.StatefulSetRevisionLabel], p.Annotations)
	}
	return found
}

// unchanged compares two states of an object, but for bookkeeping of the API server. The one addition
// of ours is an annotation that the Deployment of a pooler alone carries.
func (l *legacy) unchanged(id string, old, now *unstructured.Unstructured) {
	l.Helper()
	for _, o := range []**unstructured.Unstructured{&old, &now} {
		*o = (*o).DeepCopy()
		(*o).SetManagedFields(nil)
		(*o).SetResourceVersion("")
	}
	if now.GetKind() == deploymentKind.Kind { // of which the generation counts annotations, too
		now.SetGeneration(old.GetGeneration())
		unstructured.RemoveNestedField(now.Object, "metadata", "annotations", names.UserListDigest)
		if len(now.GetAnnotations()) == 0 {
			now.SetAnnotations(nil)
		}
	}
	require.Empty(l, schema.Diff(old, now), id)
	require.Equal(l, old.Object, now.Object, "%s: order", id)
}

// isOurs: the former operator owns nothing any more, but for what one object serves all clusters of a
// namespace, which stays as it was made.
func (l *legacy) isOurs(id string, o *unstructured.Unstructured) {
	l.Helper()
	const ours = names.ManagerCluster + "/" + string(metav1.ManagedFieldsOperationApply)
	var managers []string
	for _, entry := range o.GetManagedFields() {
		if entry.Subresource == "" {
			managers = append(managers, fmt.Sprintf("%s/%s", entry.Manager, entry.Operation))
		}
	}
	switch o.GetKind() {
	case serviceAccountKind.Kind, roleBindingKind.Kind:
		require.NotContains(l, managers, ours, id)
	default:
		require.Equal(l, []string{ours}, managers, id)
	}
}
