package apply

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestOwnedIsWhatWasApplied(t *testing.T) {
	desired, live := recordedPair(t)
	a := New(nil, Options{Manager: recordedManager, Legacy: []string{"legacy-operator"}})
	again := desired.DeepCopy()
	asMap(again.Object["spec"])["template"] = asMap(a.Owned(live)["spec"])["template"]
	for _, d := range compare(normal(again), live, recordedManager) { // what was sent empty is not stored
		require.Equal(t, left, d.kind, "%s", d.path)
		require.Nil(t, d.old, "%s", d.path)
	}
}

// Of an object that is still to be taken over, what its former writer has written becomes ours.
func TestOwnedOfAnObjectToTakeOver(t *testing.T) {
	live := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal([]byte(`{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": {"name": "p", "managedFields": [
			{"manager": "legacy-operator", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:metadata": {"f:finalizers": {".": {}, "v:\"a\"": {}}},
				"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:args": {}, "f:ports": {"k:{\"containerPort\":1,\"protocol\":\"TCP\"}": {".": {}}}}}, "f:volumes": {".": {}}}}},
			{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:spec": {"f:nodeName": {}}}},
			{"manager": "legacy-operator", "operation": "Update", "subresource": "status", "apiVersion": "v1", "fieldsV1": {"f:status": {}}}]},
		"spec": {"nodeName": "n", "volumes": [], "containers": [
			{"name": "c", "image": "i", "args": ["x"], "imagePullPolicy": "Always", "ports": [{"containerPort": 1, "protocol": "TCP", "name": "n"}]},
			{"name": "theirs", "image": "j"}]},
		"status": {"phase": "Running"}}`), &live.Object))
	live.SetFinalizers([]string{"a", "b"})
	a := New(nil, Options{Manager: recordedManager, Legacy: []string{"legacy-operator"}})
	require.JSONEq(t, `{"metadata": {"finalizers": ["a"]}, "spec": {"volumes": [], "containers": [
		{"name": "c", "image": "i", "args": ["x"], "ports": [{"containerPort": 1}]}]}}`, asJSON(t, a.Owned(live)))
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
