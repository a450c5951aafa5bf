package config

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Kubernetes holds where and how pods run, and what their objects are called.
type Kubernetes struct {
	EnableOwnerReferences                    bool                 `key:"enable_owner_references" default:"false" doc:"Own the objects of a cluster through owner references; deletion guards by annotation are then off."`
	PodTerminateGracePeriod                  time.Duration        `key:"pod_terminate_grace_period" default:"5m" doc:"Time that Spilo, pooler and backup pods get to stop."`
	LivenessProbe                            *corev1.Probe        `key:"liveness_probe" only:"crd" doc:"Liveness probe of the postgres container unless the manifest has one."`
	SpiloRunAsUser                           *int64               `key:"spilo_runasuser" doc:"User id of Spilo and backup pods unless the manifest has one."`
	SpiloRunAsGroup                          *int64               `key:"spilo_runasgroup" doc:"Group id of Spilo and backup pods unless the manifest has one."`
	SpiloFSGroup                             *int64               `key:"spilo_fsgroup" doc:"Group id that owns the volumes of Spilo and pooler pods unless the manifest has one."`
	PodPriorityClassName                     string               `key:"pod_priority_class_name" doc:"Priority class of Spilo pods unless the manifest has one."`
	ClusterDomain                            string               `key:"cluster_domain" default:"cluster.local" required:"true" doc:"DNS suffix of the Kubernetes cluster, used to reach databases by service name."`
	SpiloPrivileged                          bool                 `key:"spilo_privileged" default:"false" doc:"Run the postgres and backup containers privileged."`
	SpiloAllowPrivilegeEscalation            *bool                `key:"spilo_allow_privilege_escalation" default:"true" doc:"Let processes of the postgres and backup containers gain privileges; unset leaves it to Kubernetes."`
	AdditionalPodCapabilities                []string             `key:"additional_pod_capabilities" doc:"Linux capabilities added to the postgres container."`
	ClusterLabels                            map[string]string    `key:"cluster_labels" default:"application:spilo" required:"true" restart:"true" format:"labels" doc:"Labels on every object of every cluster, part of all selectors."`
	InheritedLabels                          []string             `key:"inherited_labels" format:"label" doc:"Label keys copied from the manifest to the objects of its cluster."`
	InheritedAnnotations                     []string             `key:"inherited_annotations" doc:"Annotation keys copied from the manifest to the objects of its cluster."`
	DownscalerAnnotations                    []string             `key:"downscaler_annotations" format:"regexp" doc:"Regular expressions: annotations of the manifest whose key matches are copied to its workloads."`
	IgnoredAnnotations                       []string             `key:"ignored_annotations" doc:"Annotation keys that others write and that no comparison looks at."`
	ClusterNameLabel                         string               `key:"cluster_name_label" default:"cluster-name" required:"true" restart:"true" format:"label" doc:"Label key that holds the name of the cluster."`
	DeleteAnnotationDateKey                  string               `key:"delete_annotation_date_key" doc:"Annotation that must carry today's date before a cluster is deleted."`
	DeleteAnnotationNameKey                  string               `key:"delete_annotation_name_key" doc:"Annotation that must carry the cluster's name before it is deleted."`
	PodRoleLabel                             string               `key:"pod_role_label" default:"spilo-role" required:"true" format:"label" doc:"Label key in which Patroni keeps the role of a pod."`
	PodToleration                            map[string]string    `key:"toleration" format:"toleration" doc:"One toleration (key, operator, value, effect) for pods whose manifest has none."`
	PodEnvironmentConfigMap                  NamespacedName       `key:"pod_environment_configmap" doc:"ConfigMap whose entries become environment variables of the postgres container."`
	PodEnvironmentSecret                     string               `key:"pod_environment_secret" doc:"Secret in the namespace of a cluster whose entries become environment variables."`
	NodeReadinessLabel                       map[string]string    `key:"node_readiness_label" format:"labels" doc:"Labels of nodes that may run databases; a node that loses them is drained."`
	NodeReadinessLabelMerge                  string               `key:"node_readiness_label_merge" default:"OR" schema:"" allowed:"AND|OR" doc:"How node_readiness_label joins the node affinity of a manifest; empty leaves the manifest's alone."`
	SecretNameTemplate                       Template             `key:"secret_name_template" default:"{username}.{cluster}.credentials.{tprkind}.{tprgroup}" code:"" required:"true" placeholders:"username,cluster,tprkind,tprgroup" doc:"Name of a credential Secret; placeholders {username}, {cluster}, {tprkind}, {tprgroup}."`
	OAuthTokenSecretName                     NamespacedName       `key:"oauth_token_secret_name" default:"postgresql-operator" schema:"postgres-operator" code:"" doc:"Secret with the token for the Teams API."`
	InfrastructureRolesSecretName            NamespacedName       `key:"infrastructure_roles_secret_name" doc:"Secret that lists roles of every cluster as userN, passwordN, inroleN."`
	InfrastructureRoles                      []InfrastructureRole `key:"infrastructure_roles_secrets" doc:"Secrets that each describe roles of every cluster."`
	WatchedNamespace                         string               `key:"watched_namespace" format:"namespaces" restart:"true" doc:"Namespaces to serve: empty for the operator's own, one, several separated by commas, or * for all."`
	PodServiceAccountName                    string               `key:"pod_service_account_name" default:"postgres-pod" required:"true" format:"name" restart:"true" doc:"Service account of all pods, created in a namespace where it is missing."`
	PodServiceAccountDefinition              Definition           `key:"pod_service_account_definition" format:"ServiceAccount" doc:"ServiceAccount (JSON or YAML) to create instead of a bare one; its name is pod_service_account_name."`
	PodServiceAccountRoleBindingDefinition   Definition           `key:"pod_service_account_role_binding_definition" format:"RoleBinding" restart:"true" doc:"RoleBinding (JSON or YAML) to create instead of one to the ClusterRole named like the account."`
	MasterPodMoveTimeout                     time.Duration        `key:"master_pod_move_timeout" default:"20m" code:"10m" doc:"How long moving a primary off a drained node is tried."`
	CustomPodAnnotations                     map[string]string    `key:"custom_pod_annotations" doc:"Annotations of Spilo, pooler and backup pods; the manifest's win."`
	EnablePodAntiAffinity                    bool                 `key:"enable_pod_antiaffinity" default:"false" doc:"Keep pods of one cluster apart."`
	PodAntiAffinityPreferredDuringScheduling bool                 `key:"pod_antiaffinity_preferred_during_scheduling" default:"false" doc:"Treat anti-affinity as a wish instead of a must."`
	PodAntiAffinityTopologyKey               string               `key:"pod_antiaffinity_topology_key" default:"kubernetes.io/hostname" doc:"Node label by which pods are kept apart."`
	StorageResizeMode                        string               `key:"storage_resize_mode" default:"pvc" allowed:"ebs|mixed|pvc|off" empty:"default" doc:"How volumes grow: by claim, by the EC2 API, by both, or not."`
	PDBNameFormat                            Template             `key:"pdb_name_format" default:"postgres-{cluster}-pdb" code:"" required:"true" placeholders:"cluster" doc:"Name of the disruption budget of the primary; placeholder {cluster}."`
	PDBMasterLabelSelector                   bool                 `key:"pdb_master_label_selector" default:"true" empty:"default" doc:"Let the disruption budget cover the primary only."`
	EnablePodDisruptionBudget                bool                 `key:"enable_pod_disruption_budget" default:"true" empty:"default" doc:"Protect pods from eviction; false opens the budgets, they stay."`
	EnableInitContainers                     bool                 `key:"enable_init_containers" default:"true" empty:"default" doc:"Allow init containers in manifests."`
	EnableSidecars                           bool                 `key:"enable_sidecars" default:"true" empty:"default" doc:"Allow sidecars in manifests."`
	SharePgSocketWithSidecars                bool                 `key:"share_pgsocket_with_sidecars" default:"false" doc:"Share the Unix socket of Postgres with sidecars."`
	PodManagementPolicy                      string               `key:"pod_management_policy" default:"ordered_ready" allowed:"ordered_ready|parallel" empty:"default" doc:"Whether pods of a new cluster start one after another or at once."`
	EnableReadinessProbe                     bool                 `key:"enable_readiness_probe" default:"false" doc:"Probe the postgres container for readiness through Patroni."`
	EnableCrossNamespaceSecret               bool                 `key:"enable_cross_namespace_secret" default:"false" restart:"true" doc:"Put the Secret of user namespace.name into that namespace."`
	EnableFinalizers                         bool                 `key:"enable_finalizers" default:"false" doc:"Hold a deleted manifest by a finalizer until its objects are gone."`
	EnableSecretsDeletion                    bool                 `key:"enable_secrets_deletion" default:"true" doc:"Delete the Secrets of a deleted cluster."`
	EnablePersistentVolumeClaimDeletion      bool                 `key:"enable_persistent_volume_claim_deletion" default:"true" doc:"Delete the volume claims of a deleted cluster."`
	PersistentVolumeClaimRetentionPolicy     map[string]string    `key:"persistent_volume_claim_retention_policy" default:"when_deleted:retain,when_scaled:retain" schema:"" format:"retention" doc:"What becomes of volume claims (delete or retain) when_deleted and when_scaled."`
}

// PodResources holds default, smallest and largest resources of the postgres container.
type PodResources struct {
	DefaultCPURequest    string `key:"default_cpu_request" format:"cpu" doc:"CPU request where the manifest states none; empty or 0 means none."`
	DefaultMemoryRequest string `key:"default_memory_request" format:"memory" doc:"Memory request where the manifest states none; empty or 0 means none."`
	DefaultCPULimit      string `key:"default_cpu_limit" format:"cpu" doc:"CPU limit where the manifest states none; empty or 0 means none."`
	DefaultMemoryLimit   string `key:"default_memory_limit" format:"memory" doc:"Memory limit where the manifest states none; empty or 0 means none."`
	MinCPULimit          string `key:"min_cpu_limit" format:"cpu" doc:"Smallest CPU limit of the postgres container; lower ones are raised."`
	MinMemoryLimit       string `key:"min_memory_limit" format:"memory" doc:"Smallest memory limit of the postgres container; lower ones are raised."`
	MaxCPURequest        string `key:"max_cpu_request" format:"cpu" doc:"Largest CPU request of the postgres container; higher ones are cut."`
	MaxMemoryRequest     string `key:"max_memory_request" format:"memory" doc:"Largest memory request of the postgres container; higher ones are cut."`
}
