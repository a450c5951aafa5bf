package apply_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const oneOf = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a}
spec:
  replicas: 1
  serviceName: a
  selector: {matchLabels: {app: a}}
  updateStrategy: {type: RollingUpdate}
  template:
    metadata: {labels: {app: a}}
    spec:
      containers:
      - name: first
        image: a
      - name: postgres
        image: spilo:1
        env: [{name: A, value: a}]
        readinessProbe: {httpGet: {path: /, port: 8008}, initialDelaySeconds: 6}
        lifecycle: {preStop: {exec: {command: [a]}}}
      volumes:
      - {name: other, emptyDir: {}}
      - {name: vol, secret: {secretName: a}}
`

// Of such fields one excludes the other, and the API server keeps its defaults
// below the old one.
func TestOneFieldInPlaceOfAnother(t *testing.T) {
	for name, change := range map[string][2]string{
		"secret to config map":    {"secret: {secretName: a}", "configMap: {name: a}"},
		"secret to empty dir":     {"secret: {secretName: a}", "emptyDir: {}"},
		"secret to projected":     {"secret: {secretName: a}", "projected: {sources: [{secret: {name: a}}]}"},
		"empty dir to secret":     {"name: other, emptyDir: {}", "name: other, secret: {secretName: a}"},
		"http probe to exec":      {"httpGet: {path: /, port: 8008}", "exec: {command: [a]}"},
		"http probe to tcp":       {"httpGet: {path: /, port: 8008}", "tcpSocket: {port: 5432}"},
		"lifecycle exec to sleep": {"exec: {command: [a]}", "sleep: {seconds: 5}"},
		"value to reference":      {"value: a", "valueFrom: {fieldRef: {fieldPath: metadata.name}}"},
		"rolling to on delete":    {"type: RollingUpdate", "type: OnDelete"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			require.Contains(t, oneOf, change[0])
			before, after := w.object(oneOf), w.object(strings.Replace(oneOf, change[0], change[1], 1))
			w.must(before)
			for range 2 { // There and back, twice.
				_, writes := w.must(after)
				require.LessOrEqual(t, len(writes), 3)
				w.idle(after)
				w.must(before)
				w.restart()
				w.idle(before)
			}
		})
	}
}

func TestDeploymentStrategyChanges(t *testing.T) {
	w := newWorld(t)
	object := w.object(deployment)
	w.must(object)
	recreate := set(object, "Recreate", "spec", "strategy", "type")
	_, writes := w.must(recreate)
	require.Len(t, writes, 2)
	require.Nil(t, w.field(object, "spec", "strategy", "rollingUpdate"))
	w.idle(recreate)
}

// Somebody gives a volume another source, which is theirs and not ours to drop
// by applying.
func TestSourceOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	object := w.object(oneOf)
	w.must(object)
	live := w.get(object)
	volumes, _, err := unstructured.NestedSlice(live.Object, "spec", "template", "spec", "volumes")
	require.NoError(t, err)
	volumes[1] = map[string]any{"name": "vol", "configMap": map[string]any{"name": "theirs"}}
	require.NoError(t, unstructured.SetNestedSlice(live.Object, volumes, "spec", "template", "spec", "volumes"))
	require.NoError(t, w.client.Update(t.Context(), live, client.FieldOwner("someone")))

	_, writes := w.must(object)
	require.LessOrEqual(t, len(writes), 3)
	require.NotContains(t, w.field(object, "spec", "template", "spec", "volumes").([]any)[1], "configMap")
	w.idle(object)
	w.restart()
	w.idle(object)
}
