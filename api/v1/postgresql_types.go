package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Postgresql is the manifest of one Postgres cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=postgresqls,singular=postgresql,shortName=pg,categories=all,scope=Namespaced
// +kubebuilder:metadata:labels="app.kubernetes.io/name=postgres-operator"
// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || size(self.metadata.name) <= 52",optionalOldSelf=true,message="metadata.name must be no more than 52 characters: Kubernetes puts it, with 11 more, into a label of each pod"
// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",optionalOldSelf=true,message="metadata.name becomes the name of a Service: it must consist of lower case letters, digits and '-', start with a letter and not end with '-'"
// +kubebuilder:printcolumn:name="Team",type=string,JSONPath=`.spec.teamId`,description="Team that owns the cluster"
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.spec.postgresql.version`,description="Major version of Postgres"
// +kubebuilder:printcolumn:name="Pods",type=integer,JSONPath=`.spec.numberOfInstances`,description="Number of database pods asked for"
// +kubebuilder:printcolumn:name="Volume",type=string,JSONPath=`.spec.volume.size`,description="Size of the data volume of each pod"
// +kubebuilder:printcolumn:name="CPU-Request",type=string,JSONPath=`.spec.resources.requests.cpu`,description="CPU requested for the postgres container"
// +kubebuilder:printcolumn:name="Memory-Request",type=string,JSONPath=`.spec.resources.requests.memory`,description="Memory requested for the postgres container"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since the cluster was created"
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.PostgresClusterStatus`,description="What the operator last did, and how it went"
// +kubebuilder:printcolumn:name="Held",type=string,JSONPath=`.status.held.waitsFor`,description="What a change that would restart pods waits for",priority=1
type Postgresql struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec PostgresSpec `json:"spec"`

	// +optional
	Status PostgresStatus `json:"status,omitempty"`

	// - tells why the stored object could not be decoded; Spec is then empty and Validate
	// reports this text. It is never stored.
	DecodeError string `json:"-"`
}

// PostgresqlList is a list of cluster manifests.
//
// +kubebuilder:object:root=true
type PostgresqlList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Postgresql `json:"items"`
}

// PostgresSpec is the desired state of a cluster. An absent field falls back to the operator's
// configuration where there is an option for it.
type PostgresSpec struct {
	// teamId is the team that owns the cluster. It becomes the label "team" and decides whose members
	// get a database role.
	TeamID string `json:"teamId"`

	// numberOfInstances is the number of database pods, bounded by min_instances and max_instances of
	// the operator's configuration. 0 stops the database and keeps its volumes.
	//
	// +kubebuilder:validation:Minimum=0
	NumberOfInstances int32 `json:"numberOfInstances"`

	// postgresql is the major version and the server parameters.
	Postgresql PostgresqlParam `json:"postgresql"`

	// volume is the data volume of every database pod.
	Volume Volume `json:"volume"`

	// dockerImage overrides the image of the postgres container.
	DockerImage string `json:"dockerImage,omitempty"`

	// resources of the postgres container.
	Resources *Resources `json:"resources,omitempty"`

	// patroni settings: high availability, initdb options and pg_hba.
	//
	// +optional
	Patroni Patroni `json:"patroni,omitempty"`

	// users are database roles by name, each with its role flags. Every user gets a Secret.
	Users map[string]UserFlags `json:"users,omitempty"`

	// usersIgnoringSecretRotation are never rotated.
	//
	// +nullable
	UsersIgnoringSecretRotation []string `json:"usersIgnoringSecretRotation,omitempty"`

	// usersWithSecretRotation are rotated by way of a new, dated role, even where rotation is off in
	// the operator's configuration.
	//
	// +nullable
	UsersWithSecretRotation []string `json:"usersWithSecretRotation,omitempty"`

	// usersWithInPlaceSecretRotation keep their name and get a new password.
	//
	// +nullable
	UsersWithInPlaceSecretRotation []string `json:"usersWithInPlaceSecretRotation,omitempty"`

	// databases to create, each with its owner role. A database is never dropped.
	Databases map[string]string `json:"databases,omitempty"`

	// preparedDatabases are databases with schemas, extensions and a set of owner, reader and writer
	// roles. An empty map makes one database named like the cluster, which is not the same as none.
	//
	// +optional
	PreparedDatabases map[string]PreparedDatabase `json:"preparedDatabases,omitzero"`

	// clone creates the cluster as a copy of another one. Read at bootstrap only.
	Clone *CloneDescription `json:"clone,omitempty"`

	// standby makes the cluster follow a primary elsewhere. Removing it promotes the cluster.
	StandbyCluster *StandbyDescription `json:"standby,omitempty"`

	// enableMasterLoadBalancer makes the primary's Service one of type LoadBalancer.
	EnableMasterLoadBalancer *bool `json:"enableMasterLoadBalancer,omitempty"`

	// enableMasterPoolerLoadBalancer does so for the connection pooler in front of the primary.
	EnableMasterPoolerLoadBalancer *bool `json:"enableMasterPoolerLoadBalancer,omitempty"`

	// enableReplicaLoadBalancer makes the replicas' Service one of type LoadBalancer.
	EnableReplicaLoadBalancer *bool `json:"enableReplicaLoadBalancer,omitempty"`

	// enableReplicaPoolerLoadBalancer does so for the connection pooler in front of the replicas.
	EnableReplicaPoolerLoadBalancer *bool `json:"enableReplicaPoolerLoadBalancer,omitempty"`

	// enableMasterNodePort makes the primary's Service one of type NodePort. It beats the load balancer.
	EnableMasterNodePort *bool `json:"enableMasterNodePort,omitempty"`

	// enableMasterPoolerNodePort does so for the connection pooler in front of the primary.
	EnableMasterPoolerNodePort *bool `json:"enableMasterPoolerNodePort,omitempty"`

	// enableReplicaNodePort makes the replicas' Service one of type NodePort.
	EnableReplicaNodePort *bool `json:"enableReplicaNodePort,omitempty"`

	// enableReplicaPoolerNodePort does so for the connection pooler in front of the replicas.
	EnableReplicaPoolerNodePort *bool `json:"enableReplicaPoolerNodePort,omitempty"`

	// masterNodePort is the port on the nodes; 0 lets Kubernetes choose. It needs enableMasterNodePort.
	MasterNodePort *int32 `json:"masterNodePort,omitempty"`

	// masterPoolerNodePort is the port on the nodes; it needs enableMasterPoolerNodePort.
	MasterPoolerNodePort *int32 `json:"masterPoolerNodePort,omitempty"`

	// replicaNodePort is the port on the nodes; it needs enableReplicaNodePort.
	ReplicaNodePort *int32 `json:"replicaNodePort,omitempty"`

	// replicaPoolerNodePort is the port on the nodes; it needs enableReplicaPoolerNodePort.
	ReplicaPoolerNodePort *int32 `json:"replicaPoolerNodePort,omitempty"`

	// allowedSourceRanges are the networks that may use load balancers. None means 127.0.0.1/32 only.
	//
	// +nullable
	// +kubebuilder:validation:items:Pattern=`^((\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\/(\d|[1-2]\d|3[0-2])|(([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,7}:|([0-9a-fA-F]{1,4}:){1,6}:[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,5}(:[0-9a-fA-F]{1,4}){1,2}|([0-9a-fA-F]{1,4}:){1,4}(:[0-9a-fA-F]{1,4}){1,3}|([0-9a-fA-F]{1,4}:){1,3}(:[0-9a-fA-F]{1,4}){1,4}|([0-9a-fA-F]{1,4}:){1,2}(:[0-9a-fA-F]{1,4}){1,5}|[0-9a-fA-F]{1,4}:((:[0-9a-fA-F]{1,4}){1,6})|:((:[0-9a-fA-F]{1,4}){1,7}|:))\/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$`
	AllowedSourceRanges []string `json:"allowedSourceRanges,omitempty"`

	// serviceAnnotations go to every Service of the cluster.
	ServiceAnnotations map[string]string `json:"serviceAnnotations,omitempty"`

	// masterServiceAnnotations go to the primary's Services and override serviceAnnotations.
	MasterServiceAnnotations map[string]string `json:"masterServiceAnnotations,omitempty"`

	// replicaServiceAnnotations go to the replicas' Services and override serviceAnnotations.
	ReplicaServiceAnnotations map[string]string `json:"replicaServiceAnnotations,omitempty"`

	// enableConnectionPooler runs PgBouncer in front of the primary. Absent, it follows the presence
	// of connectionPooler.
	EnableConnectionPooler *bool `json:"enableConnectionPooler,omitempty"`

	// enableReplicaConnectionPooler runs PgBouncer in front of the replicas.
	EnableReplicaConnectionPooler *bool `json:"enableReplicaConnectionPooler,omitempty"`

	// connectionPooler holds the settings of both poolers.
	ConnectionPooler *ConnectionPooler `json:"connectionPooler,omitempty"`

	// env is added to the postgres container. It cannot override what the operator sets.
	Env []corev1.EnvVar `json:"env,omitempty"`

	// envFrom is added to the postgres container.
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`

	// sidecars are further containers of the database pods.
	Sidecars []Sidecar `json:"sidecars,omitempty"`

	// initContainers of the database pods.
	InitContainers []corev1.Container `json:"initContainers,omitempty"`

	// additionalVolumes are further volumes of the database pods.
	AdditionalVolumes []AdditionalVolume `json:"additionalVolumes,omitempty"`

	// enableShmVolume mounts a memory volume at /dev/shm, beyond the 64 MB of a container runtime.
	EnableShmVolume *bool `json:"enableShmVolume,omitempty"`

	// podAnnotations go to database, pooler and backup pods.
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`

	// podPriorityClassName of the database pods.
	PodPriorityClassName string `json:"podPriorityClassName,omitempty"`

	// schedulerName of the database pods.
	SchedulerName *string `json:"schedulerName,omitempty"`

	// spiloRunAsUser is the user id of the database pods.
	SpiloRunAsUser *int64 `json:"spiloRunAsUser,omitempty"`

	// spiloRunAsGroup is the group id of the database pods.
	SpiloRunAsGroup *int64 `json:"spiloRunAsGroup,omitempty"`

	// spiloFSGroup is the group that owns the volumes of the database pods.
	SpiloFSGroup *int64 `json:"spiloFSGroup,omitempty"`

	// livenessProbe of the postgres container. There is none by default: Patroni watches Postgres.
	LivenessProbe *corev1.Probe `json:"livenessProbe,omitempty"`

	// nodeAffinity of database and pooler pods.
	NodeAffinity *corev1.NodeAffinity `json:"nodeAffinity,omitempty"`

	// tolerations of database, pooler and backup pods.
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// topologySpreadConstraints of database and backup pods.
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// maintenanceWindows in UTC, outside of which no major upgrade and no voluntary switchover happens.
	MaintenanceWindows []MaintenanceWindow `json:"maintenanceWindows,omitempty"`

	// enableLogicalBackup dumps the cluster on a schedule.
	EnableLogicalBackup bool `json:"enableLogicalBackup,omitempty"`

	// logicalBackupSchedule is five cron fields: numbers or *, each with an optional /step.
	//
	// +kubebuilder:validation:Pattern=`^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$`
	LogicalBackupSchedule string `json:"logicalBackupSchedule,omitempty"`

	// logicalBackupRetention is how long dumps in S3 are kept, such as "1 week".
	LogicalBackupRetention string `json:"logicalBackupRetention,omitempty"`

	// tls replaces the self-signed certificate that each pod makes for itself.
	TLS *TLSDescription `json:"tls,omitempty"`

	// streams publish changes of tables as events, through an operator for FabricEventStreams.
	Streams []Stream `json:"streams,omitempty"`
}
