package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FleetRollout shows how a change of the operator, its configuration or its templates goes through the fleet in
// waves, and pauses it. An operator keeps one, named like its lease, in its own namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=fleetrollouts,singular=fleetrollout,shortName=fleet,categories=all,scope=Namespaced
// +kubebuilder:metadata:labels="app.kubernetes.io/name=postgres-operator"
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`,description="Done, Rolling, Pausing, Waiting, Paused or Stopped"
// +kubebuilder:printcolumn:name="Wave",type=integer,JSONPath=`.status.wave`,description="Number of the wave"
// +kubebuilder:printcolumn:name="Behind",type=integer,JSONPath=`.status.behind`,description="Clusters for which a change waits"
// +kubebuilder:printcolumn:name="Clusters",type=integer,JSONPath=`.status.clusters`,description="Clusters of the fleet"
// +kubebuilder:printcolumn:name="Unhealthy",type=string,JSONPath=`.status.unhealthy[*].cluster`,description="Clusters that are not healthy after the change"
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,description="What goes on"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since the first change in waves"
type FleetRollout struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// +optional
	Spec FleetRolloutSpec `json:"spec,omitempty"`

	// +optional
	Status FleetRolloutStatus `json:"status,omitempty"`
}

// FleetRolloutList is a list of FleetRollouts.
//
// +kubebuilder:object:root=true
type FleetRolloutList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []FleetRollout `json:"items"`
}

// FleetRolloutSpec is what people tell the rollout.
type FleetRolloutSpec struct {
	// paused lets no further wave begin. One that has begun comes to its end.
	//
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// FleetRolloutStatus is how far a change has come.
type FleetRolloutStatus struct {
	// phase is one word: Done, Rolling, Pausing, Waiting, Paused or Stopped.
	//
	// +optional
	Phase string `json:"phase,omitempty"`

	// message says what goes on, or what is in the way.
	//
	// +optional
	Message string `json:"message,omitempty"`

	// wave is the number of the wave that is under way or was the last one.
	//
	// +optional
	Wave int32 `json:"wave,omitempty"`

	// waveBegan is when it began.
	//
	// +optional
	WaveBegan *metav1.Time `json:"waveBegan,omitempty"`

	// waveEnded is when all its clusters were healthy again; absent while it is under way.
	//
	// +optional
	WaveEnded *metav1.Time `json:"waveEnded,omitempty"`

	// clusters of the fleet.
	//
	// +optional
	Clusters int32 `json:"clusters,omitempty"`

	// behind is for how many of them a change waits.
	//
	// +optional
	Behind int32 `json:"behind"`

	// turn lists the clusters of the wave that is under way. What stands here may take over its change.
	//
	// +optional
	// +listType=atomic
	Turn []FleetTurn `json:"turn,omitempty"`

	// unhealthy lists the clusters that are not healthy after the change.
	//
	// +optional
	// +listType=atomic
	Unhealthy []FleetUnhealthy `json:"unhealthy,omitempty"`
}

// FleetTurn is a cluster whose turn it is.
type FleetTurn struct {
	// cluster is namespace/name of the manifest.
	Cluster string `json:"cluster"`
	// change is the digest of the pod template that it may take over.
	Change string `json:"change"`
}

// FleetUnhealthy is a cluster that is not healthy, and why.
type FleetUnhealthy struct {
	// cluster is namespace/name of the manifest.
	Cluster string `json:"cluster"`
	// why in words.
	Why string `json:"why"`
}
