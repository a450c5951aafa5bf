package config

import "time"

// Fleet holds how a new version of the operator, its configuration or its templates reaches clusters
// whose pods it would restart.
type Fleet struct {
	FleetChangePolicy    string        `key:"fleet_change_policy" default:"auto" allowed:"auto|window|approve" empty:"default" doc:"When a change of operator, configuration or templates may restart pods: at once, in a maintenance window, or when approved by annotation; the manifest's annotation wins."`
	FleetCanarySelector  string        `key:"fleet_canary_selector" format:"selector" restart:"true" doc:"Labels of the manifests whose clusters take over such a change before all others, such as tier=test."`
	FleetWaveSize        string        `key:"fleet_wave_size" format:"wave" restart:"true" doc:"How many clusters take it over at a time: a number or a percentage of all. Empty for no waves, or, with canaries, for all others at once."`
	FleetWavePause       time.Duration `key:"fleet_wave_pause" default:"10m" doc:"Pause after a wave that went well."`
	FleetWaveDeadline    time.Duration `key:"fleet_wave_deadline" default:"30m" doc:"How long the clusters of a wave may take until they are healthy again with the change."`
	FleetStopOnUnhealthy bool          `key:"fleet_stop_on_unhealthy" default:"true" doc:"Begin no further wave while a cluster of the last one is not healthy after the deadline."`
}

// Waves tells whether such changes go through the fleet in waves.
func (f Fleet) Waves() bool { return f.FleetWaveSize != "" || f.FleetCanarySelector != "" }
