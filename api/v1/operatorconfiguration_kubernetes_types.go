package v1

import corev1 "k8s.io/api/core/v1"

// KubernetesMetaConfiguration is about the objects the operator creates.
type KubernetesMetaConfiguration struct {
	// Makes the manifest the owner of what is created for it.
	//
	// +kubebuilder:default=false
	EnableOwnerReferences *bool `json:"enable_owner_references,omitempty"`

	// Time that pods have to stop.
	//
	// +kubebuilder:default="5m"
	PodTerminateGracePeriod string `json:"pod_terminate_grace_period,omitempty"`

	// Liveness probe of the postgres container.
	LivenessProbe *corev1.Probe `json:"liveness_probe,omitempty"`

	// User id of database and backup pods.
	SpiloRunAsUser *int64 `json:"spilo_runasuser,omitempty"`

	// Group id of database and backup pods.
	SpiloRunAsGroup *int64 `json:"spilo_runasgroup,omitempty"`

	// Group that owns the volumes of database, backup and pooler pods.
	SpiloFSGroup *int64 `json:"spilo_fsgroup,omitempty"`

	// Priority class of the database pods.
	PodPriorityClassName string `json:"pod_priority_class_name,omitempty"`

	// DNS domain of the Kubernetes cluster.
	//
	// +kubebuilder:default="cluster.local"
	ClusterDomain string `json:"cluster_domain,omitempty"`

	// Runs the postgres container privileged.
	//
	// +kubebuilder:default=false
	SpiloPrivileged *bool `json:"spilo_privileged,omitempty"`

	// Allows privilege escalation in the postgres container.
	//
	// +kubebuilder:default=true
	SpiloAllowPrivilegeEscalation *bool `json:"spilo_allow_privilege_escalation,omitempty"`

	// Linux capabilities added to the postgres container.
	AdditionalPodCapabilities []string `json:"additional_pod_capabilities,omitempty"`

	// Labels of all objects of a cluster. Their selectors contain them: never change them under a running cluster.
	//
	// +kubebuilder:default={application:spilo}
	ClusterLabels map[string]string `json:"cluster_labels,omitempty"`

	// Labels that a manifest hands down to its objects.
	InheritedLabels []string `json:"inherited_labels,omitempty"`

	// Annotations that a manifest hands down to its objects.
	InheritedAnnotations []string `json:"inherited_annotations,omitempty"`

	// Annotations, as regular expressions, that a manifest hands down to StatefulSet and pooler Deployment.
	DownscalerAnnotations []string `json:"downscaler_annotations,omitempty"`

	// Annotations of objects that are none of the operator's business.
	IgnoredAnnotations []string `json:"ignored_annotations,omitempty"`

	// Label that holds the name of the cluster.
	//
	// +kubebuilder:default="cluster-name"
	ClusterNameLabel string `json:"cluster_name_label,omitempty"`

	// Annotation that must hold today's date for a manifest to be deleted.
	DeleteAnnotationDateKey string `json:"delete_annotation_date_key,omitempty"`

	// Annotation that must hold the cluster's name for a manifest to be deleted.
	DeleteAnnotationNameKey string `json:"delete_annotation_name_key,omitempty"`

	// Label that holds the role of a pod: master or replica.
	//
	// +kubebuilder:default="spilo-role"
	PodRoleLabel string `json:"pod_role_label,omitempty"`

	// Toleration of all pods: key, operator, value and effect.
	Toleration map[string]string `json:"toleration,omitempty"`

	// ConfigMap, with or without a namespace, whose keys become environment variables of the postgres container.
	PodEnvironmentConfigMap string `json:"pod_environment_configmap,omitempty"`

	// Secret in the cluster's namespace whose keys become environment variables of the postgres container.
	PodEnvironmentSecret string `json:"pod_environment_secret,omitempty"`

	// Labels of a node that may run databases. A node that loses them is drained of primaries.
	NodeReadinessLabel map[string]string `json:"node_readiness_label,omitempty"`

	// How these labels join the node affinity of a manifest: as a further term, or into each term.
	//
	// +kubebuilder:validation:Enum=AND;OR
	NodeReadinessLabelMerge string `json:"node_readiness_label_merge,omitempty"`

	// Name of a role's Secret, with {username}, {cluster}, {tprkind} and {tprgroup}.
	//
	// +kubebuilder:default="{username}.{cluster}.credentials.{tprkind}.{tprgroup}"
	SecretNameTemplate string `json:"secret_name_template,omitempty"`

	// Secret with the token for the Teams API.
	//
	// +kubebuilder:default="postgres-operator"
	OAuthTokenSecretName string `json:"oauth_token_secret_name,omitempty"`

	// Secret with roles of every cluster, as userN, passwordN and inroleN.
	InfrastructureRolesSecretName string `json:"infrastructure_roles_secret_name,omitempty"`

	// Secrets with roles of every cluster.
	InfrastructureRolesSecrets []InfrastructureRole `json:"infrastructure_roles_secrets,omitempty"`

	// Namespace of the manifests; * means all, empty the operator's own.
	WatchedNamespace string `json:"watched_namespace,omitempty"`

	// Service account of all pods.
	//
	// +kubebuilder:default="postgres-pod"
	PodServiceAccountName string `json:"pod_service_account_name,omitempty"`

	// That service account as JSON or YAML.
	PodServiceAccountDefinition string `json:"pod_service_account_definition,omitempty"`

	// Its role binding as JSON or YAML.
	PodServiceAccountRoleBindingDefinition string `json:"pod_service_account_role_binding_definition,omitempty"`

	// Time to move primaries off a node that is being drained.
	//
	// +kubebuilder:default="20m"
	MasterPodMoveTimeout string `json:"master_pod_move_timeout,omitempty"`

	// Annotations of database, pooler and backup pods.
	CustomPodAnnotations map[string]string `json:"custom_pod_annotations,omitempty"`

	// Keeps the pods of a cluster on different nodes.
	//
	// +kubebuilder:default=false
	EnablePodAntiAffinity *bool `json:"enable_pod_antiaffinity,omitempty"`

	// Makes that a wish rather than a rule.
	//
	// +kubebuilder:default=false
	PodAntiAffinityPreferredDuringScheduling *bool `json:"pod_antiaffinity_preferred_during_scheduling,omitempty"`

	// What counts as a different node.
	//
	// +kubebuilder:default="kubernetes.io/hostname"
	PodAntiAffinityTopologyKey string `json:"pod_antiaffinity_topology_key,omitempty"`

	// How volumes grow: through the claim, the EBS API, both or not at all.
	//
	// +kubebuilder:validation:Enum=ebs;mixed;pvc;"off"
	// +kubebuilder:default="pvc"
	StorageResizeMode string `json:"storage_resize_mode,omitempty"`

	// Name of the disruption budget of the primary, with {cluster}.
	//
	// +kubebuilder:default="postgres-{cluster}-pdb"
	PDBNameFormat string `json:"pdb_name_format,omitempty"`

	// Restricts that budget to the primary.
	//
	// +kubebuilder:default=true
	PDBMasterLabelSelector *bool `json:"pdb_master_label_selector,omitempty"`

	// Lets the disruption budgets protect pods.
	//
	// +kubebuilder:default=true
	EnablePodDisruptionBudget *bool `json:"enable_pod_disruption_budget,omitempty"`

	// Allows init containers in manifests.
	//
	// +kubebuilder:default=true
	EnableInitContainers *bool `json:"enable_init_containers,omitempty"`

	// Allows sidecars in manifests.
	//
	// +kubebuilder:default=true
	EnableSidecars *bool `json:"enable_sidecars,omitempty"`

	// Shares /var/run/postgresql with sidecars.
	//
	// +kubebuilder:default=false
	SharePgSocketWithSidecars *bool `json:"share_pgsocket_with_sidecars,omitempty"`

	// Starts the pods of a cluster one after the other, or at once.
	//
	// +kubebuilder:validation:Enum=ordered_ready;parallel
	// +kubebuilder:default="ordered_ready"
	PodManagementPolicy string `json:"pod_management_policy,omitempty"`

	// Makes pods ready when Patroni says so.
	//
	// +kubebuilder:default=false
	EnableReadinessProbe *bool `json:"enable_readiness_probe,omitempty"`

	// Puts the Secret of a user "namespace.name" into that namespace.
	//
	// +kubebuilder:default=false
	EnableCrossNamespaceSecret *bool `json:"enable_cross_namespace_secret,omitempty"`

	// Cleans up before a manifest goes away, by way of a finalizer.
	//
	// +kubebuilder:default=false
	EnableFinalizers *bool `json:"enable_finalizers,omitempty"`

	// Deletes the Secrets of a deleted cluster.
	//
	// +kubebuilder:default=true
	EnableSecretsDeletion *bool `json:"enable_secrets_deletion,omitempty"`

	// Deletes the volumes of a deleted cluster.
	//
	// +kubebuilder:default=true
	EnablePersistentVolumeClaimDeletion *bool `json:"enable_persistent_volume_claim_deletion,omitempty"`

	// What the StatefulSet does with volumes: when_deleted and when_scaled, each retain or delete.
	PersistentVolumeClaimRetentionPolicy map[string]string `json:"persistent_volume_claim_retention_policy,omitempty"`
}

// InfrastructureRole describes a Secret that holds a role.
type InfrastructureRole struct {
	// secretname of the Secret, with or without a namespace. A ConfigMap of the same name may describe
	// the roles further.
	SecretName string `json:"secretname,omitempty"`

	// userkey holds the role's name.
	UserKey string `json:"userkey,omitempty"`

	// passwordkey holds the role's password.
	PasswordKey string `json:"passwordkey,omitempty"`

	// rolekey holds a group that the role belongs to.
	RoleKey string `json:"rolekey,omitempty"`

	// defaultuservalue is the role's name where the Secret has none.
	DefaultUserValue string `json:"defaultuservalue,omitempty"`

	// defaultrolevalue is the group where the Secret has none.
	DefaultRoleValue string `json:"defaultrolevalue,omitempty"`

	// details names the key of a description in YAML.
	Details string `json:"details,omitempty"`

	// template says that the Secret holds several roles, as userN, passwordN and inroleN.
	Template bool `json:"template,omitempty"`
}
