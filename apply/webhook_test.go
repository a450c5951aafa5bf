package apply_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"postgres-operator/apply"
)

// The API server's own mutating admission: as a webhook does, it changes every
// Deployment of a namespace that passes, and adds an annotation.
const admission = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NAMESPACE}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: >-
        [JSONPatch{op: "add", path: "/metadata/annotations/mutated", value: "yes"}, EXPRESSION]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NAMESPACE}
spec: {policyName: NAMESPACE}
`

// mutate installs a mutation and waits until it acts.
func (w *world) mutate(expression string) {
	w.Helper()
	text := strings.NewReplacer("NAMESPACE", w.env.Namespace, "EXPRESSION", expression).Replace(admission)
	for _, doc := range strings.Split(text, "\n---\n") {
		obj := &unstructured.Unstructured{Object: map[string]any{}}
		require.NoError(w, yaml.Unmarshal([]byte(doc), &obj.Object))
		require.NoError(w, w.client.Create(w.Context(), obj))
		w.Cleanup(func() { require.NoError(w, w.client.Delete(context.Background(), obj)) })
	}
	require.Eventually(w, func() bool {
		probe := set(w.object(deployment), "probe", "metadata", "name")
		require.NoError(w, w.client.Create(w.Context(), probe.Unstructured, client.DryRunAll))
		return probe.GetAnnotations()["mutated"] == "yes"
	}, time.Minute, 200*time.Millisecond)
}

const (
	image  = "/spec/template/spec/containers/0/image"
	mirror = `JSONPatch{op: "replace", path: "` + image + `", value: "mirror/" + object.spec.template.spec.containers[0].image.replace("mirror/", "")}`
)

func (w *world) image(o apply.Object) any {
	return w.field(o, "spec", "template", "spec", "containers").([]any)[0].(map[string]any)["image"]
}

// A registry mirror is written into our image. Sending ours again would not
// help, and is not done: not in the next pass, and after a restart one dry run
// tells.
func TestWebhookThatChangesWhatWeSend(t *testing.T) {
	w := newWorld(t)
	w.mutate(mirror)
	object := w.object(deployment)
	_, writes := w.must(object)
	require.Len(t, writes, 1)
	require.Equal(t, "mirror/pgbouncer:1", w.image(object))
	version := w.get(object).GetResourceVersion()
	w.idle(object)

	w.restart()
	changes, writes := w.must(object)
	require.Len(t, writes, 1)
	require.Contains(t, writes[0].Query, "dryRun=All")
	require.Equal(t, apply.Unchanged, changes[0].Verb)
	w.idle(object)
	require.Equal(t, version, w.get(object).GetResourceVersion())

	// What we want changed is changed.
	changed := w.object(strings.Replace(deployment, "pgbouncer:1", "pgbouncer:2", 1))
	w.must(changed)
	require.Equal(t, "mirror/pgbouncer:2", w.image(changed))
	w.idle(changed)

	// And what others change is undone.
	w.patch(changed, "someone", "spec: {replicas: 5}")
	w.must(changed)
	require.EqualValues(t, 2, w.field(changed, "spec", "replicas"))
	w.idle(changed)
}

// The mutation came after our object, and goes again.
func TestWebhookThatComesAndGoes(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	t.Run("while it is there", func(t *testing.T) {
		w := *w
		w.T = t
		w.mutate(mirror)
		w.idle(object)
		w.must(set(object, int64(3), "spec", "replicas"))
		require.Equal(t, "mirror/pgbouncer:1", w.image(object))
		w.idle(set(object, int64(3), "spec", "replicas"))
	})
	require.Eventually(t, func() bool {
		probe := set(w.object(deployment), "probe", "metadata", "name")
		require.NoError(t, w.client.Create(t.Context(), probe.Unstructured, client.DryRunAll))
		return probe.GetAnnotations()["mutated"] == ""
	}, time.Minute, 200*time.Millisecond)
	w.idle(set(object, int64(3), "spec", "replicas")) // Nothing has happened that we could notice.
	w.restart()
	w.must(set(object, int64(3), "spec", "replicas"))
	require.Equal(t, "pgbouncer:1", w.image(object))
	w.idle(set(object, int64(3), "spec", "replicas"))
}

// A mutation that gives another value each time: met once per process.
func TestWebhookThatNeverSettles(t *testing.T) {
	w := newWorld(t)
	w.mutate(`JSONPatch{op: "replace", path: "/spec/replicas", value: oldObject == null ? 10 : oldObject.spec.replicas + 1}`)
	object := w.object(deployment)
	w.must(object)
	w.idle(object)
	w.restart()
	_, writes := w.must(object)
	require.LessOrEqual(t, len(writes), 2)
	w.idle(object)
	w.idle(object)
}
