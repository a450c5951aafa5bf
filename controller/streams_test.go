package controller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// installStreams installs the kind of event streams, as their operator would. All tests share the
// server, so one test alone does.
func (w *world) installStreams() {
	w.Helper()
	preserve := true
	w.create(&apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: names.StreamDefinition},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: streamKind.Group,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "fabriceventstreams", Singular: "fabriceventstream", Kind: streamKind.Kind},
			Scope: apiextensionsv1.NamespaceScoped,
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: streamKind.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: &preserve,
				}},
			}},
		},
	})
}

func setStreams(applications ...string) func(*unstructured.Unstructured) {
	streams := []any{}
	for _, id := range applications {
		streams = append(streams, map[string]any{
			"applicationId": id, "database": "foo", "tables": map[string]any{"orders": map[string]any{"eventType": "order"}},
		})
	}
	return func(o *unstructured.Unstructured) { setField(o, streams, "spec", "streams") }
}

// streamsAre waits until the streams of a cluster have these application ids.
func (w *world) streamsAre(applications ...string) map[string]*unstructured.Unstructured {
	w.Helper()
	found := map[string]*unstructured.Unstructured{}
	w.eventually(func(c *assert.CollectT) {
		clear(found)
		list := newList(streamKind)
		assert.NoError(c, w.client.List(w.Context(), list, client.InNamespace(w.namespace)))
		for i := range list.Items {
			id, _, _ := unstructured.NestedString(list.Items[i].Object, "spec", "applicationId")
			found[id] = &list.Items[i]
		}
		assert.Len(c, list.Items, len(applications))
		for _, id := range applications {
			assert.Contains(c, found, id)
		}
	}, "the streams are of %v", applications)
	return found
}

func TestStreamsWaitForTheirKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	op := w.start()
	w.create(w.minimal(clusterName))
	w.change(clusterName, setStreams("app-1"))
	const waits = "spec.streams waits: the kind fabriceventstreams.zalando.org is not installed"
	w.eventually(func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		assert.Equal(c, "True RenderedWithWarnings: "+waits, condition(pg, apiv1.ConditionRendered))
		assert.Equal(c, apiv1.ClusterStatusRunning, pg.Status.PostgresClusterStatus)
		assert.Contains(c, w.notes("postgresql", clusterName), "Warning Streams: "+waits)
	}, "the cluster runs, and says what waits")

	w.installStreams()
	stream := w.streamsAre("app-1")["app-1"]
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, "True Rendered: the manifest became objects", condition(w.cluster(clusterName), apiv1.ConditionRendered))
	}, "nothing waits any more")
	require.Regexp(t, "^acid-test-[a-z0-9]{5}$", stream.GetName())
	require.NotNil(t, w.get(secretKind, "fes-user.acid-test.credentials"))

	w.edit(streamKind, stream.GetName(), func(o *unstructured.Unstructured) { setField(o, "other", "spec", "applicationId") })
	require.Equal(t, stream.GetName(), w.streamsAre("app-1")["app-1"].GetName(), "what somebody changes is put right")
	w.delete(streamKind, stream.GetName())
	w.streamsAre("app-1")
	w.change(clusterName, setStreams("app-1", "app-2"))
	w.streamsAre("app-1", "app-2")

	op.stop()
	w.change(clusterName, setStreams("app-2"))
	w.start()
	w.streamsAre("app-2")
	w.delete(postgresqlKind, clusterName)
	w.streamsAre()
	w.disappears(serviceKind, clusterName)
}
