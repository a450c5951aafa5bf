package apply

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestNormal(t *testing.T) {
	for name, test := range map[string][2]string{
		"nulls and empty values": {
			`{metadata: {labels: {}, annotations: null, name: a}, spec: {template: {spec: {tolerations: [], nodeSelector: {}, securityContext: {}, volumes: [{name: a, emptyDir: {}}]}}}}`,
			`{metadata: {name: a}, spec: {template: {spec: {securityContext: {}, volumes: [{name: a, emptyDir: {}}]}}}}`},
		"what only the server writes": {
			`{metadata: {name: a, uid: b, resourceVersion: c, creationTimestamp: null, managedFields: []}, status: {phase: a}}`,
			`{metadata: {name: a}}`},
		"what is unknown stays, to be refused": {
			`{metadata: {name: a}, spec: {tolerations: [], unknown: {}}}`,
			`{metadata: {name: a}, spec: {tolerations: [], unknown: {}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, parse(t, "StatefulSet", "apps/v1", test[1]).Object, normal(parse(t, "StatefulSet", "apps/v1", test[0])).Object)
		})
	}
}

func TestNormalNumbers(t *testing.T) {
	spec := map[string]any{"replicas": float64(2), "minReadySeconds": 3, "revisionHistoryLimit": int32(4)}
	obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": spec}}
	require.Equal(t, map[string]any{"replicas": int64(2), "minReadySeconds": int64(3), "revisionHistoryLimit": int64(4)}, normal(obj).Object["spec"])
	require.Equal(t, map[string]any{"replicas": float64(2), "minReadySeconds": 3, "revisionHistoryLimit": int32(4)}, spec, "the argument was changed")
}

func TestNormalSecret(t *testing.T) {
	secret := parse(t, "Secret", "v1", `{data: {a: "b25l\n", b: bad!}, stringData: {a: two, c: ""}}`)
	require.Equal(t, map[string]any{"a": "dHdv", "b": "bad!", "c": ""}, normal(secret).Object["data"])
	require.NotContains(t, normal(secret).Object, "stringData")
	require.Equal(t, map[string]any{"a": "two", "c": ""}, secret.Object["stringData"], "the argument was changed")
}

func parse(t testing.TB, kind, version, text string) *unstructured.Unstructured {
	t.Helper()
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	require.NoError(t, yaml.Unmarshal([]byte(text), &obj.Object))
	obj.SetKind(kind)
	obj.SetAPIVersion(version)
	return obj
}
