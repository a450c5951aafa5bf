package v1

// FleetConfiguration says how a change of the operator, its configuration or its templates reaches
// clusters whose pods it would restart.
type FleetConfiguration struct {
	// When it may: auto (at once), window (in a maintenance window) or approve (by annotation of the manifest).
	//
	// +kubebuilder:validation:Enum=auto;window;approve
	// +kubebuilder:default=auto
	FleetChangePolicy string `json:"fleet_change_policy,omitempty"`

	// Selects by label the manifests whose clusters go first, such as tier=test.
	FleetCanarySelector string `json:"fleet_canary_selector,omitempty"`

	// How many clusters at a time: a number or a percentage of all.
	//
	// +kubebuilder:validation:Pattern=`^([1-9]\d{0,5}|([1-9]\d?|100)%)?$`
	FleetWaveSize string `json:"fleet_wave_size,omitempty"`

	// Pause after a wave that went well.
	//
	// +kubebuilder:default="10m"
	FleetWavePause string `json:"fleet_wave_pause,omitempty"`

	// How long the clusters of a wave may take until they are healthy again.
	//
	// +kubebuilder:default="30m"
	FleetWaveDeadline string `json:"fleet_wave_deadline,omitempty"`

	// Begins no further wave while a cluster of the last one is not healthy after the deadline.
	//
	// +kubebuilder:default=true
	FleetStopOnUnhealthy *bool `json:"fleet_stop_on_unhealthy,omitempty"`
}
