package names

import "strings"

// Containers that the operator itself puts into a Postgres pod.
const (
	PostgresContainer = "postgres"
	ScalyrSidecar     = "scalyr-sidecar"
)

// BackupContainer is the one container of a backup pod.
const BackupContainer = "logical-backup"

// PoolerContainer is the one container of a pooler pod.
const PoolerContainer = "connection-pooler"

// Volumes of a Postgres pod. DataVolume is also the name of the claim
// template, hence of the claims: pgdata-<cluster>-<ordinal>.
const (
	DataVolume   = "pgdata"
	ShmVolume    = "dshm"
	SocketVolume = "postgresql-run"
)

// PostgresPort is the name of the port of every Postgres service.
const PostgresPort = "postgresql"

// maxCronJobName leaves the CronJob controller 11 characters for the time it
// appends to the names of its jobs.
// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
const maxCronJobName = 52

// StatefulSet is the name of the StatefulSet of a cluster and of the service
// that governs it.
func StatefulSet(cluster string) string { return cluster }

// Pod is the name of the member with that ordinal.
func Pod(cluster, ordinal string) string { return cluster + "-" + ordinal }

// Service is the name of the service in front of the members of a role; in
// endpoints mode the Endpoints object has the same name.
func Service(cluster, role string) string {
	if role == RoleReplica {
		return cluster + "-repl"
	}
	return cluster
}

// PatroniConfigService is the headless service that Patroni makes for itself.
// The operator only deletes it.
func PatroniConfigService(cluster string) string { return cluster + "-config" }

// PatroniObjects lists the names of the ConfigMaps or Endpoints in which
// Patroni keeps leader lock, dynamic configuration, synchronous standbys and a
// planned failover. The operator only deletes them.
func PatroniObjects(cluster string) []string {
	return []string{cluster + "-leader", cluster + "-config", cluster + "-sync", cluster + "-failover"}
}

// PrimaryBudget is the name of the budget that protects the primary; format
// is the option pdb_name_format with the placeholder {cluster}.
func PrimaryBudget(format, cluster string) string {
	return Fill(format, map[string]string{"cluster": cluster})
}

// CriticalBudget is the name of the budget that protects all members while
// they carry the label CriticalOperation.
func CriticalBudget(cluster string) string { return "postgres-" + cluster + "-critical-op-pdb" }

// Secret is the name of the credential Secret of a role; template is the
// option secret_name_template with the placeholders {username}, {cluster},
// {tprkind} and {tprgroup}. Underscores, which Kubernetes does not allow in
// names, become dashes in the user name only.
func Secret(template, username, cluster string) string {
	return Fill(template, map[string]string{
		"username": strings.ReplaceAll(username, "_", "-"),
		"cluster":  cluster,
		"tprkind":  Kind,
		"tprgroup": APIGroup,
	})
}

// BackupJob is the name of the CronJob of the logical backup, cut so that the
// names of its jobs stay valid.
func BackupJob(prefix, cluster string) string {
	name := prefix + cluster
	if len(name) <= maxCronJobName {
		return name
	}
	return strings.TrimRight(name[:maxCronJobName], "-")
}

// Pooler is the name of the connection pooler of a role: of its Deployment,
// its Service, and the value of the label PoolerLabel.
func Pooler(cluster, role string) string {
	if role == RoleReplica {
		return cluster + "-pooler-repl"
	}
	return cluster + "-pooler"
}

// PoolerSecret is the name of the Secret that holds the user list of a pooler.
func PoolerSecret(pooler string) string { return pooler + "-u" }

// StreamRole is the role of the database that reads event streams.
const StreamRole = "fes_user"

// StreamDefinition is the name of the kind of event streams. It comes with the
// operator for them.
const StreamDefinition = "fabriceventstreams.zalando.org"

// Stream is the name of the event stream of one application; suffix tells it
// from those of others.
func Stream(cluster, suffix string) string { return cluster + "-" + suffix }

// StreamSlot is the name of the replication slot and of the publication from
// which an application reads a database.
func StreamSlot(database, application string) string {
	return "fes_" + database + "_" + strings.ReplaceAll(application, "-", "_")
}

// PreparedDatabase is the name of the one database that an empty section
// preparedDatabases asks for.
func PreparedDatabase(cluster string) string { return strings.ReplaceAll(cluster, "-", "_") }
