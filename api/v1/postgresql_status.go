package v1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// Values of PostgresStatus.PostgresClusterStatus. The empty string means: not seen yet.
const (
	ClusterStatusUnknown      = ""
	ClusterStatusCreating     = "Creating"
	ClusterStatusUpdating     = "Updating"
	ClusterStatusRunning      = "Running"
	ClusterStatusCreateFailed = "CreateFailed"
	ClusterStatusUpdateFailed = "UpdateFailed"
	ClusterStatusSyncFailed   = "SyncFailed"
	ClusterStatusInvalid      = "Invalid"
)

// Condition types of a cluster. Each has one writer.
const (
	// ConditionReady: the database answers, with as many members as asked for.
	ConditionReady = "Ready"
	// ConditionProgressing: something is on its way to the desired state.
	ConditionProgressing = "Progressing"
	// ConditionDegraded: something needs a person.
	ConditionDegraded = "Degraded"
	// ConditionRendered: the manifest became Kubernetes objects.
	ConditionRendered = "Rendered"
	// ConditionApplied: the API server has these objects.
	ConditionApplied = "Applied"
	// ConditionRolledOut: every pod runs what its StatefulSet says.
	ConditionRolledOut = "RolledOut"
	// ConditionConfigured: Patroni has the settings of the manifest that take effect while it runs.
	ConditionConfigured = "Configured"
	// ConditionRolesSynced: roles and databases are as the manifest says.
	ConditionRolesSynced = "RolesSynced"
)

// PostgresStatus is what the operator knows of a cluster.
type PostgresStatus struct {
	// PostgresClusterStatus is one word: Creating, Updating, Running, CreateFailed, UpdateFailed,
	// SyncFailed or Invalid.
	//
	// +required
	// +kubebuilder:default=""
	PostgresClusterStatus string `json:"PostgresClusterStatus"`

	// observedGeneration is the generation of the manifest that this status speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// statefulSetGeneration is the generation of the StatefulSet that holds what was rendered. Pods are
	// replaced to match this one only, never a StatefulSet that somebody else has changed.
	//
	// +optional
	StatefulSetGeneration int64 `json:"statefulSetGeneration,omitempty"`

	// patroniConfiguration lists what of Patroni's dynamic configuration comes from the manifest, such as
	// ttl or postgresql/parameters/max_connections. What is listed and no longer in the manifest is removed.
	//
	// +optional
	// +listType=atomic
	PatroniConfiguration []string `json:"patroniConfiguration,omitempty"`

	// conditions say the same in a way that tools understand, such as kubectl wait.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// UnmarshalJSON also accepts a bare string, which is how a status was stored before it was an object.
func (s *PostgresStatus) UnmarshalJSON(data []byte) error {
	var word string
	if json.Unmarshal(data, &word) == nil {
		*s = PostgresStatus{PostgresClusterStatus: word}
		return nil
	}
	type plain PostgresStatus // without this method
	return kjson.UnmarshalCaseSensitivePreserveInts(data, (*plain)(s))
}
