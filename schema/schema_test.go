package schema_test

import (
	"maps"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"postgres-operator/schema"
)

const statefulSetYAML = `
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: acid-minimal-cluster
  namespace: default
  labels: {application: spilo, team: acid}
  finalizers: [example.com/a]
spec:
  replicas: 2
  serviceName: acid-minimal-cluster
  selector:
    matchLabels: {application: spilo}
  template:
    metadata:
      labels: {application: spilo}
    spec:
      tolerations:
      - {key: postgres, operator: Exists, effect: NoSchedule}
      containers:
      - name: postgres
        image: spilo:1
        env:
        - {name: SCOPE, value: acid-minimal-cluster}
        - name: POD_NAME
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        ports:
        - {containerPort: 5432}
        - {containerPort: 8008, protocol: TCP}
        resources:
          requests: {cpu: 100m, memory: 1Gi}
      - name: log-shipper
        image: shipper:1
        args: [-a, -b]
  volumeClaimTemplates:
  - metadata: {name: pgdata}
    spec:
      accessModes: [ReadWriteOnce]
      resources: {requests: {storage: 1Gi}}
`

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	require.NoError(t, yaml.Unmarshal([]byte(text), &obj.Object))
	return obj
}

func statefulSet(t testing.TB) *unstructured.Unstructured { return parse(t, statefulSetYAML) }

// overlay parses a patch of the StatefulSet above.
func overlay(t testing.TB, text string) *unstructured.Unstructured {
	obj := statefulSet(t)
	patch := parse(t, text)
	maps.DeleteFunc(obj.Object, func(key string, _ any) bool { return key != "apiVersion" && key != "kind" })
	maps.Copy(obj.Object, patch.Object)
	return obj
}

func TestTypeForKinds(t *testing.T) {
	for gv, kinds := range map[string][]string{
		"v1":                           {"Pod", "Service", "Endpoints", "Secret", "ConfigMap", "ServiceAccount", "PersistentVolumeClaim", "Namespace"},
		"apps/v1":                      {"StatefulSet", "Deployment"},
		"batch/v1":                     {"Job", "CronJob"},
		"policy/v1":                    {"PodDisruptionBudget"},
		"rbac.authorization.k8s.io/v1": {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"},
		"networking.k8s.io/v1":         {"NetworkPolicy", "Ingress"},
		"autoscaling/v2":               {"HorizontalPodAutoscaler"},
		"discovery.k8s.io/v1":          {"EndpointSlice"},
	} {
		for _, kind := range kinds {
			parseable, known := schema.TypeFor(runtimeschema.FromAPIVersionAndKind(gv, kind))
			require.Truef(t, known, "%s %s", gv, kind)
			require.Truef(t, parseable.IsValid(), "%s %s", gv, kind)
		}
	}
}

func TestTypeForCustomResources(t *testing.T) {
	for _, gv := range []string{"zalando.org/v1", "apps.example.com/v1", "apps/v99"} {
		parseable, known := schema.TypeFor(runtimeschema.FromAPIVersionAndKind(gv, "StatefulSet"))
		require.False(t, known, gv)
		require.True(t, parseable.IsValid(), gv)
	}
}

// Every type that another one names must be in the schema.
func TestSchemaIsComplete(t *testing.T) {
	for _, name := range schema.Parser().TypeNames() {
		_, err := schema.Parser().Type(name).FromYAML("null")
		require.NoError(t, err, name)
	}
	text, err := os.ReadFile("kubernetes.yaml")
	require.NoError(t, err)
	for _, match := range regexp.MustCompile(`namedType: (\S+)`).FindAllStringSubmatch(string(text), -1) {
		require.Contains(t, schema.Parser().TypeNames(), match[1])
	}
}

func TestTypeWalk(t *testing.T) {
	root, known := schema.TypeOf(runtimeschema.FromAPIVersionAndKind("apps/v1", "StatefulSet"))
	require.True(t, known)
	walk := func(names ...string) schema.Type {
		at := root
		for _, name := range names {
			if name == "[]" {
				at = at.Item()
				continue
			}
			at, _ = at.Field(name)
		}
		return at
	}
	list, object := []any{}, map[string]any{}
	require.Equal(t, schema.Fields, walk("spec").Shape(object))
	require.Equal(t, schema.Mismatch, walk("spec").Shape(list))
	require.Equal(t, schema.AtomicList, walk("spec", "volumeClaimTemplates").Shape(list))
	require.Equal(t, schema.AtomicMap, walk("spec", "selector").Shape(object))
	require.Equal(t, schema.Set, walk("metadata", "finalizers").Shape(list))
	containers := walk("spec", "template", "spec", "containers")
	require.Equal(t, schema.KeyedList, containers.Shape(list))
	require.Equal(t, []string{"name"}, containers.Keys())
	ports := walk("spec", "template", "spec", "containers", "[]", "ports")
	require.Equal(t, []any{int64(1), "TCP"}, ports.KeyValues(map[string]any{"containerPort": int64(1)}))
	require.True(t, walk("spec", "template", "spec", "containers", "[]", "resources", "limits", "cpu").Quantity())
	_, declared := root.Field("nonsense")
	require.False(t, declared)
}
