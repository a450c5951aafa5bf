package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PostgresTeam adds members and teams to those that the Teams API knows. All objects of the watched
// namespaces are merged.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=postgresteams,singular=postgresteam,shortName=pgteam,categories=all,scope=Namespaced
// +kubebuilder:metadata:labels="app.kubernetes.io/name=postgres-operator"
type PostgresTeam struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec PostgresTeamSpec `json:"spec"`
}

// PostgresTeamList is a list of PostgresTeams.
//
// +kubebuilder:object:root=true
type PostgresTeamList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []PostgresTeam `json:"items"`
}

// PostgresTeamSpec maps teams to teams and members.
type PostgresTeamSpec struct {
	// additionalSuperuserTeams by owning team: their members become superusers of its clusters.
	AdditionalSuperuserTeams map[string][]string `json:"additionalSuperuserTeams,omitempty"`

	// additionalTeams by owning team: their members get a role in its clusters.
	AdditionalTeams map[string][]string `json:"additionalTeams,omitempty"`

	// additionalMembers by team: further role names.
	AdditionalMembers map[string][]string `json:"additionalMembers,omitempty"`
}
