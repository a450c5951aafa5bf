package v1_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	apiv1 "postgres-operator/api/v1"
)

// One object that does not decode must not keep the others of a list from being seen.
func TestUndecodableObjectIsKept(t *testing.T) {
	scheme := runtime.NewScheme()
	require.NoError(t, apiv1.AddToScheme(scheme))
	decoder := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	object, _, err := decoder.Decode([]byte(`{"apiVersion": "acid.zalan.do/v1", "kind": "postgresqlList", "items": [
		{"metadata": {"name": "good"}, "spec": {"numberOfInstances": 2}},
		{"metadata": {"name": "bad", "uid": "7"}, "spec": {"teamId": "a", "numberOfInstances": 99999999999}, "status": {"PostgresClusterStatus": "Running"}}]}`), nil, nil)
	require.NoError(t, err)
	list := object.(*apiv1.PostgresqlList)
	require.Len(t, list.Items, 2)

	good, bad := list.Items[0], list.Items[1]
	require.Empty(t, good.DecodeError)
	require.EqualValues(t, 2, good.Spec.NumberOfInstances)

	require.Equal(t, "bad", bad.Name)
	require.EqualValues(t, "7", bad.UID)
	require.Equal(t, apiv1.ClusterStatusRunning, bad.Status.PostgresClusterStatus)
	require.Equal(t, apiv1.PostgresSpec{}, bad.Spec, "half a spec would be acted upon")
	const reason = "spec.numberOfInstances: got number 99999999999, want a whole number of type int32"
	require.Equal(t, reason, bad.DecodeError)
	require.Equal(t, reason, bad.DeepCopy().DecodeError)
	require.Len(t, apiv1.Validate(&bad), 1)
	require.Equal(t, "spec.numberOfInstances: Invalid value: got number 99999999999, want a whole number of type int32", apiv1.Validate(&bad)[0].Error())
}

// Early operators stored the status as a bare string.
func TestStatusMayBeAString(t *testing.T) {
	for text, want := range map[string]apiv1.PostgresStatus{
		`"Running"`:                             {PostgresClusterStatus: "Running"},
		`{"PostgresClusterStatus": "Running"}`:  {PostgresClusterStatus: "Running"},
		`{"observedGeneration": 3}`:             {ObservedGeneration: 3},
		`{"postgresClusterStatus": "Creating"}`: {}, // names of fields have one case
	} {
		var got apiv1.PostgresStatus
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
	var got apiv1.PostgresStatus
	require.Error(t, json.Unmarshal([]byte(`[]`), &got))
}

// No prepared databases and an empty map of them mean different things, also after a round trip.
func TestEmptyPreparedDatabasesSurvive(t *testing.T) {
	for _, databases := range []map[string]apiv1.PreparedDatabase{nil, {}} {
		text, err := json.Marshal(apiv1.Postgresql{Spec: apiv1.PostgresSpec{PreparedDatabases: databases}})
		require.NoError(t, err)
		var back apiv1.Postgresql
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, databases == nil, back.Spec.PreparedDatabases == nil)
		require.Equal(t, databases == nil, back.DeepCopy().Spec.PreparedDatabases == nil)
	}
}

// A scheme writes the kinds the way users do.
func TestKinds(t *testing.T) {
	scheme := runtime.NewScheme()
	require.NoError(t, apiv1.AddToScheme(scheme))
	for kind, object := range map[string]runtime.Object{
		"postgresql":                &apiv1.Postgresql{},
		"postgresqlList":            &apiv1.PostgresqlList{},
		"PostgresTeam":              &apiv1.PostgresTeam{},
		"PostgresTeamList":          &apiv1.PostgresTeamList{},
		"OperatorConfiguration":     &apiv1.OperatorConfiguration{},
		"OperatorConfigurationList": &apiv1.OperatorConfigurationList{},
	} {
		gvks, _, err := scheme.ObjectKinds(object)
		require.NoError(t, err)
		require.Len(t, gvks, 1)
		require.Equal(t, apiv1.GroupVersion.WithKind(kind), gvks[0])
	}
}

func TestValidatePolicy(t *testing.T) {
	cluster := func(name, team string) *apiv1.Postgresql {
		return &apiv1.Postgresql{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: apiv1.PostgresSpec{TeamID: team}}
	}
	prefix := apiv1.Policy{TeamPrefix: true}
	for _, accepted := range []*apiv1.Postgresql{cluster("acid-demo", "acid"), cluster("acid-demo", "ACID"), cluster("a-b-c", "a-b")} {
		require.Empty(t, apiv1.ValidatePolicy(accepted, prefix))
	}
	for _, refused := range []*apiv1.Postgresql{cluster("demo", "acid"), cluster("acid", "acid"), cluster("acid-", "acid"), cluster("aciddemo", "acid")} {
		require.Equal(t, "metadata.name", apiv1.ValidatePolicy(refused, prefix)[0].Field, refused.Name)
		require.Empty(t, apiv1.ValidatePolicy(refused, apiv1.Policy{}), "the option is off")
	}
	require.Equal(t, "spec.teamId", apiv1.ValidatePolicy(cluster("-demo", ""), prefix)[0].Field)

	more := cluster("acid-demo", "acid")
	more.Spec.Sidecars = []apiv1.Sidecar{{Name: "a"}}
	require.Empty(t, apiv1.ValidatePolicy(more, prefix))
	require.Equal(t, "spec.sidecars", apiv1.ValidatePolicy(more, apiv1.Policy{NoSidecars: true})[0].Field)
	require.Empty(t, apiv1.ValidatePolicy(more, apiv1.Policy{NoInitContainers: true}))
}
