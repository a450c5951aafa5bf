package apply_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const service = `
apiVersion: v1
kind: Service
metadata: {name: a, labels: {application: spilo}}
spec:
  ports: [{name: postgresql, port: 5432, targetPort: 5432}]
  selector: {application: spilo, spilo-role: master}
`

func TestServiceSelectorOfOursIsRemoved(t *testing.T) {
	w := newWorld(t)
	object := w.object(service)
	w.must(object)
	without := set(object, nil, "spec", "selector")
	changes, writes := w.must(without)
	require.Len(t, writes, 1)
	require.Contains(t, changes.String(), "spec.selector")
	require.Nil(t, w.field(object, "spec", "selector"))
	w.idle(without)
}

// Server-side apply leaves what others own. A selector that somebody sets on a
// Service whose endpoints are written by hand must go nevertheless.
func TestServiceSelectorOfOthersIsRemoved(t *testing.T) {
	w := newWorld(t)
	without := set(w.object(service), nil, "spec", "selector")
	w.must(without)
	w.patch(without, "someone", "spec: {selector: {a: b}}")
	changes, writes := w.must(without)
	require.Len(t, writes, 1)
	require.Contains(t, changes.String(), `spec.selector: removed {"a":"b"}`)
	require.Nil(t, w.field(without, "spec", "selector"))
	w.idle(without)
	w.restart()
	w.idle(without)
}

// A key of our selector that somebody adds belongs to the one value that a
// selector is.
func TestServiceSelectorIsOneValue(t *testing.T) {
	w := newWorld(t)
	object := w.object(service)
	w.must(object)
	w.patch(object, "someone", "spec: {selector: {a: b}}")
	changes, _ := w.must(object)
	require.Contains(t, changes.String(), `spec.selector.a: removed "b"`)
	require.Equal(t, map[string]any{"application": "spilo", "spilo-role": "master"}, w.field(object, "spec", "selector"))
	w.idle(object)
}

// The API server keeps the family policy of a Service when it is no longer applied.
func TestServiceFamilyPolicyGoes(t *testing.T) {
	w := newWorld(t)
	plain := w.object(service)
	w.must(set(plain, "PreferDualStack", "spec", "ipFamilyPolicy"))
	require.Equal(t, "PreferDualStack", w.field(plain, "spec", "ipFamilyPolicy"))
	changes, _ := w.must(plain)
	require.Contains(t, changes.String(), "spec.ipFamilyPolicy")
	require.Equal(t, "SingleStack", w.field(plain, "spec", "ipFamilyPolicy"))
	w.idle(plain)
	w.patch(plain, "someone", "spec: {ipFamilyPolicy: PreferDualStack}")
	w.idle(plain)
}

func TestServiceTypeChanges(t *testing.T) {
	w := newWorld(t)
	object := w.object(service)
	w.must(object)
	clusterIP := w.field(object, "spec", "clusterIP")
	balanced := w.object(`
apiVersion: v1
kind: Service
metadata: {name: a, labels: {application: spilo}}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  loadBalancerSourceRanges: [10.0.0.0/8, 127.0.0.1/32]
  ports: [{name: postgresql, port: 5432, targetPort: 5432}]
  selector: {application: spilo, spilo-role: master}
`)
	w.must(balanced)
	w.idle(balanced)
	require.NotNil(t, w.field(object, "spec", "ports").([]any)[0].(map[string]any)["nodePort"])

	w.must(object) // back
	w.idle(object)
	require.Equal(t, "ClusterIP", w.field(object, "spec", "type"))
	require.Nil(t, w.field(object, "spec", "loadBalancerSourceRanges"))
	require.Nil(t, w.field(object, "spec", "externalTrafficPolicy"))
	require.Nil(t, w.field(object, "spec", "ports").([]any)[0].(map[string]any)["nodePort"])
	require.Equal(t, clusterIP, w.field(object, "spec", "clusterIP"))
}

// Lists without keys are one value: shorter, longer, in another order.
func TestListWithoutKeys(t *testing.T) {
	w := newWorld(t)
	object := set(w.object(service), "LoadBalancer", "spec", "type")
	for _, ranges := range [][]any{
		{"10.0.0.0/8", "127.0.0.1/32"}, {"127.0.0.1/32", "10.0.0.0/8"}, {"127.0.0.1/32"}, {"127.0.0.1/32", "192.168.0.0/16"},
	} {
		object = set(object, ranges, "spec", "loadBalancerSourceRanges")
		w.must(object)
		require.Equal(t, any(ranges), w.field(object, "spec", "loadBalancerSourceRanges"))
		w.idle(object)
	}
	w.patch(object, "someone", "spec: {loadBalancerSourceRanges: [0.0.0.0/0]}")
	w.must(object)
	require.Equal(t, any([]any{"127.0.0.1/32", "192.168.0.0/16"}), w.field(object, "spec", "loadBalancerSourceRanges"))

	without := set(object, nil, "spec", "loadBalancerSourceRanges")
	w.must(without)
	require.Nil(t, w.field(object, "spec", "loadBalancerSourceRanges"))
	w.idle(without)
}

// The port is part of an item's key: another number is another item.
func TestServicePortChanges(t *testing.T) {
	w := newWorld(t)
	object := w.object(service)
	w.must(object)
	moved := set(object, []any{map[string]any{"name": "postgresql", "port": int64(6432), "targetPort": "postgresql"}}, "spec", "ports")
	w.must(moved)
	require.Len(t, w.field(object, "spec", "ports"), 1)
	w.idle(moved)
}

// Whoever serves the endpoints writes their subsets; we never own them.
func TestEndpointSubsetsAreOthers(t *testing.T) {
	w := newWorld(t)
	object := w.object("{apiVersion: v1, kind: Endpoints, metadata: {name: a, labels: {application: spilo}}, subsets: []}")
	w.must(object)
	w.patch(object, "patroni", "subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 5432}]}]")
	w.idle(object)
	w.must(set(object, "acid", "metadata", "labels", "team"))
	require.Len(t, w.field(object, "subsets"), 1)
}
