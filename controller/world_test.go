package controller

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/testenv"
	"postgres-operator/trial"
)

var resourceOne = resource.MustParse("1Gi")

var server = testenv.Server{CRDs: []string{"../manifests"}}

// asTrial makes this program one in which overlays are tried.
const asTrial = "POSTGRES_OPERATOR_TRIAL_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asTrial) != "" {
		if err := trial.Child(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // they wait most of the time
		panic(err)
	}
	os.Exit(server.Run(m))
}

// patience is how long a test waits for something that takes milliseconds on an idle machine.
const patience = 30 * time.Second

// world is a namespace with an operator's configuration in it. Its own client sees and may do all;
// operators that it starts act as the service account of the shipped manifest.
type world struct {
	*testing.T
	env       *testenv.Env
	namespace string
	client    client.WithWatch
	options   Options
	log       *logBook
}

// newWorld makes a namespace; pairs are options of the operator's configuration beside those that
// every test has: own namespace, quick retries, kinds installed already.
func newWorld(t *testing.T, pairs ...string) *world {
	t.Helper()
	env := server.Env(t)
	scheme, err := newScheme()
	require.NoError(t, err)
	require.NoError(t, rbacv1.AddToScheme(scheme))
	unrecorded := rest.CopyConfig(env.Config)
	unrecorded.WrapTransport = nil
	c, err := client.NewWithWatch(unrecorded, client.Options{Scheme: scheme})
	require.NoError(t, err)
	w := &world{T: t, env: env, namespace: env.Namespace, client: c, log: &logBook{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the operator:\n%s", w.log)
		}
	})
	w.grant()
	w.configure(append([]string{
		"enable_crd_registration", "false", "repair_period", "1s", "workers", "4", "enable_database_access", "false",
		"secret_name_template", "{username}.{cluster}.credentials",
	}, pairs...)...)
	as := rest.CopyConfig(env.Config)
	as.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + w.namespace + ":postgres-operator"}
	w.options = Options{
		REST: as, Source: ConfigSource{OperatorNamespace: w.namespace, ConfigMap: "operator"},
		ProbeAddress: "0", MetricsAddress: "0", Log: w.log.logger(),
		Trials: trial.Runner{Path: os.Args[0], Environ: []string{asTrial + "=1"}},
	}
	return w
}

// grant installs the shipped permissions for the service account in this world's namespace.
func (w *world) grant() {
	w.Helper()
	for _, o := range manifestObjects(w.T, "operator-service-account-rbac.yaml") {
		switch o.GetKind() {
		case "ClusterRole":
			o.SetName(strings.ReplaceAll(o.GetName(), ":", "-"))
		case "ClusterRoleBinding":
			o.SetName(o.GetName() + "-" + w.namespace)
		}
		if o.GetNamespace() != "" {
			o.SetNamespace(w.namespace)
		}
		if subjects, found, _ := unstructured.NestedSlice(o.Object, "subjects"); found {
			subjects[0].(map[string]any)["namespace"] = w.namespace
			require.NoError(w, unstructured.SetNestedSlice(o.Object, subjects, "subjects"))
		}
		if err := w.client.Create(w.Context(), o); !apierrors.IsAlreadyExists(err) {
			require.NoError(w, err)
		}
	}
}

// manifestObjects are the objects in a shipped manifest.
func manifestObjects(t testing.TB, name string) []*unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile("../manifests/" + name)
	require.NoError(t, err)
	var objects []*unstructured.Unstructured
	for _, document := range strings.Split(string(content), "\n---\n") {
		o := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(document), &o.Object))
		objects = append(objects, o)
	}
	return objects
}

// configure creates or changes the operator's ConfigMap; an empty value is a value.
func (w *world) configure(pairs ...string) {
	w.Helper()
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "operator"}}
	err := w.client.Get(w.Context(), client.ObjectKeyFromObject(object), object)
	exists := !apierrors.IsNotFound(err)
	if exists {
		require.NoError(w, err)
	}
	data := map[string]string{}
	maps.Copy(data, object.Data)
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i]] = pairs[i+1]
	}
	object.Data = data
	if exists {
		require.NoError(w, w.client.Update(w.Context(), object))
	} else {
		require.NoError(w, w.client.Create(w.Context(), object))
	}
}

// eventually tries until the condition holds without a failure.
func (w *world) eventually(condition func(c *assert.CollectT), what string, args ...any) {
	w.Helper()
	require.EventuallyWithTf(w, condition, patience, 75*time.Millisecond, what, args...)
}

// stays looks for a while that a condition goes on to hold.
func (w *world) stays(holds func() bool, what string) {
	w.Helper()
	require.Never(w, func() bool { return !holds() }, 1500*time.Millisecond, 50*time.Millisecond, what)
}

// manifest decodes a manifest in YAML; without metadata it gets a name and this namespace.
func (w *world) manifest(text string) *unstructured.Unstructured {
	w.Helper()
	o := newObject(postgresqlKind)
	require.NoError(w, yaml.Unmarshal([]byte(text), &o.Object))
	o.SetGroupVersionKind(postgresqlKind)
	if o.GetNamespace() == "" {
		o.SetNamespace(w.namespace)
	}
	return o
}

const clusterName = "acid-test"

// minimal is a manifest with what is required and nothing else.
func (w *world) minimal(name string) *unstructured.Unstructured {
	w.Helper()
	return w.manifest(fmt.Sprintf(`
metadata: {name: %s}
spec:
  teamId: acid
  numberOfInstances: 2
  volume: {size: 1Gi}
  postgresql: {version: "18"}
  users: {zalando: [superuser, createdb], foo_user: []}
  databases: {foo: zalando}
`, name))
}

func (w *world) create(o client.Object) {
	w.Helper()
	require.NoError(w, w.client.Create(w.Context(), o))
}

// createdCluster creates a minimal manifest and waits until its StatefulSet exists.
func (w *world) createdCluster(name string) {
	w.Helper()
	w.create(w.minimal(name))
	w.appears(statefulSetKind, name)
}

// runningCluster is a minimal cluster all of whose pods run.
func (w *world) runningCluster(name string) {
	w.Helper()
	w.create(w.minimal(name))
	w.reaches(name, apiv1.ClusterStatusRunning)
}

// change edits a manifest.
func (w *world) change(name string, edit func(o *unstructured.Unstructured)) {
	w.Helper()
	w.edit(postgresqlKind, name, edit)
}

// edit changes an object, as a user would with kubectl edit.
func (w *world) edit(gvk schema.GroupVersionKind, name string, edit func(o *unstructured.Unstructured)) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) {
		o := w.get(gvk, name)
		if !assert.NotNil(c, o) {
			return
		}
		edit(o)
		assert.NoError(c, w.client.Update(w.Context(), o))
	}, "edit %s %s", gvk.Kind, name)
}

func setField(o *unstructured.Unstructured, value any, path ...string) {
	if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
		panic(err)
	}
}

func setAnnotation(o client.Object, key, value string) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	o.SetAnnotations(annotations)
}

// get reads an object of this namespace from the API server; nil if there is none.
func (w *world) get(gvk schema.GroupVersionKind, name string) *unstructured.Unstructured {
	w.Helper()
	o := newObject(gvk)
	err := w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, o)
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(w, err)
	return o
}

func (w *world) cluster(name string) *apiv1.Postgresql {
	w.Helper()
	pg, err := readManifest(w.Context(), w.client, client.ObjectKey{Namespace: w.namespace, Name: name})
	require.NoError(w, err)
	require.NotNil(w, pg, "manifest %s", name)
	return pg
}

func (w *world) delete(gvk schema.GroupVersionKind, name string) {
	w.Helper()
	o := newObject(gvk)
	o.SetNamespace(w.namespace)
	o.SetName(name)
	require.NoError(w, w.client.Delete(w.Context(), o, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

func (w *world) appears(gvk schema.GroupVersionKind, name string) *unstructured.Unstructured {
	w.Helper()
	var found *unstructured.Unstructured
	w.eventually(func(c *assert.CollectT) {
		found = w.get(gvk, name)
		assert.NotNil(c, found)
	}, "%s %s appears", gvk.Kind, name)
	return found
}

func (w *world) disappears(gvk schema.GroupVersionKind, name string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) { assert.Nil(c, w.get(gvk, name)) }, "%s %s disappears", gvk.Kind, name)
}

// reaches waits for a summary word that speaks of the present generation.
func (w *world) reaches(name, word string) *apiv1.Postgresql {
	w.Helper()
	var pg *apiv1.Postgresql
	w.eventually(func(c *assert.CollectT) {
		pg = w.cluster(name)
		assert.Equal(c, word, pg.Status.PostgresClusterStatus)
		assert.Equal(c, pg.Generation, pg.Status.ObservedGeneration)
	}, "cluster %s becomes %s", name, word)
	return pg
}

// objects are the objects of a cluster in this namespace, as "Kind name", sorted by kind table.
func (w *world) objects(cluster string) []string {
	w.Helper()
	c := config.Default()
	found, err := observeObjects(w.Context(), w.client, c, client.ObjectKey{Namespace: w.namespace, Name: cluster})
	require.NoError(w, err)
	var list []string
	for _, o := range found {
		list = append(list, o.GetKind()+" "+o.GetName())
	}
	return list
}

// notes are the events about an object, as "Type Reason: note", with how often if more than once.
func (w *world) notes(kind, name string) []string {
	w.Helper()
	var list eventsv1.EventList
	require.NoError(w, w.client.List(w.Context(), &list, client.InNamespace(w.namespace)))
	var texts []string
	for _, e := range list.Items {
		if e.Regarding.Kind == kind && e.Regarding.Name == name {
			text := fmt.Sprintf("%s %s: %s", e.Type, e.Reason, e.Note)
			if e.Series != nil {
				text += fmt.Sprintf(" (%d times)", e.Series.Count)
			}
			texts = append(texts, text)
		}
	}
	return texts
}

// words records the summary words that a cluster has from now on, each once in a row.
func (w *world) words(name string) (seen func() []string) {
	w.Helper()
	list := newList(postgresqlKind)
	watch, err := w.client.Watch(w.Context(), list, client.InNamespace(w.namespace), client.MatchingFields{"metadata.name": name})
	require.NoError(w, err)
	w.Cleanup(watch.Stop)
	var mu sync.Mutex
	var words []string
	go func() {
		for event := range watch.ResultChan() {
			o, ok := event.Object.(*unstructured.Unstructured)
			if !ok {
				continue
			}
			word, _, _ := unstructured.NestedString(o.Object, "status", "PostgresClusterStatus")
			mu.Lock()
			if word != "" && (len(words) == 0 || words[len(words)-1] != word) {
				words = append(words, word)
			}
			mu.Unlock()
		}
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(words)
	}
}

// condition is a condition of a cluster as "Status Reason: message", empty if it has none.
func condition(pg *apiv1.Postgresql, name string) string {
	for _, c := range pg.Status.Conditions {
		if c.Type == name {
			return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
		}
	}
	return ""
}

var lifecycleOfManager = regexp.MustCompile(`"msg"="(Start|Stopping|Shutdown|All workers|Wait completed)`)
