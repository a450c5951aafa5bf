package config

import (
	"postgres-operator/window"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// General holds the options at the top level of an OperatorConfiguration.
type General struct {
	ResyncPeriod                       time.Duration      `key:"resync_period" default:"30m" doc:"How often every cluster is compared in full with its manifest."`
	RepairPeriod                       time.Duration      `key:"repair_period" default:"5m" doc:"How often a cluster whose last attempt failed is tried again."`
	EnableCRDRegistration              bool               `key:"enable_crd_registration" default:"true" restart:"true" doc:"Create or update the definition of the postgresql kind at start."`
	CRDCategories                      []string           `key:"crd_categories" default:"all" restart:"true" doc:"Categories of the registered postgresql kind, as in kubectl get all."`
	ShmVolume                          bool               `key:"enable_shm_volume" default:"true" doc:"Mount a memory volume at /dev/shm of the postgres container."`
	MaxInstances                       int32              `key:"max_instances" default:"-1" code:"0" min:"-1" doc:"Largest number of instances of a cluster; negative means no bound."`
	MinInstances                       int32              `key:"min_instances" default:"-1" code:"0" min:"-1" doc:"Smallest number of instances of a cluster; negative means no bound."`
	IgnoreInstanceLimitsAnnotationKey  string             `key:"ignore_instance_limits_annotation_key" doc:"Annotation that, set to true, lifts min_instances and max_instances."`
	IgnoreResourcesLimitsAnnotationKey string             `key:"ignore_resources_limits_annotation_key" doc:"Annotation that, set to true, lifts the bounds on requests and limits."`
	KubernetesUseConfigMaps            bool               `key:"kubernetes_use_configmaps" default:"true" empty:"default" doc:"Keep Patroni's state in ConfigMaps (true) or Endpoints (false)."`
	EtcdHost                           string             `key:"etcd_host" doc:"Keep Patroni's state in this etcd instead of Kubernetes."`
	EnableMaintenanceWindows           bool               `key:"enable_maintenance_windows" default:"true" empty:"default" doc:"Honour maintenance windows; false means that every time is good."`
	MaintenanceWindows                 []window.Window    `key:"maintenance_windows" doc:"Maintenance windows in UTC for manifests that have none, as HH:MM-HH:MM or Sat:HH:MM-HH:MM."`
	DockerImage                        string             `key:"docker_image" default:"ghcr.io/zalando/spilo-18:4.1-p2" doc:"Spilo image unless the manifest has one."`
	SidecarImages                      map[string]string  `key:"sidecar_docker_images" doc:"Sidecars of every cluster by name and image; sidecars says more and is preferred."`
	SidecarContainers                  []corev1.Container `key:"sidecars" doc:"Sidecar containers of every cluster."`
	EnableLoadBalancer                 *bool              `key:"enable_load_balancer" only:"configmap" doc:"Obsolete and without effect; gives a warning."`
	Workers                            uint32             `key:"workers" default:"8" min:"1" restart:"true" doc:"Clusters that are worked on at the same time."`
	SetMemoryRequestToLimit            bool               `key:"set_memory_request_to_limit" default:"false" doc:"Raise memory requests to the limits."`
	EnableLazySpiloUpgrade             bool               `key:"enable_lazy_spilo_upgrade" default:"false" doc:"Restart no pod for a new image alone."`
	EnablePgVersionEnvVar              bool               `key:"enable_pgversion_env_var" default:"true" code:"false" doc:"Tell Spilo the version by PGVERSION instead of by the path of its binaries."`
	EnableSpiloWalPathCompat           bool               `key:"enable_spilo_wal_path_compat" default:"false" doc:"Look for backups under the paths of older Spilo images too."`
	EnableTeamIdClusternamePrefix      bool               `key:"enable_team_id_clustername_prefix" default:"false" doc:"Demand that names of clusters start with their team."`
}

// Debug holds switches for looking closer.
type Debug struct {
	DebugLogging   bool `key:"debug_logging" default:"true" doc:"Log in detail."`
	EnableDBAccess bool `key:"enable_database_access" default:"true" doc:"Let the operator connect to databases; false leaves roles and databases alone."`
}

// Timeouts holds how long things may take.
type Timeouts struct {
	ReadyWaitInterval       time.Duration `key:"ready_wait_interval" default:"4s" doc:"Accepted for compatibility: nothing waits for custom resource definitions by polling."`
	ReadyWaitTimeout        time.Duration `key:"ready_wait_timeout" default:"30s" doc:"Accepted for compatibility: nothing waits for custom resource definitions by polling."`
	ResourceCheckInterval   time.Duration `key:"resource_check_interval" default:"3s" doc:"Pause between two looks at an object that is awaited."`
	ResourceCheckTimeout    time.Duration `key:"resource_check_timeout" default:"10m" doc:"How long an awaited object may take."`
	PodLabelWaitTimeout     time.Duration `key:"pod_label_wait_timeout" default:"10m" doc:"How long a new or promoted pod may take until it carries its role label."`
	PodDeletionWaitTimeout  time.Duration `key:"pod_deletion_wait_timeout" default:"10m" doc:"How long a deleted pod may take to disappear."`
	PatroniAPICheckInterval time.Duration `key:"patroni_api_check_interval" default:"1s" doc:"Pause between two attempts to read from Patroni."`
	PatroniAPICheckTimeout  time.Duration `key:"patroni_api_check_timeout" default:"5s" doc:"How long reading from Patroni is tried."`
}

// MajorVersionUpgrade holds upgrades of Postgres itself.
type MajorVersionUpgrade struct {
	MajorVersionUpgradeMode          string   `key:"major_version_upgrade_mode" default:"manual" allowed:"off|manual|full" empty:"default" doc:"Upgrade Postgres never, when the manifest asks, or also below minimal_major_version."`
	MajorVersionUpgradeTeamAllowList []string `key:"major_version_upgrade_team_allow_list" doc:"Teams that may upgrade although the mode is off."`
	MinimalMajorVersion              string   `key:"minimal_major_version" default:"14" format:"version" doc:"Mode full: clusters below this version are upgraded."`
	TargetMajorVersion               string   `key:"target_major_version" default:"18" format:"version" doc:"Mode full: version that such clusters are upgraded to."`
}

// Patroni holds Patroni's settings beyond the manifest.
type Patroni struct {
	EnablePatroniFailsafeMode *bool `key:"enable_patroni_failsafe_mode" default:"false" doc:"Patroni's failsafe mode unless the manifest decides; unset leaves Patroni's setting alone."`
}

// RESTAPI holds the operator's HTTP interface.
type RESTAPI struct {
	APIPort               int `key:"api_port" default:"8080" min:"1" max:"65535" restart:"true" doc:"Port of the operator's HTTP interface."`
	RingLogLines          int `key:"ring_log_lines" default:"100" min:"0" restart:"true" doc:"Log lines kept per cluster for the HTTP interface."`
	ClusterHistoryEntries int `key:"cluster_history_entries" default:"1000" min:"0" restart:"true" doc:"Changes kept per cluster for the HTTP interface."`
}
