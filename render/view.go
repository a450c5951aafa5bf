package render

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	apiv1 "postgres-operator/api/v1"
)

// View is what templates see as `input`: the manifest, and beside it every
// value that took a decision. templates/input.cue states the same structure
// for the authors of overlays; a test keeps the two equal.
//
// An absent value means that there is no opinion about it.
type View struct {
	Version         string                  `json:"version"`
	Manifest        Manifest                `json:"manifest"`
	Name            string                  `json:"name"`
	Namespace       string                  `json:"namespace"`
	Labels          map[string]string       `json:"labels"`
	Selector        map[string]string       `json:"selector"`
	Annotations     map[string]string       `json:"annotations,omitempty"`
	OwnerReferences []metav1.OwnerReference `json:"ownerReferences,omitempty"`
	StatefulSet     StatefulSetView         `json:"statefulSet"`
	Volume          VolumeView              `json:"volume"`
	Pod             PodView                 `json:"pod"`
	Postgres        PostgresView            `json:"postgres"`
	Services        map[string]ServiceView  `json:"services"`
	Endpoints       map[string]RoleView     `json:"endpoints"`
	Secrets         map[string]SecretView   `json:"secrets"`
	Budgets         BudgetsView             `json:"budgets"`
	ServiceAccount  AccountView             `json:"serviceAccount"`
	RoleBinding     RoleBindingView         `json:"roleBinding"`
	Poolers         map[string]PoolerView   `json:"poolers"`
	Streams         map[string]StreamView   `json:"streams"`
	Backup          *BackupView             `json:"backup,omitempty"` // nil for none

	// Warnings are for people, not for templates.
	Warnings []Warning `json:"-"`
}

// Manifest is the part of the manifest that stays the same while nobody edits
// it: no status, no versions, no managed fields.
type Manifest struct {
	Metadata ManifestMetadata   `json:"metadata"`
	Spec     apiv1.PostgresSpec `json:"spec"`
}

// ManifestMetadata is the metadata of the manifest.
type ManifestMetadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	UID         string            `json:"uid,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// StatefulSetView is what the StatefulSet has beside its pods.
type StatefulSetView struct {
	Replicas            int32             `json:"replicas"`
	PodManagementPolicy string            `json:"podManagementPolicy"`
	Annotations         map[string]string `json:"annotations,omitempty"`
	WhenDeleted         string            `json:"whenDeleted"`
	WhenScaled          string            `json:"whenScaled"`
}

// VolumeView is the claim of a pod's data volume.
type VolumeView struct {
	Size         string                `json:"size"`
	StorageClass string                `json:"storageClass,omitempty"`
	Selector     *metav1.LabelSelector `json:"selector,omitempty"`
}

// PodView is the pod of a member, without its postgres container.
type PodView struct {
	Annotations                   map[string]string                 `json:"annotations,omitempty"`
	ServiceAccountName            string                            `json:"serviceAccountName"`
	TerminationGracePeriodSeconds int64                             `json:"terminationGracePeriodSeconds"`
	Affinity                      *corev1.Affinity                  `json:"affinity,omitempty"`
	Tolerations                   []corev1.Toleration               `json:"tolerations,omitempty"`
	PriorityClassName             string                            `json:"priorityClassName,omitempty"`
	SchedulerName                 string                            `json:"schedulerName,omitempty"`
	SecurityContext               *PodSecurityView                  `json:"securityContext,omitempty"`
	TopologySpreadConstraints     []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
	Volumes                       Entries                           `json:"volumes"`
	InitContainers                Entries                           `json:"initContainers,omitempty"`
	Sidecars                      Entries                           `json:"sidecars"`
}

// PodSecurityView holds the user and groups of a pod.
type PodSecurityView struct {
	RunAsUser  *int64 `json:"runAsUser,omitempty"`
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`
	FSGroup    *int64 `json:"fsGroup,omitempty"`
}

// PostgresView is the postgres container.
type PostgresView struct {
	Image                    string                 `json:"image"`
	Env                      Entries                `json:"env"`
	EnvFrom                  []corev1.EnvFromSource `json:"envFrom,omitempty"`
	VolumeMounts             Entries                `json:"volumeMounts"`
	Resources                *ResourcesView         `json:"resources,omitempty"`
	AllowPrivilegeEscalation *bool                  `json:"allowPrivilegeEscalation,omitempty"`
	Privileged               bool                   `json:"privileged"`
	Capabilities             []string               `json:"capabilities,omitempty"`
	ReadinessProbe           *corev1.Probe          `json:"readinessProbe,omitempty"`
	LivenessProbe            *corev1.Probe          `json:"livenessProbe,omitempty"`
}

// ResourcesView holds quantities in the form in which Kubernetes stores them.
type ResourcesView struct {
	Requests map[string]string `json:"requests,omitempty"`
	Limits   map[string]string `json:"limits,omitempty"`
}

// RoleView is an object that stands for the members of a role.
type RoleView struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ServiceView is the service in front of the members of a role.
type ServiceView struct {
	RoleView                 `json:",inline"`
	Type                     string            `json:"type"`
	Selector                 map[string]string `json:"selector,omitempty"`
	NodePort                 int32             `json:"nodePort,omitempty"`
	ExternalTrafficPolicy    string            `json:"externalTrafficPolicy,omitempty"`
	LoadBalancerSourceRanges []string          `json:"loadBalancerSourceRanges,omitempty"`
}

// SecretView is the Secret of a credential. Data is encoded in base64.
type SecretView struct {
	Name            string                  `json:"name"`
	Namespace       string                  `json:"namespace"`
	Labels          map[string]string       `json:"labels"`
	Annotations     map[string]string       `json:"annotations,omitempty"`
	OwnerReferences []metav1.OwnerReference `json:"ownerReferences,omitempty"`
	Data            map[string]string       `json:"data"`
}

// BudgetsView holds both disruption budgets.
type BudgetsView struct {
	Primary  PrimaryBudgetView  `json:"primary"`
	Critical CriticalBudgetView `json:"critical"`
}

// PrimaryBudgetView keeps the primary, or enough members, from eviction.
type PrimaryBudgetView struct {
	Name         string            `json:"name"`
	MinAvailable int32             `json:"minAvailable"`
	Selector     map[string]string `json:"selector"`
}

// CriticalBudgetView keeps every member from eviction that does something
// which may not be interrupted.
type CriticalBudgetView struct {
	Name           string             `json:"name"`
	MaxUnavailable intstr.IntOrString `json:"maxUnavailable"` // "100%" where budgets are switched off
	Selector       map[string]string  `json:"selector"`
}

// AccountView is the service account of all pods of a namespace.
type AccountView struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Extra       map[string]any    `json:"extra,omitempty"` // other fields of its definition
}

// RoleBindingView lets that account do what Patroni needs.
type RoleBindingView struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	RoleRef     map[string]any    `json:"roleRef"`
	Subjects    []map[string]any  `json:"subjects"`
}
