package config

// LoadBalancer holds services and their DNS names.
type LoadBalancer struct {
	DbHostedZone                    string            `key:"db_hosted_zone" default:"db.example.com" doc:"Value of {hostedzone} in DNS names."`
	EnableMasterLoadBalancer        bool              `key:"enable_master_load_balancer" default:"true" schema:"false" doc:"Give primaries a load balancer unless the manifest decides."`
	EnableMasterPoolerLoadBalancer  bool              `key:"enable_master_pooler_load_balancer" default:"false" doc:"Give poolers of primaries a load balancer unless the manifest decides."`
	EnableReplicaLoadBalancer       bool              `key:"enable_replica_load_balancer" default:"false" doc:"Give replicas a load balancer unless the manifest decides."`
	EnableReplicaPoolerLoadBalancer bool              `key:"enable_replica_pooler_load_balancer" default:"false" doc:"Give poolers of replicas a load balancer unless the manifest decides."`
	EnableMasterNodePort            bool              `key:"enable_master_node_port" default:"false" doc:"Give primaries a node port unless the manifest decides; wins over a load balancer."`
	EnableMasterPoolerNodePort      bool              `key:"enable_master_pooler_node_port" default:"false" doc:"Give poolers of primaries a node port unless the manifest decides; wins over a load balancer."`
	EnableReplicaNodePort           bool              `key:"enable_replica_node_port" default:"false" doc:"Give replicas a node port unless the manifest decides; wins over a load balancer."`
	EnableReplicaPoolerNodePort     bool              `key:"enable_replica_pooler_node_port" default:"false" doc:"Give poolers of replicas a node port unless the manifest decides; wins over a load balancer."`
	CustomServiceAnnotations        map[string]string `key:"custom_service_annotations" doc:"Annotations of all services; the manifest's win."`
	ExternalTrafficPolicy           string            `key:"external_traffic_policy" default:"Cluster" allowed:"Cluster|Local" empty:"default" doc:"Traffic policy of load balancers and node ports."`
	MasterDNSNameFormat             Template          `key:"master_dns_name_format" default:"{cluster}.{namespace}.{hostedzone}" code:"" placeholders:"cluster,namespace,team,hostedzone" doc:"DNS name of primaries with a load balancer; placeholders {cluster}, {namespace}, {team}, {hostedzone}."`
	MasterLegacyDNSNameFormat       Template          `key:"master_legacy_dns_name_format" default:"{cluster}.{team}.{hostedzone}" code:"" placeholders:"cluster,team,hostedzone" doc:"Second DNS name for clusters named after their team; placeholders {cluster}, {team}, {hostedzone}."`
	ReplicaDNSNameFormat            Template          `key:"replica_dns_name_format" default:"{cluster}-repl.{namespace}.{hostedzone}" code:"" placeholders:"cluster,namespace,team,hostedzone" doc:"DNS name of replicas with a load balancer; placeholders as for master_dns_name_format."`
	ReplicaLegacyDNSNameFormat      Template          `key:"replica_legacy_dns_name_format" default:"{cluster}-repl.{team}.{hostedzone}" code:"" placeholders:"cluster,team,hostedzone" doc:"Second DNS name of replicas; placeholders as for master_legacy_dns_name_format."`
}

// ConnectionPooler holds PgBouncer in front of a cluster.
type ConnectionPooler struct {
	ConnectionPoolerNumberOfInstances    int32  `key:"connection_pooler_number_of_instances" default:"2" min:"1" empty:"default" doc:"Pooler pods where the manifest states no number; the CRD form raises 1 to 2."`
	ConnectionPoolerSchema               string `key:"connection_pooler_schema" default:"pooler" required:"true" doc:"Schema of the pooler's look-up function in every database."`
	ConnectionPoolerUser                 string `key:"connection_pooler_user" default:"pooler" required:"true" doc:"Role that the pooler looks passwords up with; never the superuser."`
	ConnectionPoolerImage                string `key:"connection_pooler_image" default:"ghcr.io/zalando/postgres-operator/pgbouncer:v2.0.1" doc:"Image of the pooler unless the manifest has one."`
	ConnectionPoolerMode                 string `key:"connection_pooler_mode" default:"transaction" allowed:"session|transaction" empty:"default" doc:"Pool mode unless the manifest has one."`
	ConnectionPoolerMaxDBConnections     int32  `key:"connection_pooler_max_db_connections" default:"60" min:"1" empty:"default" doc:"Server connections of all pooler pods together."`
	ConnectionPoolerDefaultCPURequest    string `key:"connection_pooler_default_cpu_request" format:"cpu" doc:"CPU request of the pooler where the manifest states none."`
	ConnectionPoolerDefaultMemoryRequest string `key:"connection_pooler_default_memory_request" format:"memory" doc:"Memory request of the pooler where the manifest states none."`
	ConnectionPoolerDefaultCPULimit      string `key:"connection_pooler_default_cpu_limit" format:"cpu" doc:"CPU limit of the pooler where the manifest states none."`
	ConnectionPoolerDefaultMemoryLimit   string `key:"connection_pooler_default_memory_limit" format:"memory" doc:"Memory limit of the pooler where the manifest states none."`
}

// LogicalBackup holds scheduled dumps.
type LogicalBackup struct {
	LogicalBackupSchedule                     string `key:"logical_backup_schedule" default:"30 00 * * *" format:"cron" doc:"Cron schedule of logical backups unless the manifest has one."`
	LogicalBackupDockerImage                  string `key:"logical_backup_docker_image" default:"ghcr.io/zalando/postgres-operator/logical-backup:v2.0.1" doc:"Image of the logical backup job."`
	LogicalBackupProvider                     string `key:"logical_backup_provider" default:"s3" allowed:"az|gcs|s3" empty:"default" doc:"Kind of storage that logical backups go to."`
	LogicalBackupAzureStorageAccountName      string `key:"logical_backup_azure_storage_account_name" doc:"Azure storage account of logical backups."`
	LogicalBackupAzureStorageContainer        string `key:"logical_backup_azure_storage_container" doc:"Azure storage container of logical backups."`
	LogicalBackupAzureStorageAccountKey       string `key:"logical_backup_azure_storage_account_key" secret:"true" doc:"Key of the Azure storage account."`
	LogicalBackupS3Bucket                     string `key:"logical_backup_s3_bucket" doc:"Bucket of logical backups, with any provider."`
	LogicalBackupS3BucketPrefix               string `key:"logical_backup_s3_bucket_prefix" default:"spilo" doc:"Path prefix inside the bucket, with any provider."`
	LogicalBackupS3Region                     string `key:"logical_backup_s3_region" doc:"S3 region of the bucket."`
	LogicalBackupS3Endpoint                   string `key:"logical_backup_s3_endpoint" doc:"S3 endpoint, for stores other than AWS."`
	LogicalBackupS3AccessKeyID                string `key:"logical_backup_s3_access_key_id" secret:"true" doc:"S3 access key id."`
	LogicalBackupS3SecretAccessKey            string `key:"logical_backup_s3_secret_access_key" secret:"true" doc:"S3 secret access key."`
	LogicalBackupS3SSE                        string `key:"logical_backup_s3_sse" doc:"S3 server-side encryption, for instance AES256."`
	LogicalBackupS3RetentionTime              string `key:"logical_backup_s3_retention_time" doc:"How long logical backups are kept, for instance 3 days; empty keeps them."`
	LogicalBackupGoogleApplicationCredentials string `key:"logical_backup_google_application_credentials" doc:"Path of the Google credentials file in the backup container."`
	LogicalBackupJobPrefix                    string `key:"logical_backup_job_prefix" default:"logical-backup-" doc:"Start of the name of backup CronJobs."`
	LogicalBackupCronjobEnvironmentSecret     string `key:"logical_backup_cronjob_environment_secret" doc:"Secret in the namespace of a cluster whose entries become environment variables of its backup job."`
	LogicalBackupCPURequest                   string `key:"logical_backup_cpu_request" format:"cpu" doc:"CPU request of the backup job; empty takes default_cpu_request."`
	LogicalBackupMemoryRequest                string `key:"logical_backup_memory_request" format:"memory" doc:"Memory request of the backup job; empty takes default_memory_request."`
	LogicalBackupCPULimit                     string `key:"logical_backup_cpu_limit" format:"cpu" doc:"CPU limit of the backup job; empty takes default_cpu_limit."`
	LogicalBackupMemoryLimit                  string `key:"logical_backup_memory_limit" format:"memory" doc:"Memory limit of the backup job; empty takes default_memory_limit."`
	LogicalBackupSuccessfulJobsHistoryLimit   int32  `key:"logical_backup_successful_jobs_history_limit" default:"3" min:"0" empty:"default" doc:"Finished backup jobs that are kept."`
	LogicalBackupFailedJobsHistoryLimit       int32  `key:"logical_backup_failed_jobs_history_limit" default:"3" min:"0" empty:"default" doc:"Failed backup jobs that are kept."`
	LogicalBackupTTLSecondsAfterFinished      int32  `key:"logical_backup_ttl_seconds_after_finished" default:"86400" min:"0" empty:"default" doc:"Seconds until an ended backup job is removed."`
}

// Scalyr holds the log shipping sidecar.
type Scalyr struct {
	ScalyrAPIKey        string `key:"scalyr_api_key" secret:"true" doc:"Key of the Scalyr log service; the sidecar needs it and scalyr_image."`
	ScalyrImage         string `key:"scalyr_image" doc:"Image of the Scalyr sidecar."`
	ScalyrServerURL     string `key:"scalyr_server_url" default:"https://upload.eu.scalyr.com" code:"" doc:"Address that the Scalyr sidecar sends to."`
	ScalyrCPURequest    string `key:"scalyr_cpu_request" default:"100m" code:"" format:"cpu" doc:"CPU request of the Scalyr sidecar."`
	ScalyrMemoryRequest string `key:"scalyr_memory_request" default:"50Mi" code:"" format:"memory" doc:"Memory request of the Scalyr sidecar."`
	ScalyrCPULimit      string `key:"scalyr_cpu_limit" default:"1" code:"" format:"cpu" doc:"CPU limit of the Scalyr sidecar."`
	ScalyrMemoryLimit   string `key:"scalyr_memory_limit" default:"500Mi" code:"" format:"memory" doc:"Memory limit of the Scalyr sidecar."`
}

// Cloud holds what clouds need.
type Cloud struct {
	AWSRegion                 string `key:"aws_region" default:"eu-central-1" code:"" doc:"AWS region in which volumes are resized."`
	WALES3Bucket              string `key:"wal_s3_bucket" doc:"S3 bucket of WAL archives and base backups."`
	LogS3Bucket               string `key:"log_s3_bucket" doc:"S3 bucket that Spilo ships its logs to."`
	KubeIAMRole               string `key:"kube_iam_role" doc:"AWS role of pods by the annotation of kube2iam."`
	IRSARoleARN               string `key:"irsa_role_arn" doc:"AWS role of the pods' service account."`
	WALGSBucket               string `key:"wal_gs_bucket" doc:"Google Cloud Storage bucket of WAL archives and base backups."`
	GCPCredentials            string `key:"gcp_credentials" doc:"Path of the Google credentials file in the postgres container."`
	WALAZStorageAccount       string `key:"wal_az_storage_account" doc:"Azure storage account of WAL archives and base backups."`
	AdditionalSecretMount     string `key:"additional_secret_mount" doc:"Secret mounted into every container of Spilo and backup pods."`
	AdditionalSecretMountPath string `key:"additional_secret_mount_path" doc:"Path at which additional_secret_mount appears."`
}
