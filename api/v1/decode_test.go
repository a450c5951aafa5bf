package v1_test

import (
	"encoding/json"
	"testing"
	"time"

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

func TestMaintenanceWindow(t *testing.T) {
	const minute = "2006-01-02 15:04"
	for text, want := range map[apiv1.MaintenanceWindow]struct {
		canonical string
		inside    []string // 2026-08-01 is a Saturday
		outside   []string
	}{
		"01:00-06:00":     {"01:00-06:00", []string{"2026-08-01 01:00", "2026-08-02 06:00"}, []string{"2026-08-01 00:59", "2026-08-01 06:01"}},
		"Sat:0:5-4:0":     {"Sat:00:05-04:00", []string{"2026-08-01 00:05"}, []string{"2026-08-02 00:05", "2026-08-01 00:04"}},
		"Sat:22:00-02:00": {"Sat:22:00-02:00", []string{"2026-08-01 22:00", "2026-08-02 02:00"}, []string{"2026-08-01 02:00", "2026-08-02 22:00", "2026-08-02 02:01"}},
		"23:00-01:00":     {"23:00-01:00", []string{"2026-08-01 23:30", "2026-08-01 00:30"}, []string{"2026-08-01 01:01", "2026-08-01 22:59"}},
		"12:00-12:00":     {"12:00-12:00", []string{"2026-08-01 12:00"}, []string{"2026-08-01 12:01"}},
		"Sun:00:00-23:59": {"Sun:00:00-23:59", []string{"2026-08-02 23:59"}, []string{"2026-08-01 23:59", "2026-08-03 00:00"}},
	} {
		window, err := text.Parse()
		require.NoError(t, err, text)
		require.Equal(t, want.canonical, window.String())
		again, err := apiv1.MaintenanceWindow(window.String()).Parse()
		require.NoError(t, err)
		require.Equal(t, window, again)
		for _, at := range want.inside {
			require.True(t, window.Contains(parse(t, minute, at)), "%s in %s", at, text)
		}
		for _, at := range want.outside {
			require.False(t, window.Contains(parse(t, minute, at)), "%s not in %s", at, text)
		}
	}
	padded, err := apiv1.MaintenanceWindow("  01:00-06:00 ").Parse()
	require.NoError(t, err)
	require.Equal(t, "01:00-06:00", padded.String())

	elsewhere := time.FixedZone("", -5*60*60)
	window, err := apiv1.MaintenanceWindow("Sun:02:00-03:00").Parse()
	require.NoError(t, err)
	require.True(t, window.Contains(time.Date(2026, 8, 1, 21, 30, 0, 0, elsewhere)), "windows are in UTC")

	for _, wrong := range []apiv1.MaintenanceWindow{"", "01:00", "24:00-01:00", "01:60-02:00", "sat:01:00-02:00", "Sat 01:00-02:00", "01:00-Sat:02:00"} {
		_, err := wrong.Parse()
		require.ErrorContains(t, err, "want HH:MM-HH:MM", wrong)
	}
}

func parse(t *testing.T, layout, text string) time.Time {
	at, err := time.Parse(layout, text)
	require.NoError(t, err)
	return at
}
