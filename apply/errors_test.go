package apply_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/apply"
)

func TestErrorsSayWhatWasDone(t *testing.T) {
	w := newWorld(t)
	ns := w.env.Namespace
	elsewhere := w.configMap("a", "spilo")
	elsewhere.SetNamespace("nowhere")
	unknown := w.object("{apiVersion: example.com/v1, kind: Mystery, metadata: {name: a}}")
	for name, test := range map[string]struct {
		object apply.Object
		reason apply.Reason
		text   string
	}{
		"unknown field": {w.object("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {prots: []}}"), apply.Invalid,
			"apply service " + ns + "/a: spec.prots: unknown field, did you mean ports?"},
		"refused by the server": {w.object("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 99999}]}}"), apply.Invalid,
			"apply service " + ns + `/a: Service "a" is invalid: `},
		"no such namespace": {elsewhere, apply.NamespaceMissing, `apply configmap nowhere/a: namespaces "nowhere" not found`},
		"no such kind":      {unknown, apply.KindMissing, "apply mystery " + ns + "/a: "},
		"no name":           {w.object("{apiVersion: v1, kind: Service}"), apply.Invalid, "apply service " + ns + "/: lacks apiVersion, kind or name"},
	} {
		t.Run(name, func(t *testing.T) {
			good := w.configMap("good-"+string(test.object.GetKind()[0]|0x20), "spilo")
			changes, _ := w.apply(test.object, good)
			require.ErrorContains(t, changes.Err(), test.text)
			require.Equal(t, test.reason, apply.ReasonOf(changes.Err()))
			failures := changes.Errors()
			require.Len(t, failures, 1)
			require.Equal(t, test.object.GetKind(), failures[0].Ref.Kind)
			require.True(t, w.exists(good), "one failing object stops no other")

			again, _ := w.apply(test.object, good)
			require.Equal(t, changes.Err().Error(), again.Err().Error(), "the text is stable")
		})
	}
}

func TestErrorsKeepTheServersAnswer(t *testing.T) {
	w := newWorld(t)
	changes, _ := w.apply(w.object("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 99999}]}}"),
		w.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: UPPER}}"))
	require.True(t, apierrors.IsInvalid(changes.Err()))
	require.Len(t, changes.Errors(), 2)
}

// What the server answers on a Secret may repeat it.
func TestErrorsHideSecrets(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{
		"{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {'key/': hunter2}}",
		"{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: 'hunter2!'}}",
		"{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: [hunter2]}}",
		"{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {a: {hunter: hunter2}}}",
	} {
		changes, _ := w.apply(w.object(text))
		require.Error(t, changes.Err(), text)
		require.NotContains(t, changes.String(), "hunter2", text)
		require.Contains(t, changes.Err().Error(), "apply secret "+w.env.Namespace+"/a: ")
	}
}

func TestForbidden(t *testing.T) {
	w := newWorld(t)
	config := rest.CopyConfig(w.env.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "nobody"}
	c, err := client.New(config, client.Options{})
	require.NoError(t, err)
	changes := apply.New(c, apply.Options{Manager: manager}).Apply(t.Context(), apply.Request{Desired: []apply.Object{w.configMap("a", "spilo")}})
	require.Equal(t, apply.Forbidden, apply.ReasonOf(changes.Err()))
}

func TestUnavailable(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	changes := w.applier.Apply(ctx, apply.Request{Desired: []apply.Object{w.configMap("a", "spilo"), w.configMap("b", "spilo")}})
	require.Equal(t, apply.Unavailable, apply.ReasonOf(changes.Err()))
	require.Empty(t, apply.ReasonOf(nil))
}

// A namespace on its way out refuses whatever is new.
func TestTerminatingNamespace(t *testing.T) {
	w := newWorld(t)
	namespace := w.object("{apiVersion: v1, kind: Namespace, metadata: {name: " + w.env.Namespace + "}}")
	namespace.SetNamespace("")
	require.NoError(t, w.client.Delete(t.Context(), namespace.DeepCopy()))
	changes, _ := w.apply(w.configMap("a", "spilo"))
	require.Equal(t, apply.NamespaceMissing, apply.ReasonOf(changes.Err()))
}

func TestCreateOnly(t *testing.T) {
	rule := apply.Rule{Kind: "ServiceAccount", Policy: apply.Policy{CreateOnly: true, Keep: true}}
	w := newWorld(t, rule)
	account := w.object("{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, labels: {application: spilo}}}")
	changes, writes := w.must(account)
	require.Len(t, writes, 1)
	require.Equal(t, "POST", writes[0].Method)
	require.NotNil(t, changes[0].Live)

	other := set(account, "b", "metadata", "annotations", "a")
	w.idle(other)
	w.patch(account, "someone", "metadata: {labels: null}")
	w.idle(account)

	// The cache does not show it yet.
	changes, _ = w.run(apply.Request{Desired: []apply.Object{other}})
	require.NoError(t, changes.Err())
	require.Equal(t, apply.Unchanged, changes[0].Verb)
	require.Empty(t, w.get(account).GetAnnotations())

	changes, writes = w.prune()
	require.NoError(t, changes.Err())
	require.Empty(t, writes)

	// Without the policy the object is taken over, although a plain request made it.
	w.restart()
	w.must(other)
	require.Equal(t, []string{manager + "/Apply"}, w.managers(account)[:1])
	w.idle(other)
}

// An object that exists but that the cache does not show: applied all the same.
func TestCacheMayLag(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	uid := w.get(object).GetUID()
	changes, _ := w.run(apply.Request{Desired: []apply.Object{set(object, int64(4), "spec", "replicas")}})
	require.NoError(t, changes.Err())
	require.Equal(t, apply.Create, changes[0].Verb)
	require.Equal(t, uid, w.get(object).GetUID())
	require.EqualValues(t, 4, w.field(object, "spec", "replicas"))
}

// A pass that comes before the informer's event of our own write.
func TestOwnWritesAreNotRepeated(t *testing.T) {
	w := newWorld(t)
	for name, before := range map[string]func(apply.Object){
		"an update":  func(o apply.Object) { w.must(o) },
		"a takeover": func(o apply.Object) { w.create(legacy, set(o, "old", "metadata", "annotations", "old")) },
	} {
		t.Run(name, func(t *testing.T) {
			object := set(w.object(deployment), strings.ReplaceAll(name, " ", "-"), "metadata", "name")
			before(object)
			stale := w.live()
			changed := apply.Request{Desired: []apply.Object{set(object, int64(7), "spec", "replicas")}, Live: stale}
			changes, _ := w.run(changed)
			require.NoError(t, changes.Err())
			require.Equal(t, apply.Update, changes[0].Verb)

			changes, writes := w.run(changed)
			require.Empty(t, writes)
			require.Equal(t, apply.Skip, changes[0].Verb)
			w.idle(changed.Desired...)
			w.must(object) // Another wish is not held back by it.
			require.EqualValues(t, 2, w.field(object, "spec", "replicas"))
		})
	}
}

func TestPlanIsPure(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	w.patch(object, legacy, "spec: {replicas: 4}")
	live := w.live()
	desired := apply.Request{Desired: []apply.Object{set(object, int64(3), "spec", "replicas"), w.configMap("new", "spilo")}, Live: live}
	before, beforeLive := desired.Desired[0].DeepCopy(), live[len(live)-1].DeepCopy()

	planner := apply.New(nil, apply.Options{Manager: manager, Legacy: []string{legacy}})
	w.env.Requests.Reset()
	changes := planner.Plan(desired)
	require.Equal(t, "create configmap "+w.env.Namespace+"/new\n"+
		"update deployment "+w.env.Namespace+"/pooler (takes over the fields of "+legacy+")\n  spec.replicas: 4 -> 3", changes.String())
	require.Empty(t, w.env.Requests.All())
	require.Equal(t, before, desired.Desired[0].Unstructured)
	require.Equal(t, beforeLive, live[len(live)-1])
	require.Equal(t, changes.String(), planner.Plan(desired).String())
	require.Len(t, changes.Changed(), 2)
	found, ok := changes.Find("deployment/pooler")
	require.True(t, ok)
	require.Equal(t, apply.Update, found.Verb)
}

// Many clusters, one Applier.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t)
	live := w.live()
	errs := make(chan error)
	for i := range 8 {
		object := set(w.object(deployment), string(rune('a'+i)), "metadata", "name")
		go func() {
			errs <- w.applier.Apply(t.Context(), apply.Request{Desired: []apply.Object{object}, Live: live}).Err()
		}()
	}
	for range 8 {
		require.NoError(t, <-errs)
	}
}
