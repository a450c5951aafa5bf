package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PostgresqlParam is the major version and the server parameters.
type PostgresqlParam struct {
	// version is the major version. Raising it upgrades the data directory in place.
	//
	// +kubebuilder:validation:Enum="14";"15";"16";"17";"18"
	PgVersion string `json:"version"`

	// parameters of the server, as text.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Volume is the persistent volume that holds the data directory.
type Volume struct {
	// size of the volume. Growing it grows the volumes, it never shrinks.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	Size string `json:"size"`

	// storageClass of the volume; empty means the default class.
	StorageClass string `json:"storageClass,omitempty"`

	// subPath of the volume that is mounted.
	SubPath string `json:"subPath,omitempty"`

	// isSubPathExpr expands $(VAR) in subPath.
	IsSubPathExpr *bool `json:"isSubPathExpr,omitempty"`

	// iops of an EBS volume.
	//
	// +kubebuilder:validation:Maximum=80000
	Iops *int32 `json:"iops,omitempty"`

	// throughput of an EBS volume in MiB/s.
	//
	// +kubebuilder:validation:Maximum=2000
	Throughput *int32 `json:"throughput,omitempty"`

	// type of an EBS volume.
	VolumeType string `json:"type,omitempty"`

	// selector restricts which persistent volumes may be bound.
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// Patroni are settings of Patroni, the agent in each pod that keeps one primary.
// See https://patroni.readthedocs.io/en/latest/dynamic_configuration.html for their meaning.
type Patroni struct {
	// initdb are options of initdb, read at bootstrap only. "true" makes a plain flag of an option.
	InitDB map[string]string `json:"initdb,omitempty"`

	// pg_hba are the lines of pg_hba.conf. They replace those of the image.
	PgHba []string `json:"pg_hba,omitempty"`

	// ttl of the leader lock in seconds; 0 leaves Patroni's value.
	//
	// +kubebuilder:validation:Minimum=0
	TTL uint32 `json:"ttl,omitempty"`

	// loop_wait is the time between two rounds of Patroni in seconds; 0 leaves Patroni's value.
	//
	// +kubebuilder:validation:Minimum=0
	LoopWait uint32 `json:"loop_wait,omitempty"`

	// retry_timeout of operations on Postgres and the Kubernetes API in seconds; 0 leaves Patroni's value.
	//
	// +kubebuilder:validation:Minimum=0
	RetryTimeout uint32 `json:"retry_timeout,omitempty"`

	// maximum_lag_on_failover in bytes a replica may have to take part in a leader race.
	MaximumLagOnFailover int64 `json:"maximum_lag_on_failover,omitempty"`

	// slots are permanent replication slots: name to type, database and plugin.
	Slots map[string]map[string]string `json:"slots,omitempty"`

	// synchronous_mode makes Patroni keep a synchronous replica.
	SynchronousMode bool `json:"synchronous_mode,omitempty"`

	// synchronous_mode_strict blocks writes rather than go on without a synchronous replica.
	SynchronousModeStrict bool `json:"synchronous_mode_strict,omitempty"`

	// synchronous_node_count is the number of synchronous replicas.
	//
	// +kubebuilder:validation:Minimum=0
	SynchronousNodeCount uint32 `json:"synchronous_node_count,omitempty"`

	// failsafe_mode keeps the primary when the Kubernetes API is away but all members are reachable.
	FailsafeMode *bool `json:"failsafe_mode,omitempty"`
}

// UserFlags are the flags of a database role, in lower or in upper case, switched off by the prefix NO.
//
// +kubebuilder:validation:items:Enum=bypassrls;BYPASSRLS;nobypassrls;NOBYPASSRLS;createdb;CREATEDB;nocreatedb;NOCREATEDB;createrole;CREATEROLE;nocreaterole;NOCREATEROLE;inherit;INHERIT;noinherit;NOINHERIT;login;LOGIN;nologin;NOLOGIN;replication;REPLICATION;noreplication;NOREPLICATION;superuser;SUPERUSER;nosuperuser;NOSUPERUSER
type UserFlags []string

// PreparedDatabase is a database with schemas, extensions and a set of roles.
type PreparedDatabase struct {
	// schemas to create; none means one schema "data".
	PreparedSchemas map[string]PreparedSchema `json:"schemas,omitempty"`

	// defaultUsers adds login roles to the owner, reader and writer roles.
	DefaultUsers bool `json:"defaultUsers,omitempty"`

	// extensions to create, each with its schema.
	Extensions map[string]string `json:"extensions,omitempty"`

	// secretNamespace is where the Secrets of the login roles go.
	SecretNamespace string `json:"secretNamespace,omitempty"`
}

// PreparedSchema is a schema with a set of roles.
type PreparedSchema struct {
	// defaultRoles creates owner, reader and writer roles of the schema. Absent means true.
	DefaultRoles *bool `json:"defaultRoles,omitempty"`

	// defaultUsers adds login roles to them.
	DefaultUsers bool `json:"defaultUsers,omitempty"`
}

// CloneDescription names the cluster to copy, and the point in time.
type CloneDescription struct {
	// cluster is the source.
	ClusterName string `json:"cluster"`

	// uid of the source, part of the path of its WAL archive.
	//
	// +kubebuilder:validation:Format=uuid
	UID string `json:"uid,omitempty"`

	// timestamp to recover to, from the WAL archive. Without it the running source is copied. The
	// offset from UTC is numeric: 2026-01-31T13:00:00+00:00.
	//
	// +kubebuilder:validation:Pattern=`^([0-9]+)-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?(([+-]([01][0-9]|2[0-3]):[0-5][0-9]))$`
	EndTimestamp string `json:"timestamp,omitempty"`

	// s3_wal_path is the archive, instead of the one the operator's configuration leads to.
	S3WalPath string `json:"s3_wal_path,omitempty"`

	// s3_endpoint of the archive.
	S3Endpoint string `json:"s3_endpoint,omitempty"`

	// s3_access_key_id for the archive.
	S3AccessKeyID string `json:"s3_access_key_id,omitempty"`

	// s3_secret_access_key for the archive.
	S3SecretAccessKey string `json:"s3_secret_access_key,omitempty"`

	// s3_force_path_style puts the bucket into the path instead of the host name.
	S3ForcePathStyle *bool `json:"s3_force_path_style,omitempty"`
}

// StandbyDescription names the primary to follow: a host, a WAL archive, or both.
//
// +kubebuilder:validation:XValidation:rule="has(self.standby_host) || has(self.s3_wal_path) || has(self.gs_wal_path)",message="a standby needs a source: standby_host, s3_wal_path or gs_wal_path"
// +kubebuilder:validation:XValidation:rule="!(has(self.s3_wal_path) && has(self.gs_wal_path))",message="s3_wal_path and gs_wal_path exclude each other"
type StandbyDescription struct {
	// s3_wal_path is a WAL archive in S3.
	S3WalPath string `json:"s3_wal_path,omitempty"`

	// gs_wal_path is a WAL archive in Google Cloud Storage.
	GSWalPath string `json:"gs_wal_path,omitempty"`

	// standby_host to stream from.
	StandbyHost string `json:"standby_host,omitempty"`

	// standby_port of that host.
	StandbyPort string `json:"standby_port,omitempty"`

	// standby_primary_slot_name on that host.
	StandbyPrimarySlotName string `json:"standby_primary_slot_name,omitempty"`
}

// Stream publishes tables of one database as events.
type Stream struct {
	// applicationId groups streams into one FabricEventStream.
	ApplicationID string `json:"applicationId"`

	// database that holds the tables.
	Database string `json:"database"`

	// tables by name, with or without a schema.
	Tables map[string]StreamTable `json:"tables"`

	// filter is a JSONPath by table.
	Filter map[string]*string `json:"filter,omitempty"`

	// batchSize is the largest number of events sent at once.
	//
	// +kubebuilder:validation:Minimum=0
	BatchSize *uint32 `json:"batchSize,omitempty"`

	// cpu of the stream's workload.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	CPU *string `json:"cpu,omitempty"`

	// memory of the stream's workload.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	Memory *string `json:"memory,omitempty"`

	// enableRecovery sends events that fail to a dead letter queue.
	EnableRecovery *bool `json:"enableRecovery,omitempty"`
}

// StreamTable says what events a table becomes.
type StreamTable struct {
	// eventType of the events.
	EventType string `json:"eventType"`

	// recoveryEventType is the dead letter queue.
	RecoveryEventType string `json:"recoveryEventType,omitempty"`

	// ignoreRecovery drops events that fail.
	IgnoreRecovery *bool `json:"ignoreRecovery,omitempty"`

	// idColumn identifies an event.
	IDColumn *string `json:"idColumn,omitempty"`

	// payloadColumn holds the event.
	PayloadColumn *string `json:"payloadColumn,omitempty"`
}
