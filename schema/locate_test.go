package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestLocate(t *testing.T) {
	service := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(`
apiVersion: v1
kind: Service
metadata: {name: a, labels: {app: x, a.example.org/b: z}}
spec:
  selector: {app: x}
  ports: [{name: postgresql, port: 5432}]
  loadBalancerSourceRanges: [10.0.0.0/8]
`), &service.Object))
	cases := []struct {
		path, full, owned string
		value             any
	}{
		{"spec.ports[5432,TCP].name", "spec.ports[5432,TCP].name", `.spec.ports[port=5432,protocol="TCP"].name`, "postgresql"},
		{`metadata.labels["a.example.org/b"]`, `metadata.labels["a.example.org/b"]`, ".metadata.labels.a.example.org/b", "z"},
		{"metadata.labels[app]", "metadata.labels.app", ".metadata.labels.app", "x"},
		{"spec.selector.app", "spec.selector.app", ".spec.selector", "x"}, // one value to a manager
		{"spec.loadBalancerSourceRanges[0]", "spec.loadBalancerSourceRanges[0]", ".spec.loadBalancerSourceRanges", "10.0.0.0/8"},
		{"", "", "", service.Object},
	}
	for _, c := range cases {
		place, err := Locate(service, c.path)
		require.NoError(t, err, c.path)
		require.Equal(t, c.full, place.Path.String())
		require.Equal(t, c.owned, place.Owned.String())
		require.Equal(t, c.value, place.Value)
	}
	for path, want := range map[string]string{
		"spec.port":            "did you mean ports?",
		"spec.ports[80].name":  "there are 5432,TCP",
		"metadata.name.x":      "holds nothing by name",
		"metadata.labels[":     "there are",
		"metadata.labels[\"a.": "there are",
		"..":                   "in the object",
	} {
		_, err := Locate(service, path)
		require.ErrorIs(t, err, ErrNoSuchPlace, path)
		require.ErrorContains(t, err, want, path)
	}
}
