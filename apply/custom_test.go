package apply_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"postgres-operator/apply"
	"postgres-operator/testenv"
)

// A kind that our schema does not know, with every way of declaring a field.
const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: streams.example.com}
spec:
  group: example.com
  names: {kind: Stream, plural: streams, singular: stream}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, default: 3}
              name: {type: string}
              free: {type: object, additionalProperties: {type: string}}
              one: {type: object, x-kubernetes-map-type: atomic, properties: {a: {type: string}, b: {type: string}}}
              anything: {type: object, x-kubernetes-preserve-unknown-fields: true}
              plain: {type: array, items: {type: object, properties: {name: {type: string}, value: {type: string, default: x}}}}
              keyed:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, value: {type: string}}}
              values: {type: array, x-kubernetes-list-type: set, items: {type: string}}
`

func TestCustomResource(t *testing.T) {
	w := newWorld(t)
	crd := &unstructured.Unstructured{Object: map[string]any{}}
	require.NoError(t, yaml.Unmarshal([]byte(definition), &crd.Object))
	require.NoError(t, w.client.Create(t.Context(), crd))
	t.Cleanup(func() { require.NoError(t, w.client.Delete(context.Background(), crd)) })

	object := w.object(`
apiVersion: example.com/v1
kind: Stream
metadata: {name: a, labels: {application: spilo}, finalizers: [example.com/a]}
spec:
  name: a
  free: {a: b, c: d}
  one: {a: b}
  anything: {deep: {a: [1, {b: c}], d: {}}}
  plain: [{name: a, value: b}, {name: c, value: d}]
  keyed: [{name: a, value: b}, {name: c}]
  values: [a, b]
`)
	list := func() (*unstructured.UnstructuredList, error) {
		live := &unstructured.UnstructuredList{}
		live.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Stream"})
		return live, w.client.List(t.Context(), live, client.InNamespace(w.env.Namespace))
	}
	require.Eventually(t, func() bool { // until the kind is served
		_, err := list()
		return err == nil
	}, time.Minute, 200*time.Millisecond)

	pass := func(o apply.Object) (apply.ChangeSet, []testenv.Request) {
		live, err := list()
		require.NoError(t, err)
		request := apply.Request{Desired: []apply.Object{o}}
		for i := range live.Items {
			request.Live = append(request.Live, &live.Items[i])
		}
		return w.run(request)
	}
	changes, _ := pass(object)
	require.NoError(t, changes.Err())

	idle := func(o apply.Object) {
		t.Helper()
		changes, writes := pass(o)
		require.NoError(t, changes.Err())
		require.Empty(t, writes, "%s", changes)
	}
	idle(object)
	w.restart()
	idle(object)

	changed := set(set(object, nil, "spec", "free", "a"), []any{"b"}, "spec", "values")
	changed = set(changed, []any{map[string]any{"name": "c", "value": "e"}}, "spec", "keyed")
	changed = set(changed, nil, "spec", "anything", "deep", "d")
	changes, _ = pass(changed)
	require.NoError(t, changes.Err())
	require.Equal(t, map[string]any{"c": "d"}, w.field(object, "spec", "free"))
	require.Equal(t, []any{"b"}, w.field(object, "spec", "values"))
	require.Equal(t, []any{map[string]any{"name": "c", "value": "e"}}, w.field(object, "spec", "keyed"))
	require.EqualValues(t, 3, w.field(object, "spec", "size"))
	idle(changed)
	w.patch(changed, "someone", "{metadata: {finalizers: null}, spec: {name: b, size: 4}}")
	changes, _ = pass(changed)
	require.Contains(t, changes.String(), `spec.name: "b" -> "a"`)
	require.EqualValues(t, 4, w.field(object, "spec", "size"))
	w.patch(changed, "someone", "metadata: {finalizers: null}")
}
