package v1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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
	// ConditionHeld: a change of operator, configuration or templates waits, because it would restart pods.
	ConditionHeld = "Held"
	// ConditionConfigured: Patroni has the settings of the manifest that take effect while it runs.
	ConditionConfigured = "Configured"
	// ConditionRolesSynced: roles and databases are as the manifest says.
	ConditionRolesSynced = "RolesSynced"
	// ConditionVolumesResized: every volume is as the manifest asks.
	ConditionVolumesResized = "VolumesResized"
	// ConditionUpgraded: the version of Postgres that is wanted runs.
	ConditionUpgraded = "Upgraded"
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

	// rolledOutGeneration is the generation of the StatefulSet that all pods ran when all of them were last
	// seen ready.
	//
	// +optional
	RolledOutGeneration int64 `json:"rolledOutGeneration,omitempty"`

	// rendered says what the present pod template was made from.
	//
	// +optional
	Rendered *RenderedFrom `json:"rendered,omitempty"`

	// observedFleet is the digest of the operator's version, configuration and templates that rendered and held
	// speak of. It is kept where changes go through the fleet in waves.
	//
	// +optional
	ObservedFleet string `json:"observedFleet,omitempty"`

	// held is the change that waits because it would restart pods; absent for none. The condition Held says why.
	//
	// +optional
	Held *HeldChange `json:"held,omitempty"`

	// patroniConfiguration lists what of Patroni's dynamic configuration comes from the manifest, such as
	// ttl or postgresql/parameters/max_connections. What is listed and no longer in the manifest is removed.
	//
	// +optional
	// +listType=atomic
	PatroniConfiguration []string `json:"patroniConfiguration,omitempty"`

	// majorVersion of Postgres that the primary runs, as last seen.
	//
	// +optional
	MajorVersion string `json:"majorVersion,omitempty"`

	// majorUpgrade is the major upgrade that is under way; absent when there is none.
	//
	// +optional
	MajorUpgrade *MajorUpgrade `json:"majorUpgrade,omitempty"`

	// teamMembers lists who has a role as a member of a team, where enable_team_member_deprecation is on. Who is
	// listed and no longer a member loses the login.
	//
	// +optional
	// +listType=atomic
	TeamMembers []TeamMember `json:"teamMembers,omitempty"`

	// conditions say the same in a way that tools understand, such as kubectl wait.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// MajorUpgrade is written before anything is done, so that an upgrade is never started twice, and
// taken away when its end is known.
type MajorUpgrade struct {
	// from and to are major versions.
	From string `json:"from"`
	To   string `json:"to"`

	// pod, and the container in it, that the upgrade runs in.
	Pod       string    `json:"pod"`
	PodUID    types.UID `json:"podUID"`
	Container string    `json:"container"`

	// begun tells that the upgrade may have been started. Before, it can be given up.
	Begun bool `json:"begun"`

	// claimed is when. It also tells this upgrade from others in the same container.
	Claimed metav1.Time `json:"claimed"`
}

// TeamMember is a member of a team who has a role.
type TeamMember struct {
	// name of the role.
	//
	// +required
	Name string `json:"name"`

	// team in which the Teams API has the member; empty for members that PostgresTeam objects name.
	//
	// +optional
	Team string `json:"team,omitempty"`
}

// RenderedFrom names the inputs of a pod template.
type RenderedFrom struct {
	// template is the digest of the pod template that the StatefulSet has.
	//
	// +optional
	Template string `json:"template,omitempty"`

	// generation of the manifest.
	//
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// operator is the version of the operator.
	//
	// +optional
	Operator string `json:"operator,omitempty"`

	// configuration is the digest of the operator's configuration and of the environment that it adds to pods.
	//
	// +optional
	Configuration string `json:"configuration,omitempty"`

	// overlays is the digest of the site's own templates.
	//
	// +optional
	Overlays string `json:"overlays,omitempty"`
}

// HeldChange is a change that waits.
type HeldChange struct {
	// change is the digest of the pod template that waits. An approval names it.
	Change string `json:"change"`

	// waitsFor is Approval, Window or Wave.
	WaitsFor string `json:"waitsFor"`
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
