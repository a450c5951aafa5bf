package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PostgresqlParam is the major version and the server parameters.
type PostgresqlParam struct {
	// PgVersion is the major version. Raising it upgrades the data directory in place.
	//
	// +kubebuilder:validation:Enum="14";"15";"16";"17";"18"
	PgVersion string `json:"version"`

	// Parameters of the server, as text.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Volume is the persistent volume that holds the data directory.
type Volume struct {
	// Size of the volume. Growing it grows the volumes, it never shrinks.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	Size string `json:"size"`

	// StorageClass of the volume; empty means the default class.
	StorageClass string `json:"storageClass,omitempty"`

	// SubPath of the volume that is mounted.
	SubPath string `json:"subPath,omitempty"`

	// IsSubPathExpr expands $(VAR) in subPath.
	IsSubPathExpr *bool `json:"isSubPathExpr,omitempty"`

	// Iops of an EBS volume.
	//
	// +kubebuilder:validation:Maximum=80000
	Iops *int32 `json:"iops,omitempty"`

	// Throughput of an EBS volume in MiB/s.
	//
	// +kubebuilder:validation:Maximum=2000
	Throughput *int32 `json:"throughput,omitempty"`

	// VolumeType of an EBS volume.
	VolumeType string `json:"type,omitempty"`

	// Selector restricts which persistent volumes may be bound.
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// Patroni are settings of Patroni, the agent in each pod that keeps one primary.
// See https://patroni.readthedocs.io/en/latest/dynamic_configuration.html for their meaning.
type Patroni struct {
	// InitDB are options of initdb, read at bootstrap only. "true" makes a plain flag of an option.
	InitDB map[string]string `json:"initdb,omitempty"`

	// PgHba are the lines of pg_hba.conf. They replace those of the image.
	PgHba []string `json:"pg_hba,omitempty"`

	// TTL of the leader lock in seconds; 0 leaves Patroni's value.
	//
	// +kubebuilder:validation:Minimum=0
	TTL uint32 `json:"ttl,omitempty"`

	// LoopWait is the time between two rounds of Patroni in seconds; 0 leaves Patroni's value.
	//
	// +kubebuilder:validation:Minimum=0
	LoopWait uint32 `json:"loop_wait,omitempty"`

	// RetryTimeout of operations on Postgres and the Kubernetes API in seconds; 0 leaves Patroni's value.
	//
	// +kubebuilder:validation:Minimum=0
	RetryTimeout uint32 `json:"retry_timeout,omitempty"`

	// MaximumLagOnFailover in bytes a replica may have to take part in a leader race.
	MaximumLagOnFailover int64 `json:"maximum_lag_on_failover,omitempty"`

	// Slots are permanent replication slots: name to type, database and plugin.
	Slots map[string]map[string]string `json:"slots,omitempty"`

	// SynchronousMode makes Patroni keep a synchronous replica.
	SynchronousMode bool `json:"synchronous_mode,omitempty"`

	// SynchronousModeStrict blocks writes rather than go on without a synchronous replica.
	SynchronousModeStrict bool `json:"synchronous_mode_strict,omitempty"`

	// SynchronousNodeCount is the number of synchronous replicas.
	//
	// +kubebuilder:validation:Minimum=0
	SynchronousNodeCount uint32 `json:"synchronous_node_count,omitempty"`

	// FailsafeMode keeps the primary when the Kubernetes API is away but all members are reachable.
	FailsafeMode *bool `json:"failsafe_mode,omitempty"`
}

// UserFlags are the flags of a database role, in lower or in upper case, switched off by the prefix NO.
//
// +kubebuilder:validation:items:Enum=bypassrls;BYPASSRLS;nobypassrls;NOBYPASSRLS;createdb;CREATEDB;nocreatedb;NOCREATEDB;createrole;CREATEROLE;nocreaterole;NOCREATEROLE;inherit;INHERIT;noinherit;NOINHERIT;login;LOGIN;nologin;NOLOGIN;replication;REPLICATION;noreplication;NOREPLICATION;superuser;SUPERUSER;nosuperuser;NOSUPERUSER
type UserFlags []string

// PreparedDatabase is a database with schemas, extensions and a set of roles.
type PreparedDatabase struct {
	// PreparedSchemas to create; none means one schema "data".
	PreparedSchemas map[string]PreparedSchema `json:"schemas,omitempty"`

	// DefaultUsers adds login roles to the owner, reader and writer roles.
	DefaultUsers bool `json:"defaultUsers,omitempty"`

	// Extensions to create, each with its schema.
	Extensions map[string]string `json:"extensions,omitempty"`

	// SecretNamespace is where the Secrets of the login roles go.
	SecretNamespace string `json:"secretNamespace,omitempty"`
}

// PreparedSchema is a schema with a set of roles.
type PreparedSchema struct {
	// DefaultRoles creates owner, reader and writer roles of the schema. Absent means true.
	DefaultRoles *bool `json:"defaultRoles,omitempty"`

	// DefaultUsers adds login roles to them.
	DefaultUsers bool `json:"defaultUsers,omitempty"`
}

// CloneDescription names the cluster to copy, and the point in time.
type CloneDescription struct {
	// ClusterName is the source.
	ClusterName string `json:"cluster"`

	// UID of the source, part of the path of its WAL archive.
	//
	// +kubebuilder:validation:Format=uuid
	UID string `json:"uid,omitempty"`

	// EndTimestamp to recover to, from the WAL archive. Without it the running source is copied. The
	// offset from UTC is numeric: 2026-01-31T13:00:00+00:00.
	//
	// +kubebuilder:validation:Pattern=`^([0-9]+)-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?(([+-]([01][0-9]|2[0-3]):[0-5][0-9]))$`
	EndTimestamp string `json:"timestamp,omitempty"`

	// S3WalPath is the archive, instead of the one the operator's configuration leads to.
	S3WalPath string `json:"s3_wal_path,omitempty"`

	// S3Endpoint of the archive.
	S3Endpoint string `json:"s3_endpoint,omitempty"`

	// S3AccessKeyID for the archive.
	S3AccessKeyID string `json:"s3_access_key_id,omitempty"`

	// S3SecretAccessKey for the archive.
	S3SecretAccessKey string `json:"s3_secret_access_key,omitempty"`

	// S3ForcePathStyle puts the bucket into the path instead of the host name.
	S3ForcePathStyle *bool `json:"s3_force_path_style,omitempty"`
}

// StandbyDescription names the primary to follow: a host, a WAL archive, or both.
type StandbyDescription struct {
	// S3WalPath is a WAL archive in S3.
	S3WalPath string `json:"s3_wal_path,omitempty"`

	// GSWalPath is a WAL archive in Google Cloud Storage.
	GSWalPath string `json:"gs_wal_path,omitempty"`

	// StandbyHost to stream from.
	StandbyHost string `json:"standby_host,omitempty"`

	// StandbyPort of that host.
	StandbyPort string `json:"standby_port,omitempty"`

	// StandbyPrimarySlotName on that host.
	StandbyPrimarySlotName string `json:"standby_primary_slot_name,omitempty"`
}

// Stream publishes tables of one database as events.
type Stream struct {
	// ApplicationID groups streams into one FabricEventStream.
	ApplicationID string `json:"applicationId"`

	// Database that holds the tables.
	Database string `json:"database"`

	// Tables by name, with or without a schema.
	Tables map[string]StreamTable `json:"tables"`

	// Filter is a JSONPath by table.
	Filter map[string]*string `json:"filter,omitempty"`

	// BatchSize is the largest number of events sent at once.
	//
	// +kubebuilder:validation:Minimum=0
	BatchSize *uint32 `json:"batchSize,omitempty"`

	// CPU of the stream's workload.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	CPU *string `json:"cpu,omitempty"`

	// Memory of the stream's workload.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	Memory *string `json:"memory,omitempty"`

	// EnableRecovery sends events that fail to a dead letter queue.
	EnableRecovery *bool `json:"enableRecovery,omitempty"`
}

// StreamTable says what events a table becomes.
type StreamTable struct {
	// EventType of the events.
	EventType string `json:"eventType"`

	// RecoveryEventType is the dead letter queue.
	RecoveryEventType string `json:"recoveryEventType,omitempty"`

	// IgnoreRecovery drops events that fail.
	IgnoreRecovery *bool `json:"ignoreRecovery,omitempty"`

	// IDColumn identifies an event.
	IDColumn *string `json:"idColumn,omitempty"`

	// PayloadColumn holds the event.
	PayloadColumn *string `json:"payloadColumn,omitempty"`
}
