package v1

// MajorVersionUpgradeConfiguration says which clusters are upgraded to a new major version.
type MajorVersionUpgradeConfiguration struct {
	// Upgrades never, when the manifest asks for it, or also clusters below the minimal version.
	//
	// +kubebuilder:validation:Enum="off";manual;full
	// +kubebuilder:default="manual"
	MajorVersionUpgradeMode string `json:"major_version_upgrade_mode,omitempty"`

	// Teams that may upgrade although the mode is off.
	MajorVersionUpgradeTeamAllowList []string `json:"major_version_upgrade_team_allow_list,omitempty"`

	// Oldest version that mode full leaves alone.
	//
	// +kubebuilder:default="14"
	MinimalMajorVersion string `json:"minimal_major_version,omitempty"`

	// Version that mode full upgrades to.
	//
	// +kubebuilder:default="18"
	TargetMajorVersion string `json:"target_major_version,omitempty"`
}

// PostgresPodResourcesDefaults are requests and limits of the database pods.
type PostgresPodResourcesDefaults struct {
	// CPU request of database and sidecars.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	DefaultCPURequest string `json:"default_cpu_request,omitempty"`

	// Memory request of database and sidecars.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	DefaultMemoryRequest string `json:"default_memory_request,omitempty"`

	// CPU limit of database and sidecars.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	DefaultCPULimit string `json:"default_cpu_limit,omitempty"`

	// Memory limit of database and sidecars.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	DefaultMemoryLimit string `json:"default_memory_limit,omitempty"`

	// Lowest CPU limit of the database; a lower one is raised.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	MinCPULimit string `json:"min_cpu_limit,omitempty"`

	// Lowest memory limit of the database; a lower one is raised.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	MinMemoryLimit string `json:"min_memory_limit,omitempty"`

	// Highest CPU request of the database; a higher one is capped.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	MaxCPURequest string `json:"max_cpu_request,omitempty"`

	// Highest memory request of the database; a higher one is capped.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	MaxMemoryRequest string `json:"max_memory_request,omitempty"`
}

// OperatorTimeouts are the times the operator waits.
type OperatorTimeouts struct {
	// Accepted and not used.
	//
	// +kubebuilder:default="4s"
	ReadyWaitInterval string `json:"ready_wait_interval,omitempty"`

	// Accepted and not used.
	//
	// +kubebuilder:default="30s"
	ReadyWaitTimeout string `json:"ready_wait_timeout,omitempty"`

	// Time between two looks at a resource that is waited for.
	//
	// +kubebuilder:default="3s"
	ResourceCheckInterval string `json:"resource_check_interval,omitempty"`

	// Time a resource is waited for.
	//
	// +kubebuilder:default="10m"
	ResourceCheckTimeout string `json:"resource_check_timeout,omitempty"`

	// Time a pod has to take up its role.
	//
	// +kubebuilder:default="10m"
	PodLabelWaitTimeout string `json:"pod_label_wait_timeout,omitempty"`

	// Time a pod has to go away.
	//
	// +kubebuilder:default="10m"
	PodDeletionWaitTimeout string `json:"pod_deletion_wait_timeout,omitempty"`

	// Time between two calls of Patroni.
	//
	// +kubebuilder:default="1s"
	PatroniAPICheckInterval string `json:"patroni_api_check_interval,omitempty"`

	// Time Patroni has to answer.
	//
	// +kubebuilder:default="5s"
	PatroniAPICheckTimeout string `json:"patroni_api_check_timeout,omitempty"`
}

// CloudConfiguration is about the cloud the operator runs in.
type CloudConfiguration struct {
	// Region of the EC2 API.
	//
	// +kubebuilder:default="eu-central-1"
	AWSRegion string `json:"aws_region,omitempty"`

	// S3 bucket for base backups and WAL.
	WALS3Bucket string `json:"wal_s3_bucket,omitempty"`

	// S3 bucket for server logs.
	LogS3Bucket string `json:"log_s3_bucket,omitempty"`

	// IAM role of the database pods, as an annotation for kube2iam.
	KubeIAMRole string `json:"kube_iam_role,omitempty"`

	// IAM role of the pods' service account.
	IRSARoleARN string `json:"irsa_role_arn,omitempty"`

	// Google Cloud Storage bucket for base backups and WAL.
	WALGSBucket string `json:"wal_gs_bucket,omitempty"`

	// Path of the Google Cloud credentials in the pods.
	GCPCredentials string `json:"gcp_credentials,omitempty"`

	// Azure storage account for base backups and WAL.
	WALAZStorageAccount string `json:"wal_az_storage_account,omitempty"`

	// Secret that is mounted into all containers of database and backup pods.
	AdditionalSecretMount string `json:"additional_secret_mount,omitempty"`

	// Where it is mounted.
	AdditionalSecretMountPath string `json:"additional_secret_mount_path,omitempty"`
}

// OperatorDebugConfiguration helps to find faults.
type OperatorDebugConfiguration struct {
	// Logs more.
	//
	// +kubebuilder:default=true
	DebugLogging *bool `json:"debug_logging,omitempty"`

	// Lets the operator connect to databases. Without it there are no roles and no databases.
	//
	// +kubebuilder:default=true
	EnableDatabaseAccess *bool `json:"enable_database_access,omitempty"`
}

// LoggingRESTAPIConfiguration is the operator's REST API.
type LoggingRESTAPIConfiguration struct {
	// Port of the operator's REST API.
	//
	// +kubebuilder:default=8080
	APIPort *int32 `json:"api_port,omitempty"`

	// Number of log lines kept for each cluster.
	//
	// +kubebuilder:default=100
	RingLogLines *int32 `json:"ring_log_lines,omitempty"`

	// Number of changes kept for each cluster.
	//
	// +kubebuilder:default=1000
	ClusterHistoryEntries *int32 `json:"cluster_history_entries,omitempty"`
}

// ScalyrConfiguration is a log shipping sidecar of every cluster.
type ScalyrConfiguration struct {
	// Key of the Scalyr account.
	ScalyrAPIKey string `json:"scalyr_api_key,omitempty"`

	// Image of the Scalyr sidecar.
	ScalyrImage string `json:"scalyr_image,omitempty"`

	// Server of Scalyr.
	//
	// +kubebuilder:default="https://upload.eu.scalyr.com"
	ScalyrServerURL string `json:"scalyr_server_url,omitempty"`

	// CPU request of the Scalyr sidecar.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	// +kubebuilder:default="100m"
	ScalyrCPURequest string `json:"scalyr_cpu_request,omitempty"`

	// Memory request of the Scalyr sidecar.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	// +kubebuilder:default="50Mi"
	ScalyrMemoryRequest string `json:"scalyr_memory_request,omitempty"`

	// CPU limit of the Scalyr sidecar.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	// +kubebuilder:default="1"
	ScalyrCPULimit string `json:"scalyr_cpu_limit,omitempty"`

	// Memory limit of the Scalyr sidecar.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	// +kubebuilder:default="500Mi"
	ScalyrMemoryLimit string `json:"scalyr_memory_limit,omitempty"`
}

// LogicalBackupConfiguration is about scheduled dumps.
type LogicalBackupConfiguration struct {
	// When dumps are taken: five cron fields.
	//
	// +kubebuilder:validation:Pattern=`^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$`
	// +kubebuilder:default="30 00 * * *"
	LogicalBackupSchedule string `json:"logical_backup_schedule,omitempty"`

	// Image that takes the dump.
	//
	// +kubebuilder:default="ghcr.io/zalando/postgres-operator/logical-backup:v2.0.1"
	LogicalBackupDockerImage string `json:"logical_backup_docker_image,omitempty"`

	// Where dumps go.
	//
	// +kubebuilder:validation:Enum=az;gcs;s3
	// +kubebuilder:default="s3"
	LogicalBackupProvider string `json:"logical_backup_provider,omitempty"`

	// Azure storage account.
	LogicalBackupAzureStorageAccountName string `json:"logical_backup_azure_storage_account_name,omitempty"`

	// Azure storage container.
	LogicalBackupAzureStorageContainer string `json:"logical_backup_azure_storage_container,omitempty"`

	// Key of the Azure storage account.
	LogicalBackupAzureStorageAccountKey string `json:"logical_backup_azure_storage_account_key,omitempty"`

	// Bucket, whatever the provider.
	LogicalBackupS3Bucket string `json:"logical_backup_s3_bucket,omitempty"`

	// Path inside the bucket.
	//
	// +kubebuilder:default="spilo"
	LogicalBackupS3BucketPrefix string `json:"logical_backup_s3_bucket_prefix,omitempty"`

	// Region of the bucket.
	LogicalBackupS3Region string `json:"logical_backup_s3_region,omitempty"`

	// Endpoint, where it is not that of AWS.
	LogicalBackupS3Endpoint string `json:"logical_backup_s3_endpoint,omitempty"`

	// Access key of the bucket.
	LogicalBackupS3AccessKeyID string `json:"logical_backup_s3_access_key_id,omitempty"`

	// Secret key of the bucket.
	LogicalBackupS3SecretAccessKey string `json:"logical_backup_s3_secret_access_key,omitempty"`

	// Server-side encryption, such as AES256.
	LogicalBackupS3SSE string `json:"logical_backup_s3_sse,omitempty"`

	// How long dumps are kept, such as "1 week".
	LogicalBackupS3RetentionTime string `json:"logical_backup_s3_retention_time,omitempty"`

	// Path of the Google Cloud credentials.
	LogicalBackupGoogleApplicationCredentials string `json:"logical_backup_google_application_credentials,omitempty"`

	// Start of the CronJob's name.
	//
	// +kubebuilder:default="logical-backup-"
	LogicalBackupJobPrefix string `json:"logical_backup_job_prefix,omitempty"`

	// Secret in the cluster's namespace whose keys become environment variables.
	LogicalBackupCronJobEnvironmentSecret string `json:"logical_backup_cronjob_environment_secret,omitempty"`

	// CPU request; empty means that of the database.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	LogicalBackupCPURequest string `json:"logical_backup_cpu_request,omitempty"`

	// Memory request; empty means that of the database.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	LogicalBackupMemoryRequest string `json:"logical_backup_memory_request,omitempty"`

	// CPU limit; empty means that of the database.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	LogicalBackupCPULimit string `json:"logical_backup_cpu_limit,omitempty"`

	// Memory limit; empty means that of the database.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	LogicalBackupMemoryLimit string `json:"logical_backup_memory_limit,omitempty"`

	// Number of successful jobs that are kept.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:default=3
	LogicalBackupSuccessfulJobsHistoryLimit *int32 `json:"logical_backup_successful_jobs_history_limit,omitempty"`

	// Number of failed jobs that are kept.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:default=3
	LogicalBackupFailedJobsHistoryLimit *int32 `json:"logical_backup_failed_jobs_history_limit,omitempty"`

	// Seconds that a finished job is kept.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:default=86400
	LogicalBackupTTLSecondsAfterFinished *int32 `json:"logical_backup_ttl_seconds_after_finished,omitempty"`
}

// PatroniConfiguration are the defaults of Patroni.
type PatroniConfiguration struct {
	// Keeps the primary when the Kubernetes API is away but all members are reachable.
	//
	// +kubebuilder:default=false
	EnablePatroniFailsafeMode *bool `json:"enable_patroni_failsafe_mode,omitempty"`
}

// OverlaysConfiguration is what is laid over the built-in templates, beside the ConfigMaps of the operator's namespace.
type OverlaysConfiguration struct {
	// Directory in the operator's pod with overlays: its files, and those of each folder in it.
	OverlayDirectory string `json:"overlay_directory,omitempty"`

	// Overlays in an OCI registry, pinned by digest: registry.example.com/platform/overlays@sha256:0123… for example.
	//
	// +kubebuilder:validation:Pattern=`^$|^[^@\s]+@sha256:[0-9a-f]{64}$`
	OverlayArtifact string `json:"overlay_artifact,omitempty"`

	// How long changed overlays may take to be tried with every cluster before they are refused.
	//
	// +kubebuilder:default="1m"
	OverlayTrialTimeout string `json:"overlay_trial_timeout,omitempty"`

	// Memory that overlays may take while they are tried.
	//
	// +kubebuilder:default="256Mi"
	OverlayTrialMemory string `json:"overlay_trial_memory,omitempty"`
}
