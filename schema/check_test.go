package schema_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/schema"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name, from, to string
		want           []string
	}{
		{"right", "replicas: 2", "replicas: 2", nil},
		{"null", "replicas: 2", "replicas: null", nil},
		{"unknown field", "replicas: 2", "replicsa: 2",
			[]string{"spec.replicsa: unknown field, did you mean replicas?"}},
		{"wrong case", "serviceName:", "servicename:",
			[]string{"spec.servicename: unknown field, did you mean serviceName?"}},
		{"one letter off", "image: spilo:1", "imagee: spilo:1",
			[]string{"spec.template.spec.containers[postgres].imagee: unknown field, did you mean image?"}},
		{"two unknown fields of one struct", "replicas: 2", "xxx: 2\n  yyy: 3",
			[]string{"spec.xxx: unknown field", "spec.yyy: unknown field"}},
		{"wrong scalar", "replicas: 2", "replicas: '2'",
			[]string{"spec.replicas: expected a number, got a string"}},
		{"list for map", "labels: {application: spilo, team: acid}", "labels: [a]",
			[]string{"metadata.labels: expected a map, got a list"}},
		{"map for list", "args: [-a, -b]", "args: {a: b}",
			[]string{"spec.template.spec.containers[log-shipper].args: expected a list, got a map"}},
		{"number where text belongs", "team: acid", "team: 5",
			[]string{"metadata.labels.team: expected a string, got a number"}},
		{"quantity", "cpu: 100m", "cpu: 100mm",
			[]string{"spec.template.spec.containers[postgres].resources.requests.cpu: expected a quantity such as 100m, 2 or 1Gi"}},
		{"quantity that would take hours", "cpu: 100m", "cpu: 1e2147483647",
			[]string{"spec.template.spec.containers[postgres].resources.requests.cpu: expected a quantity such as 100m, 2 or 1Gi"}},
		{"quantity with an exponent", "cpu: 100m", "cpu: 1e2", nil},
		{"quantity as boolean", "cpu: 100m", "cpu: true",
			[]string{"spec.template.spec.containers[postgres].resources.requests.cpu: expected a quantity such as 100m, 2 or 1Gi"}},
		{"quantity as number", "cpu: 100m", "cpu: 0.5", nil},
		{"quantity in an atomic list", "storage: 1Gi", "storage: big",
			[]string{"spec.volumeClaimTemplates[0].spec.resources.requests.storage: expected a quantity such as 100m, 2 or 1Gi"}},
		{"duplicate key", "name: POD_NAME", "name: SCOPE",
			[]string{"spec.template.spec.containers[postgres].env[SCOPE]: appears twice in a list that may hold it once"}},
		{"duplicate by default", "{containerPort: 8008, protocol: TCP}", "{containerPort: 5432, protocol: TCP}",
			[]string{"spec.template.spec.containers[postgres].ports[5432,TCP]: appears twice in a list that may hold it once"}},
		{"missing key", "- name: log-shipper\n        image", "- image",
			[]string{"spec.template.spec.containers[1]: lacks name, the key of this list"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Contains(t, statefulSetYAML, test.from)
			err := schema.Check(parse(t, strings.Replace(statefulSetYAML, test.from, test.to, 1)))
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, strings.Join(test.want, "\n"))
		})
	}
}

// A value may be a password: no message may repeat it.
func TestCheckHidesValues(t *testing.T) {
	err := schema.Check(parse(t, "apiVersion: v1\nkind: Secret\ndata: {password: [hunter2]}\nstringData: {x: {y: hunter2}}"))
	require.ErrorContains(t, err, "data.password: expected a string, got a list")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestCheckCustomResource(t *testing.T) {
	require.NoError(t, schema.Check(parse(t, "apiVersion: zalando.org/v1\nkind: FabricEventStream\nmetadata: {name: a}\nspec: {anything: [1, {a: b}]}")))
	require.EqualError(t, schema.Check(parse(t, "apiVersion: zalando.org/v1\nkind: FabricEventStream\nmetadata: {name: 1}")),
		"metadata.name: expected a string, got a number")
}
