package controller

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/roles"
)

func TestPodEventsThatMatter(t *testing.T) {
	t.Parallel()
	base := member("a-0", names.RoleMaster, true)
	base.Spec.Containers = []corev1.Container{{Name: "postgres", Image: "spilo:1"}}
	base.Status.PodIP, base.Spec.NodeName, base.Status.Phase = "10.0.0.1", "node-1", corev1.PodRunning
	tests := []struct {
		name string
		edit func(p *corev1.Pod)
		want bool
	}{
		{"nothing", func(*corev1.Pod) {}, false},
		{"what Patroni notes every few seconds", func(p *corev1.Pod) { p.Annotations = map[string]string{"status": `{"xlog_location":1}`} }, false},
		{"resource version", func(p *corev1.Pod) { p.ResourceVersion = "7" }, false},
		{"probe time", func(p *corev1.Pod) { p.Status.Conditions[0].LastProbeTime = metav1.Now() }, false},
		{"role", func(p *corev1.Pod) { p.Labels["spilo-role"] = names.RoleReplica }, true},
		{"role is lost", func(p *corev1.Pod) { delete(p.Labels, "spilo-role") }, true},
		{"a user asks for a restart", func(p *corev1.Pod) { p.Annotations = map[string]string{names.RollingUpdateRequired: "true"} }, true},
		{"not ready", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }, true},
		{"going", func(p *corev1.Pod) { now := metav1.Now(); p.DeletionTimestamp = &now }, true},
		{"address", func(p *corev1.Pod) { p.Status.PodIP = "10.0.0.2" }, true},
		{"scheduled", func(p *corev1.Pod) { p.Spec.NodeName = "node-2" }, true},
		{"phase", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, true},
		{"image", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "spilo:2" }, true},
		{"container restarted", func(p *corev1.Pod) { p.Status.ContainerStatuses = []corev1.ContainerStatus{{ContainerID: "b"}} }, true},
		{"container waits", func(p *corev1.Pod) { *p = waiting(*p, "CrashLoopBackOff") }, true},
		{"not scheduled", func(p *corev1.Pod) { *p = unscheduled(*p) }, true},
		{"init container waits", func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{
				Name: "init", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}},
			}}
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			after := base.DeepCopy()
			tt.edit(after)
			require.Equal(t, tt.want, podChanged().Update(event.UpdateEvent{ObjectOld: base.DeepCopy(), ObjectNew: after}))
		})
	}
	require.True(t, podChanged().Create(event.CreateEvent{Object: &base}))
	require.True(t, podChanged().Delete(event.DeleteEvent{Object: &base}))
}

func TestObjectEventsThatMatter(t *testing.T) {
	t.Parallel()
	edit := func(k kind, change func(o *unstructured.Unstructured)) bool {
		before := newObject(k.GroupVersionKind)
		before.SetLabels(map[string]string{"cluster-name": "a"})
		after := before.DeepCopy()
		change(after)
		return objectChanged(k).Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after})
	}
	for _, k := range clusterKinds() {
		patronis := k.GroupVersionKind == configMapKind || k.GroupVersionKind == endpointsKind
		lock := func(o *unstructured.Unstructured) { setAnnotation(o, "renewTime", "now") }
		require.Equal(t, !patronis, edit(k, lock), "%s: Patroni's lock", k.Kind)
		require.True(t, edit(k, func(o *unstructured.Unstructured) { o.SetLabels(nil) }), "%s: labels", k.Kind)
		require.True(t, edit(k, func(o *unstructured.Unstructured) {
			o.SetOwnerReferences([]metav1.OwnerReference{{Name: "x"}})
		}), "%s: owners", k.Kind)
	}
}

// requests are what an event handler puts into the queue for an object.
func requests(h handler.EventHandler, o client.Object) []reconcile.Request {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	h.Create(context.Background(), event.CreateEvent{Object: o}, queue)
	var all []reconcile.Request
	for queue.Len() > 0 {
		request, _ := queue.Get()
		all = append(all, request)
		queue.Done(request)
	}
	return all
}

func TestObjectsLeadToClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.minimal("acid-a"))
	w.create(w.minimal("acid-b"))
	o := newObject(serviceKind)
	o.SetNamespace("x")
	require.Empty(t, requests(byLabel("cluster-name"), o))
	o.SetLabels(map[string]string{"cluster-name": "gone"})
	require.Equal(t, []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: "x", Name: "gone"}}}, requests(byLabel("cluster-name"), o))

	all := []reconcile.Request{w.request("acid-a"), w.request("acid-b")}
	o.SetNamespace(w.namespace)
	require.ElementsMatch(t, all, requests(byNamespace(w.client), o))
	require.Subset(t, requests(everyCluster(w.client), o), all)
	o.SetNamespace("x")
	require.Empty(t, requests(byNamespace(w.client), o))
}

func TestOwnedBy(t *testing.T) {
	t.Parallel()
	o := newObject(postgresqlKind)
	require.True(t, ownedBy(o, ""))
	require.False(t, ownedBy(o, "blue"))
	setAnnotation(o, names.ControllerAnnotation, "blue")
	require.True(t, ownedBy(o, "blue"))
	require.False(t, ownedBy(o, ""))
	require.False(t, ownedBy(o, "green"))
}

func TestDigestOfRoles(t *testing.T) {
	t.Parallel()
	set := roles.Set{Roles: []roles.Role{{Name: "a"}}}
	base := digestOf(set, map[string]string{"a": "secret", "b": "other"}, "uid-1")
	require.Equal(t, base, digestOf(set, map[string]string{"b": "other", "a": "secret"}, "uid-1"))
	require.NotContains(t, base, "secret")
	for name, other := range map[string]string{
		"password": digestOf(set, map[string]string{"a": "changed", "b": "other"}, "uid-1"),
		"primary":  digestOf(set, map[string]string{"a": "secret", "b": "other"}, "uid-2"),
		"role":     digestOf(roles.Set{Roles: []roles.Role{{Name: "c"}}}, map[string]string{"a": "secret", "b": "other"}, "uid-1"),
	} {
		require.NotEqual(t, base, other, name)
	}
}

func TestCacheHoldsWhatBelongsToClusters(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.EnableCrossNamespaceSecret = true
	c.WatchedNamespace = "a,b"
	options, err := cacheOptions(c, "operator")
	require.NoError(t, err)
	require.Len(t, options.DefaultNamespaces, 2)
	scheme, err := newScheme()
	require.NoError(t, err)
	seen := map[schema.GroupVersionKind]cache.ByObject{}
	for object, by := range options.ByObject {
		gvk, err := apiutil.GVKForObject(object, scheme)
		require.NoError(t, err)
		require.NotContains(t, seen, gvk, "which of two entries counts is chance")
		require.True(t, by.Label != nil || by.Field != nil || by.Namespaces != nil, "%s is restricted", gvk)
		seen[gvk] = by
	}
	require.Contains(t, seen[secretKind].Namespaces, cache.AllNamespaces)
	require.NotNil(t, seen[configMapKind].Transform)
	c.WatchedNamespace = "*"
	all, err := cacheOptions(c, "operator")
	require.NoError(t, err)
	require.Nil(t, all.DefaultNamespaces)
	c.ClusterNameLabel = "not a label"
	_, err = cacheOptions(c, "operator")
	require.ErrorContains(t, err, `select objects by label "not a label"`)
}

func TestRoleBindingName(t *testing.T) {
	t.Parallel()
	c := config.Default()
	require.Equal(t, "postgres-pod", roleBindingName(c))
	c.PodServiceAccountRoleBindingDefinition = config.Definition{"metadata": map[string]any{"name": "own"}}
	require.Equal(t, "own", roleBindingName(c))
}

func TestConfigMapsKeepNoContent(t *testing.T) {
	t.Parallel()
	o := newObject(configMapKind)
	setField(o, map[string]any{"a": "b"}, "data")
	setField(o, map[string]any{"a": "Yg=="}, "binaryData")
	setAnnotation(o, "leader", "x")
	o.SetLabels(map[string]string{"cluster-name": "a"})
	stripped, err := metadataOnly(o)
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"labels": map[string]any{"cluster-name": "a"}},
	}, stripped.(*unstructured.Unstructured).Object)
}

func TestLeaseName(t *testing.T) {
	t.Parallel()
	require.Equal(t, "postgres-operator", leaseID(""))
	require.Equal(t, "postgres-operator-blue", leaseID("Blue"))
}

func TestRetriesFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.RepairPeriod = 3 * time.Second
	s := newSettings(c, nil)
	limiter := queueOptions(s, logr.Discard()).RateLimiter
	var pauses []time.Duration
	for range 5 {
		pauses = append(pauses, limiter.When(reconcile.Request{}))
	}
	require.Equal(t, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second}, pauses)
	c.RepairPeriod = time.Minute
	s.set(c)
	require.Equal(t, 16*time.Second, limiter.When(reconcile.Request{}), "a longer period needs no new queue")
	limiter.Forget(reconcile.Request{})
	require.Equal(t, 500*time.Millisecond, limiter.When(reconcile.Request{}))
}
