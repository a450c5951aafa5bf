package controller

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/testenv"
)

func TestManifestBecomesObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.create(w.minimal(clusterName))
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, []string{
			"StatefulSet acid-test",
			"Service acid-test",
			"Service acid-test-repl",
			"PodDisruptionBudget postgres-acid-test-critical-op-pdb",
			"PodDisruptionBudget postgres-acid-test-pdb",
			"Secret foo-user.acid-test.credentials",
			"Secret postgres.acid-test.credentials",
			"Secret standby.acid-test.credentials",
			"Secret zalando.acid-test.credentials",
		}, w.objects(clusterName))
	}, "all objects exist")
	require.NotNil(t, w.get(serviceAccountKind, "postgres-pod"))
	require.NotNil(t, w.get(roleBindingKind, "postgres-pod"))
	pg := w.reaches(clusterName, apiv1.ClusterStatusCreating)
	require.Equal(t, "True Rendered: the manifest became objects", condition(pg, apiv1.ConditionRendered))
	require.Equal(t, "True Applied: the API server has every object as rendered", condition(pg, apiv1.ConditionApplied))
	require.Equal(t, "False NoPrimary: no member is primary; 0 of 2 members are ready", condition(pg, apiv1.ConditionReady))
}

// TestIdleSendsNothing is not parallel: it counts passes by a metric of the process.
func TestIdleSendsNothing(t *testing.T) {
	w := newWorld(t, "resync_period", "1s")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.eventually(func(c *assert.CollectT) {
		w.env.Requests.Reset()
		time.Sleep(300 * time.Millisecond)
		assert.Empty(c, w.requests())
	}, "the operator comes to rest")

	w.env.Requests.Reset()
	before := passes(t)
	w.eventually(func(c *assert.CollectT) {
		after := passes(t)
		for _, reconciler := range []string{"cluster", "rollout", "roles"} {
			assert.GreaterOrEqual(c, after[reconciler]-before[reconciler], 3.0, "passes of %s", reconciler)
		}
	}, "three resyncs")
	require.Empty(t, w.requests())
}

// requests are what operators sent, without what keeps their watches and event queues open.
func (w *world) requests() []testenv.Request {
	var sent []testenv.Request
	for _, r := range w.env.Requests.All() {
		if !strings.Contains(r.Query, "watch=true") {
			sent = append(sent, r)
		}
	}
	return sent
}

// passes counts the passes of each reconciler in this process.
func passes(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	require.NoError(t, err)
	count := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "controller" {
					count[label.GetValue()] += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return count
}

func TestOwnedObjectsComeBackAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	password := w.password("zalando")

	owned := []struct {
		gvk  schema.GroupVersionKind
		name string
	}{
		{statefulSetKind, clusterName},
		{serviceKind, clusterName},
		{serviceKind, clusterName + "-repl"},
		{budgetKind, "postgres-acid-test-pdb"},
		{budgetKind, "postgres-acid-test-critical-op-pdb"},
		{secretKind, "foo-user.acid-test.credentials"},
		{serviceAccountKind, "postgres-pod"},
		{roleBindingKind, "postgres-pod"},
	}
	for _, o := range owned {
		before := w.appears(o.gvk, o.name)
		w.delete(o.gvk, o.name)
		w.eventually(func(c *assert.CollectT) {
			after := w.get(o.gvk, o.name)
			if assert.NotNil(c, after) {
				assert.NotEqual(c, before.GetUID(), after.GetUID())
			}
		}, "%s %s comes back", o.gvk.Kind, o.name)
	}
	require.Equal(t, password, w.password("zalando"), "what was not deleted is as before")
}

func TestChangedFieldsAreRestoredAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)

	tests := []struct {
		gvk   schema.GroupVersionKind
		name  string
		value any
		path  []string
	}{
		{statefulSetKind, clusterName, int64(7), []string{"spec", "replicas"}},
		{statefulSetKind, clusterName, "nobody", []string{"spec", "template", "spec", "serviceAccountName"}},
		{serviceKind, clusterName + "-repl", "nobody", []string{"spec", "selector", "spilo-role"}},
		{serviceKind, clusterName, "other", []string{"metadata", "labels", "team"}},
		{secretKind, "zalando.acid-test.credentials", "other", []string{"metadata", "labels", "team"}},
	}
	for _, tt := range tests {
		var before any
		w.edit(tt.gvk, tt.name, func(o *unstructured.Unstructured) {
			before, _, _ = unstructured.NestedFieldCopy(o.Object, tt.path...)
			setField(o, tt.value, tt.path...)
		})
		w.eventually(func(c *assert.CollectT) {
			after, _, _ := unstructured.NestedFieldCopy(w.get(tt.gvk, tt.name).Object, tt.path...)
			assert.Equal(c, before, after)
		}, "%s %s %v is restored", tt.gvk.Kind, tt.name, tt.path)
	}
}

func TestForeignFieldsStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	for _, gvk := range []schema.GroupVersionKind{serviceKind, statefulSetKind} {
		w.edit(gvk, clusterName, func(o *unstructured.Unstructured) {
			setAnnotation(o, "example.com/note", "by somebody else")
			o.SetFinalizers([]string{"example.com/hold"})
		})
	}
	w.edit(statefulSetKind, clusterName, func(o *unstructured.Unstructured) {
		setField(o, int64(4), "spec", "minReadySeconds")
	})
	w.change(clusterName, setReplicas(3))
	w.eventually(func(c *assert.CollectT) {
		replicas, _, _ := unstructured.NestedInt64(w.get(statefulSetKind, clusterName).Object, "spec", "replicas")
		assert.EqualValues(c, 3, replicas)
	}, "the change is applied")
	for _, gvk := range []schema.GroupVersionKind{serviceKind, statefulSetKind} {
		o := w.get(gvk, clusterName)
		require.Equal(t, "by somebody else", o.GetAnnotations()["example.com/note"])
		require.Equal(t, []string{"example.com/hold"}, o.GetFinalizers())
		w.edit(gvk, clusterName, func(o *unstructured.Unstructured) { o.SetFinalizers(nil) })
	}
	seconds, _, _ := unstructured.NestedInt64(w.get(statefulSetKind, clusterName).Object, "spec", "minReadySeconds")
	require.EqualValues(t, 4, seconds)
}

func (w *world) password(role string) string {
	w.Helper()
	secret := w.appears(secretKind, role+".acid-test.credentials")
	password := string(dataOf(secret)["password"])
	require.NotEmpty(w, password)
	return password
}

func (w *world) userSecret(role string, data map[string]string, labels map[string]string) {
	w.Helper()
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: role + ".acid-test.credentials", Labels: labels},
		StringData: data,
	})
}

func TestExistingPasswordsAreAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.userSecret("zalando", map[string]string{"username": "zalando", "password": "made by a user"}, nil)
	w.userSecret("foo-user", map[string]string{"password": "without a user name", "note": "stays"}, map[string]string{"mine": "yes"})
	w.userSecret("postgres", map[string]string{"username": "postgres", "password": ""}, nil)
	w.start()
	w.createdCluster(clusterName)
	w.eventually(func(c *assert.CollectT) {
		for _, role := range []string{"zalando", "foo-user", "postgres"} {
			assert.Equal(c, clusterName, w.get(secretKind, role+".acid-test.credentials").GetLabels()["cluster-name"])
		}
	}, "the Secrets carry the labels of the cluster")
	require.Equal(t, "made by a user", w.password("zalando"))
	adopted := w.get(secretKind, "foo-user.acid-test.credentials")
	require.Equal(t, secretData{"username": []byte("foo_user"), "password": []byte("without a user name"), "note": []byte("stays")}, dataOf(adopted))
	require.Equal(t, "yes", adopted.GetLabels()["mine"])
	require.Len(t, w.password("postgres"), passwordLength, "an empty password is none")
}

func TestPasswordThatAUserChangesStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	w.edit(secretKind, "zalando.acid-test.credentials", func(o *unstructured.Unstructured) {
		setField(o, base64.StdEncoding.EncodeToString([]byte("changed by hand")), "data", "password")
	})
	w.change(clusterName, setReplicas(1))
	w.eventually(func(c *assert.CollectT) {
		replicas, _, _ := unstructured.NestedInt64(w.get(statefulSetKind, clusterName).Object, "spec", "replicas")
		assert.EqualValues(c, 1, replicas)
	}, "a pass after the change")
	require.Equal(t, "changed by hand", w.password("zalando"))
}

// TestStaleCacheMakesNoPassword hides a Secret that exists from the cache, as a watch that lags does.
func TestStaleCacheMakesNoPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	op := w.start()
	w.createdCluster(clusterName)
	before := w.password("zalando")
	op.stop()

	r := w.reconciler(hidden{w.client, secretKind.Kind})
	for range 2 {
		_, err := r.Reconcile(t.Context(), w.request(clusterName))
		require.NoError(t, err)
		require.Equal(t, before, w.password("zalando"))
	}
}

// hidden is a client whose lists lack the objects of a kind.
type hidden struct {
	client.Client
	kind string
}

func (h hidden) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if u, ok := list.(*unstructured.UnstructuredList); ok && u.GetKind() == h.kind+"List" {
		return nil
	}
	return h.Client.List(ctx, list, options...)
}

// TestPasswordChangedMeanwhileStays changes a password that the cache has not heard of, while the Secret
// is due to be applied for its labels.
func TestPasswordChangedMeanwhileStays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ labelled, elsewhere bool }{{true, false}, {false, false}, {true, true}, {false, true}} {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "enable_cross_namespace_secret", strconv.FormatBool(tt.elsewhere))
			there, name, manifest := w, "zalando.acid-test.credentials", w.minimal(clusterName)
			if tt.elsewhere {
				there = w.in(w.otherNamespace())
				name, manifest = sharedSecret(there.namespace), w.shared(there.namespace)
			}
			op := w.start()
			w.create(manifest)
			there.appears(secretKind, name)
			w.reaches(clusterName, apiv1.ClusterStatusCreating)
			op.stop()
			there.edit(secretKind, name, func(o *unstructured.Unstructured) {
				labels := o.GetLabels()
				delete(labels, "team")
				if !tt.labelled {
					labels = nil
				}
				o.SetLabels(labels)
			})
			stale := there.get(secretKind, name)
			change := func() {
				there.edit(secretKind, name, func(o *unstructured.Unstructured) {
					setField(o, base64.StdEncoding.EncodeToString([]byte("changed by hand")), "data", "password")
				})
			}
			r := w.reconciler(lagging{w.client, stale, change})
			if !tt.labelled {
				r.live = lagging{w.client, stale, change}
			}
			_, err := r.Reconcile(t.Context(), w.request(clusterName))
			require.ErrorContains(t, err, name+": Conflict")
			r = w.reconciler(w.client)
			_, err = r.Reconcile(t.Context(), w.request(clusterName))
			require.NoError(t, err)
			secret := there.get(secretKind, name)
			require.Equal(t, "changed by hand", string(dataOf(secret)["password"]))
			require.Equal(t, "acid", secret.GetLabels()["team"])
		})
	}
}

// lagging is a client that shows a Secret as it was before change, which happens right after it is shown.
type lagging struct {
	client.Client
	stale  *unstructured.Unstructured
	change func()
}

func (l lagging) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := l.Client.List(ctx, list, options...)
	if found, ok := list.(*unstructured.UnstructuredList); ok {
		for i := range found.Items {
			if found.Items[i].GetName() == l.stale.GetName() {
				l.stale.DeepCopyInto(&found.Items[i])
				l.change()
			}
		}
	}
	return err
}

func (l lagging) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	err := l.Client.Get(ctx, key, into, options...)
	if _, ok := into.(*corev1.Secret); ok && key.Name == l.stale.GetName() {
		l.change()
	}
	return err
}
