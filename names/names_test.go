package names_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"postgres-operator/names"
)

const secretTemplate = "{username}.{cluster}.credentials.{tprkind}.{tprgroup}"

func TestObjectNames(t *testing.T) {
	const cluster = "acid-minimal-cluster"
	for _, tc := range []struct{ what, got, want string }{
		{"statefulset", names.StatefulSet(cluster), "acid-minimal-cluster"},
		{"pod", names.Pod(cluster, "0"), "acid-minimal-cluster-0"},
		{"service master", names.Service(cluster, names.RoleMaster), "acid-minimal-cluster"},
		{"service replica", names.Service(cluster, names.RoleReplica), "acid-minimal-cluster-repl"},
		{"patroni service", names.PatroniConfigService(cluster), "acid-minimal-cluster-config"},
		{"primary budget", names.PrimaryBudget("postgres-{cluster}-pdb", cluster), "postgres-acid-minimal-cluster-pdb"},
		{"critical budget", names.CriticalBudget(cluster), "postgres-acid-minimal-cluster-critical-op-pdb"},
		{"secret", names.Secret(secretTemplate, "foo_user", cluster), "foo-user.acid-minimal-cluster.credentials.postgresql.acid.zalan.do"},
		{"short secret", names.Secret("{username}.{cluster}.credentials", "postgres", cluster), "postgres.acid-minimal-cluster.credentials"},
		{"pooler", names.Pooler(cluster, names.RoleMaster), "acid-minimal-cluster-pooler"},
		{"pooler replica", names.Pooler(cluster, names.RoleReplica), "acid-minimal-cluster-pooler-repl"},
		{"pooler secret", names.PoolerSecret(names.Pooler(cluster, names.RoleMaster)), "acid-minimal-cluster-pooler-u"},
		{"backup", names.BackupJob("logical-backup-", cluster), "logical-backup-acid-minimal-cluster"},
		{"backup cut", names.BackupJob("logical-backup-", strings.Repeat("a", 36)+"-bcd"), "logical-backup-" + strings.Repeat("a", 36)},
		{"stream", names.Stream(cluster, "a1b2c"), "acid-minimal-cluster-a1b2c"},
		{"prepared database", names.PreparedDatabase(cluster), "acid_minimal_cluster"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			require.Equal(t, tc.want, tc.got)
			if tc.what != "prepared database" {
				require.Empty(t, validation.IsDNS1123Subdomain(tc.got))
			}
		})
	}
	for _, name := range names.PatroniObjects(cluster) {
		require.Empty(t, validation.IsDNS1123Subdomain(name))
	}
	for _, name := range []string{names.Service(cluster, names.RoleReplica), names.Pooler(cluster, names.RoleReplica)} {
		require.Empty(t, validation.IsDNS1035Label(name), "services are DNS labels")
	}
}

func TestFixedNamesAreValid(t *testing.T) {
	for _, name := range []string{names.PostgresContainer, names.ScalyrSidecar, names.BackupContainer, names.PoolerContainer, names.DataVolume, names.ShmVolume, names.SocketVolume} {
		require.Empty(t, validation.IsDNS1123Label(name))
	}
	require.Empty(t, validation.IsValidPortName(names.PostgresPort))
	for _, key := range []string{
		names.TeamLabel, names.ApplicationLabel, names.PoolerLabel, names.CriticalOperation,
		names.ControllerAnnotation, names.ClusterAnnotation, names.UpgradeSuccess, names.UpgradeFailure, names.RollingUpdateRequired, names.PoolerPause, names.RollingUpdateFor, names.PostgresRestarted,
		names.KubeIAMRole, names.RoleARN, names.ExternalDNSHostname,
	} {
		require.Empty(t, validation.IsQualifiedName(key), key)
	}
	// The Fabric Event Stream operator reads these keys in upper case.
	for _, key := range []string{names.StreamCPU, names.StreamMemory} {
		require.Empty(t, validation.IsQualifiedName(strings.ToLower(key)), key)
	}
	require.Empty(t, validation.IsQualifiedName(names.Finalizer))
	managers := []string{names.ManagerCluster, names.ManagerRollout, names.ManagerRoles, names.ManagerStatus, names.ManagerPatroni, names.ManagerVolumes, names.ManagerUpgrade, names.ManagerLegacy}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(managers))), len(managers), "field managers are distinct")
	for _, manager := range managers {
		require.Empty(t, metav1validation.ValidateFieldManager(manager, field.NewPath("fieldManager")))
	}
}

func TestLabels(t *testing.T) {
	scheme := names.Scheme{
		Static:  map[string]string{"application": "spilo"},
		NameKey: "cluster-name",
		RoleKey: "spilo-role",
	}
	owner := names.Owner{Cluster: "acid-a", Team: "acid", Inherited: map[string]string{"tier": "gold"}}
	for _, tc := range []struct {
		what      string
		got, want map[string]string
	}{
		{"selector", scheme.Selector("acid-a"), map[string]string{"application": "spilo", "cluster-name": "acid-a"}},
		{"role selector", scheme.RoleSelector("acid-a", names.RoleMaster),
			map[string]string{"application": "spilo", "cluster-name": "acid-a", "spilo-role": "master"}},
		{"object", scheme.Object(owner),
			map[string]string{"application": "spilo", "cluster-name": "acid-a", "team": "acid", "tier": "gold"}},
		{"role object", scheme.RoleObject(owner, names.RoleReplica),
			map[string]string{"application": "spilo", "cluster-name": "acid-a", "team": "acid", "tier": "gold", "spilo-role": "replica"}},
		{"pooler selector", scheme.PoolerSelector("acid-a", names.RoleMaster),
			map[string]string{"application": "db-connection-pooler", "cluster-name": "acid-a", "connection-pooler": "acid-a-pooler"}},
		{"pooler object", scheme.PoolerObject(owner, names.RoleReplica),
			map[string]string{"application": "db-connection-pooler", "cluster-name": "acid-a", "team": "acid", "tier": "gold",
				"connection-pooler": "acid-a-pooler-repl", "spilo-role": "replica"}},
		{"backup", scheme.BackupObject(owner),
			map[string]string{"application": "spilo-logical-backup", "cluster-name": "acid-a", "team": "acid", "tier": "gold"}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			require.Equal(t, tc.want, tc.got)
			require.Empty(t, metav1validation.ValidateLabels(tc.got, field.NewPath("labels")))
		})
	}
	require.Equal(t, map[string]string{"application": "spilo"}, scheme.Static, "the scheme is not written to")
}

func TestInheritedLabelsNeverBreakSelectors(t *testing.T) {
	scheme := names.Scheme{Static: map[string]string{"application": "spilo"}, NameKey: "cluster-name", RoleKey: "spilo-role"}
	owner := names.Owner{Cluster: "acid-a", Team: "acid", Inherited: map[string]string{
		"application": "other", "cluster-name": "other", "spilo-role": "other", "team": "other",
	}}
	labels := scheme.RoleObject(owner, names.RoleMaster)
	for key, value := range scheme.RoleSelector("acid-a", names.RoleMaster) {
		require.Equal(t, value, labels[key])
	}
	require.Equal(t, "other", labels["team"])
}

func TestPick(t *testing.T) {
	from := map[string]string{"a": "1", "b": "2"}
	require.Equal(t, map[string]string{"b": "2"}, names.Pick([]string{"b", "c"}, from))
	require.Nil(t, names.Pick([]string{"c"}, from))
	require.Equal(t, from, names.Pick(slices.Sorted(maps.Keys(from)), from))
}

func TestFillLeavesUnknownPlaceholders(t *testing.T) {
	require.Equal(t, "a.{namespace}", names.Fill("{cluster}.{namespace}", map[string]string{"cluster": "a"}))
}

func TestHostnames(t *testing.T) {
	base := names.DNS{
		Format:       "{cluster}.{namespace}.{hostedzone}",
		LegacyFormat: "{cluster}.{team}.{hostedzone}",
		Cluster:      "acid-minimal-cluster",
		Namespace:    "default",
		Team:         "acid",
		HostedZone:   "db.example.com",
	}
	for _, tc := range []struct {
		what   string
		change func(*names.DNS)
		want   string
	}{
		{"team prefix", func(*names.DNS) {}, "acid-minimal-cluster.default.db.example.com,minimal-cluster.acid.db.example.com"},
		{"team in upper case", func(d *names.DNS) { d.Team = "ACID" }, "acid-minimal-cluster.default.db.example.com,minimal-cluster.acid.db.example.com"},
		{"another team", func(d *names.DNS) { d.Team = "other" }, "acid-minimal-cluster.default.db.example.com"},
		{"no team", func(d *names.DNS) { d.Team = "" }, "acid-minimal-cluster.default.db.example.com"},
		{"no legacy format", func(d *names.DNS) { d.LegacyFormat = "" }, "acid-minimal-cluster.default.db.example.com"},
		{"lower case", func(d *names.DNS) { d.HostedZone = "DB.Example.COM"; d.Team = "" }, "acid-minimal-cluster.default.db.example.com"},
		{"too long for a legacy name", func(d *names.DNS) { d.Cluster = "acid-" + strings.Repeat("x", 54) },
			"acid-" + strings.Repeat("x", 54) + ".default.db.example.com"},
		{"nothing behind the team", func(d *names.DNS) { d.Cluster = "acid-" }, "acid-.default.db.example.com"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			d := base
			tc.change(&d)
			require.Equal(t, tc.want, d.Hostnames())
		})
	}
}

func TestHost(t *testing.T) {
	require.Equal(t, "acid-a.test.svc.cluster.local", names.Host("acid-a", "test", "cluster.local"))
}
