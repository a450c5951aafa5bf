package apply_test

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"postgres-operator/apply"
	"postgres-operator/testenv"
)

var (
	server testenv.Server
	update = flag.Bool("update", false, "rewrite recorded objects")
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(server.Run(m))
}

const (
	manager = "test-operator/cluster"
	legacy  = "legacy-operator"
)

// kinds are the kinds that a world lists as live.
var kinds = []schema.GroupVersionKind{
	{Version: "v1", Kind: "ServiceAccount"},
	{Version: "v1", Kind: "Secret"},
	{Version: "v1", Kind: "ConfigMap"},
	{Version: "v1", Kind: "PersistentVolumeClaim"},
	{Version: "v1", Kind: "Service"},
	{Version: "v1", Kind: "Endpoints"},
	{Version: "v1", Kind: "Pod"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
	{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"},
	{Group: "batch", Version: "v1", Kind: "CronJob"},
	{Group: "batch", Version: "v1", Kind: "Job"},
}

// world is a namespace, an Applier, and what a caller's caches would show.
type world struct {
	*testing.T
	env     *testenv.Env
	client  client.Client
	applier *apply.Applier
}

func newWorld(t *testing.T, rules ...apply.Rule) *world {
	t.Helper()
	env := server.Env(t)
	c, err := client.New(env.Config, client.Options{})
	require.NoError(t, err)
	w := &world{T: t, env: env, client: c}
	w.restart(rules...)
	return w
}

// restart makes the Applier forget, as a new process would.
func (w *world) restart(rules ...apply.Rule) {
	w.applier = apply.New(w.client, apply.Options{Manager: manager, Legacy: []string{legacy}, Rules: rules})
}

// live reads all objects of the namespace, as informer caches would hold them.
func (w *world) live() []*unstructured.Unstructured {
	w.Helper()
	var live []*unstructured.Unstructured
	strip := apply.Strip(manager, legacy)
	for _, gvk := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk)
		require.NoError(w, w.client.List(w.Context(), list, client.InNamespace(w.env.Namespace)))
		for i := range list.Items {
			obj, err := strip(&list.Items[i])
			require.NoError(w, err)
			live = append(live, obj.(*unstructured.Unstructured))
		}
	}
	return live
}

// apply runs one pass that prunes nothing, and returns what it did and the
// writes it took.
func (w *world) apply(objects ...apply.Object) (apply.ChangeSet, []testenv.Request) {
	w.Helper()
	return w.run(apply.Request{Desired: objects, Live: w.live()})
}

// prune runs one pass that deletes what is no longer desired.
func (w *world) prune(objects ...apply.Object) (apply.ChangeSet, []testenv.Request) {
	w.Helper()
	live := w.live()
	return w.run(apply.Request{
		Desired: objects, Live: live,
		Previous: apply.Managed(live, manager), Labels: map[string]string{"application": "spilo"},
	})
}

func (w *world) run(r apply.Request) (apply.ChangeSet, []testenv.Request) {
	w.Helper()
	w.env.Requests.Reset()
	changes := w.applier.Apply(w.Context(), r)
	return changes, w.env.Requests.Writes()
}

// must is a pass without errors.
func (w *world) must(objects ...apply.Object) (apply.ChangeSet, []testenv.Request) {
	w.Helper()
	changes, writes := w.apply(objects...)
	require.NoError(w, changes.Err())
	return changes, writes
}

// idle is a pass that must not send anything.
func (w *world) idle(objects ...apply.Object) {
	w.Helper()
	changes, writes := w.must(objects...)
	require.Empty(w, writes, "%s", changes)
	for _, c := range changes {
		require.Equal(w, apply.Unchanged, c.Verb, "%s", c)
	}
}

// object parses YAML into a desired object of the namespace. Its id is
// kind/name in lower case.
func (w *world) object(text string) apply.Object {
	w.Helper()
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	require.NoError(w, yaml.Unmarshal([]byte(text), &obj.Object))
	obj.SetNamespace(w.env.Namespace)
	return apply.Object{ID: strings.ToLower(obj.GetKind()) + "/" + obj.GetName(), Unstructured: obj}
}

// get reads an object as it is, with all its managedFields.
func (w *world) get(o apply.Object) *unstructured.Unstructured {
	w.Helper()
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(o.GroupVersionKind())
	require.NoError(w, w.client.Get(w.Context(), client.ObjectKeyFromObject(o.Unstructured), obj))
	return obj
}

// field reads one field of the live object, nil when it has none.
func (w *world) field(o apply.Object, path ...string) any {
	w.Helper()
	v, _, err := unstructured.NestedFieldNoCopy(w.get(o).Object, path...)
	require.NoError(w, err)
	return v
}

// patch changes a live object as somebody else would.
func (w *world) patch(o apply.Object, by, merge string) {
	w.Helper()
	raw, err := yaml.YAMLToJSON([]byte(merge))
	require.NoError(w, err)
	require.NoError(w, w.client.Patch(context.Background(), w.get(o),
		client.RawPatch("application/merge-patch+json", raw), client.FieldOwner(by)))
}

// documents splits the objects of a YAML file.
func documents(t testing.TB, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Split(string(text), "\n---\n")
}

// set returns a copy of an object with one field changed; nil removes it.
func set(o apply.Object, v any, path ...string) apply.Object {
	o.Unstructured = o.DeepCopy()
	if v == nil {
		unstructured.RemoveNestedField(o.Object, path...)
	} else if err := unstructured.SetNestedField(o.Object, v, path...); err != nil {
		panic(err)
	}
	return o
}

// send applies an object past the Applier.
func (w *world) send(o apply.Object) error {
	return w.client.Apply(w.Context(), client.ApplyConfigurationFromUnstructured(o.DeepCopy()),
		client.FieldOwner(manager), client.ForceOwnership)
}
