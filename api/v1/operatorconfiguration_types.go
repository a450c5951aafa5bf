package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OperatorConfiguration is the configuration of an operator as an object. Which object an operator
// reads is said by its environment variable POSTGRES_OPERATOR_CONFIGURATION_OBJECT.
//
// Package config gives the options their meaning; this type is their schema. An option is a pointer
// where "absent" differs from the zero value. A default inside a group takes effect only when the
// group is present.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=operatorconfigurations,singular=operatorconfiguration,shortName=opconfig,categories=all,scope=Namespaced
// +kubebuilder:metadata:labels="app.kubernetes.io/name=postgres-operator"
// +kubebuilder:printcolumn:name="Image",type=string,JSONPath=`.configuration.docker_image`,description="Image of the postgres container"
// +kubebuilder:printcolumn:name="Cluster-Label",type=string,JSONPath=`.configuration.kubernetes.cluster_name_label`,description="Label that holds the name of the cluster"
// +kubebuilder:printcolumn:name="Service-Account",type=string,JSONPath=`.configuration.kubernetes.pod_service_account_name`,description="Service account of the pods"
// +kubebuilder:printcolumn:name="Min-Instances",type=integer,JSONPath=`.configuration.min_instances`,description="Lower bound of instances of a cluster"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since the configuration was created"
type OperatorConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Configuration OperatorConfigurationData `json:"configuration"`
}

// OperatorConfigurationList is a list of OperatorConfigurations.
//
// +kubebuilder:object:root=true
type OperatorConfigurationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []OperatorConfiguration `json:"items"`
}

// OperatorConfigurationData holds the options: general ones, and the others in groups.
type OperatorConfigurationData struct {
	// Time after which every cluster is looked at again, changed or not.
	//
	// +kubebuilder:default="30m"
	ResyncPeriod string `json:"resync_period,omitempty"`

	// Time after which a cluster whose last operation failed is tried again.
	//
	// +kubebuilder:default="5m"
	RepairPeriod string `json:"repair_period,omitempty"`

	// Creates and updates the CustomResourceDefinitions at start-up.
	//
	// +kubebuilder:default=true
	EnableCRDRegistration *bool `json:"enable_crd_registration,omitempty"`

	// Categories of kind postgresql, for "kubectl get <category>".
	//
	// +kubebuilder:default={all}
	CRDCategories []string `json:"crd_categories,omitempty"`

	// Mounts a memory volume at /dev/shm of the postgres container.
	//
	// +kubebuilder:default=true
	EnableShmVolume *bool `json:"enable_shm_volume,omitempty"`

	// Upper bound of numberOfInstances; -1 means none.
	//
	// +kubebuilder:validation:Minimum=-1
	// +kubebuilder:default=-1
	MaxInstances *int32 `json:"max_instances,omitempty"`

	// Lower bound of numberOfInstances; -1 means none. It wins over max_instances.
	//
	// +kubebuilder:validation:Minimum=-1
	// +kubebuilder:default=-1
	MinInstances *int32 `json:"min_instances,omitempty"`

	// Annotation that exempts a manifest from both bounds, when its value is "true".
	IgnoreInstanceLimitsAnnotationKey string `json:"ignore_instance_limits_annotation_key,omitempty"`

	// Annotation that exempts a manifest from min_*_limit and max_*_request, when its value is "true".
	IgnoreResourcesLimitsAnnotationKey string `json:"ignore_resources_limits_annotation_key,omitempty"`

	// Keeps the state of Patroni in ConfigMaps instead of Endpoints.
	//
	// +kubebuilder:default=true
	KubernetesUseConfigMaps *bool `json:"kubernetes_use_configmaps,omitempty"`

	// Keeps the state of Patroni in this etcd instead of the Kubernetes API.
	EtcdHost string `json:"etcd_host,omitempty"`

	// Switches maintenance windows off when false: every time is good.
	//
	// +kubebuilder:default=true
	EnableMaintenanceWindows *bool `json:"enable_maintenance_windows,omitempty"`

	// Windows in UTC of manifests that have none.
	MaintenanceWindows []MaintenanceWindow `json:"maintenance_windows,omitempty"`

	// Image of the postgres container.
	//
	// +kubebuilder:default="ghcr.io/zalando/spilo-18:4.1-p2"
	DockerImage string `json:"docker_image,omitempty"`

	// Sidecars of every cluster, name to image. Use sidecars instead.
	SidecarDockerImages map[string]string `json:"sidecar_docker_images,omitempty"`

	// Sidecars of every cluster, as containers of a pod.
	Sidecars []corev1.Container `json:"sidecars,omitempty"`

	// Number of clusters that are worked on at the same time.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:default=8
	Workers *uint32 `json:"workers,omitempty"`

	// Raises the memory request of every container to its limit.
	//
	// +kubebuilder:default=false
	SetMemoryRequestToLimit *bool `json:"set_memory_request_to_limit,omitempty"`

	// Lets pods keep their image until they are replaced for another reason.
	//
	// +kubebuilder:default=false
	EnableLazySpiloUpgrade *bool `json:"enable_lazy_spilo_upgrade,omitempty"`

	// Passes the major version in PGVERSION rather than in postgresql.bin_dir.
	//
	// +kubebuilder:default=true
	EnablePGVersionEnvVar *bool `json:"enable_pgversion_env_var,omitempty"`

	// Looks for archived WAL under the path of an earlier Spilo, too.
	//
	// +kubebuilder:default=false
	EnableSpiloWALPathCompat *bool `json:"enable_spilo_wal_path_compat,omitempty"`

	// Refuses clusters whose name does not start with their team.
	//
	// +kubebuilder:default=false
	EnableTeamIDClusterNamePrefix *bool `json:"enable_team_id_clustername_prefix,omitempty"`

	// users are the users that every cluster has, and how passwords rotate.
	Users *PostgresUsersConfiguration `json:"users,omitempty"`

	// major_version_upgrade says which clusters are upgraded to a new major version.
	MajorVersionUpgrade *MajorVersionUpgradeConfiguration `json:"major_version_upgrade,omitempty"`

	// kubernetes is about the objects the operator creates.
	Kubernetes *KubernetesMetaConfiguration `json:"kubernetes,omitempty"`

	// postgres_pod_resources are requests and limits of the database pods.
	PostgresPodResources *PostgresPodResourcesDefaults `json:"postgres_pod_resources,omitempty"`

	// timeouts are the times the operator waits.
	Timeouts *OperatorTimeouts `json:"timeouts,omitempty"`

	// load_balancer is about access from outside.
	LoadBalancer *LoadBalancerConfiguration `json:"load_balancer,omitempty"`

	// aws_or_gcp is about the cloud the operator runs in.
	AWSOrGCP *CloudConfiguration `json:"aws_or_gcp,omitempty"`

	// debug helps to find faults.
	Debug *OperatorDebugConfiguration `json:"debug,omitempty"`

	// teams_api says where team members come from and what they may do.
	TeamsAPI *TeamsAPIConfiguration `json:"teams_api,omitempty"`

	// logging_rest_api is the operator's REST API.
	LoggingRESTAPI *LoggingRESTAPIConfiguration `json:"logging_rest_api,omitempty"`

	// scalyr is a log shipping sidecar of every cluster.
	Scalyr *ScalyrConfiguration `json:"scalyr,omitempty"`

	// logical_backup is about scheduled dumps.
	LogicalBackup *LogicalBackupConfiguration `json:"logical_backup,omitempty"`

	// connection_pooler are the defaults of connection poolers.
	ConnectionPooler *ConnectionPoolerConfiguration `json:"connection_pooler,omitempty"`

	// patroni are the defaults of Patroni.
	Patroni *PatroniConfiguration `json:"patroni,omitempty"`

	// overlays are what is laid over the built-in templates.
	Overlays *OverlaysConfiguration `json:"overlays,omitempty"`

	// fleet says how a new operator, configuration or template reaches clusters whose pods it would restart.
	Fleet *FleetConfiguration `json:"fleet,omitempty"`
}
