package schema_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"postgres-operator/schema"
)

// differences renders a Diff for comparison.
func differences(t *testing.T, before, after *unstructured.Unstructured) string {
	t.Helper()
	lines := map[string]any{}
	for _, d := range schema.Diff(before, after) {
		lines[d.Path] = []any{d.Old, d.New}
	}
	text, err := yaml.Marshal(lines)
	require.NoError(t, err)
	return string(text)
}

func TestMerge(t *testing.T) {
	for _, test := range []struct{ name, patch, want string }{
		{"nothing", "{}", "{}"},
		{"scalar", "spec: {replicas: 3}", "spec.replicas: [2, 3]"},
		{"null removes", "spec: {replicas: null}", "spec.replicas: [2, null]"},
		{"null removes a map", "metadata: {labels: null}", "metadata.labels: [{application: spilo, team: acid}, null]"},
		{"null removes a label", "metadata: {labels: {team: null, a/b: c}}",
			`{'metadata.labels["a/b"]': [null, c], metadata.labels.team: [acid, null]}`},
		{"null of what is not there", "spec: {minReadySeconds: null}", "{}"},
		{"null below what is not there", "spec: {template: {spec: {securityContext: {seLinuxOptions: {level: null}}}}}", "{}"},
		{"an empty map", "spec: {template: {spec: {securityContext: {}}}}", "{spec.template.spec.securityContext: [null, {}]}"},
		{"container by name", "spec: {template: {spec: {containers: [{name: postgres, image: spilo:2}]}}}",
			`{'spec.template.spec.containers[postgres].image': [spilo:1, spilo:2]}`},
		{"env appended", "spec: {template: {spec: {containers: [{name: postgres, env: [{name: A, value: b}]}]}}}",
			`{'spec.template.spec.containers[postgres].env[A]': [null, {name: A, value: b}]}`},
		{"container removed", "spec: {template: {spec: {containers: [{name: log-shipper, $patch: delete}]}}}",
			`{'spec.template.spec.containers[log-shipper]': [{name: log-shipper, image: shipper:1, args: [-a, -b]}, null]}`},
		{"removal of an absent item", "spec: {template: {spec: {containers: [{name: x, $patch: delete}]}}}", "{}"},
		{"new item with nulls", "spec: {template: {spec: {containers: [{name: x, image: null}]}}}",
			`{'spec.template.spec.containers[x]': [null, {name: x}]}`},
		{"port by default key", "spec: {template: {spec: {containers: [{name: postgres, ports: [{containerPort: 8008, name: api}]}]}}}",
			`{'spec.template.spec.containers[postgres].ports[8008,TCP].name': [null, api]}`},
		{"atomic list replaced", "spec: {template: {spec: {tolerations: [{key: a}]}}}",
			`{'spec.template.spec.tolerations[0].key': [postgres, a],
			  'spec.template.spec.tolerations[0].operator': [Exists, null],
			  'spec.template.spec.tolerations[0].effect': [NoSchedule, null]}`},
		{"atomic map replaced, its nulls dropped", "spec: {selector: {matchLabels: {a: b, c: null}}}",
			"{spec.selector.matchLabels.a: [null, b], spec.selector.matchLabels.application: [spilo, null]}"},
		{"set grows", "metadata: {finalizers: [example.com/b, example.com/a]}",
			"metadata.finalizers: [[example.com/a], [example.com/a, example.com/b]]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := statefulSet(t)
			merged, err := schema.Merge(base, overlay(t, test.patch))
			require.NoError(t, err)
			require.YAMLEq(t, test.want, differences(t, base, merged))
			require.Equal(t, statefulSet(t), base, "the base was changed")
			require.NoError(t, schema.Check(merged))
		})
	}
}

func TestMergeKeepsOrder(t *testing.T) {
	merged, err := schema.Merge(statefulSet(t), overlay(t, `
spec: {template: {spec: {containers: [{name: z, image: z}, {name: log-shipper, image: y}]}}}`))
	require.NoError(t, err)
	containers, _, err := unstructured.NestedSlice(merged.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	var names []any
	for _, c := range containers {
		names = append(names, c.(map[string]any)["name"])
	}
	require.Equal(t, []any{"postgres", "log-shipper", "z"}, names)
}

func TestMergeErrors(t *testing.T) {
	for patch, want := range map[string]string{
		"spec: [a]":    "spec: expected a map, got a list",
		"nonsense: {}": "nonsense: unknown field",
		"spec: {template: {spec: {containers: [{image: a}]}}}":                    "spec.template.spec.containers[0]: lacks name, the key of this list",
		"spec: {template: {spec: {containers: [a]}}}":                             "spec.template.spec.containers[0]: expected a map, got a string",
		"spec: {template: {spec: {containers: [{name: a, $patch: replace}]}}}":    "spec.template.spec.containers[a]: $patch can only be delete",
		"spec: {template: {spec: {containers: [{name: postgres, env: {A: b}}]}}}": "spec.template.spec.containers[postgres].env: expected a list, got a map",
	} {
		_, err := schema.Merge(statefulSet(t), overlay(t, patch))
		require.EqualError(t, err, want, patch)
	}
	_, err := schema.Merge(statefulSet(t), parse(t, "apiVersion: v1\nkind: Service"))
	require.ErrorContains(t, err, "kinds differ")
}

// For patches without removals the result is that of structured-merge-diff.
func TestMergeAgreesWithLibrary(t *testing.T) {
	base := statefulSet(t)
	patch := overlay(t, `
metadata: {labels: {team: b, new: label}}
spec:
  replicas: 5
  selector: {matchLabels: {a: b}}
  template:
    spec:
      tolerations: []
      containers:
      - {name: postgres, ports: [{containerPort: 5432, name: pg}, {containerPort: 1, protocol: UDP}]}
      - {name: z, image: z}
`)
	parseable, _ := schema.TypeFor(base.GroupVersionKind())
	lhs, err := parseable.FromUnstructured(base.Object)
	require.NoError(t, err)
	rhs, err := parseable.FromUnstructured(patch.Object)
	require.NoError(t, err)
	want, err := lhs.Merge(rhs)
	require.NoError(t, err)

	merged, err := schema.Merge(base, patch)
	require.NoError(t, err)
	require.Equal(t, want.AsValue().Unstructured(), any(merged.Object))
}
