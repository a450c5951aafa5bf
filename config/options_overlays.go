package config

import "time"

// Overlays holds what is laid over the built-in templates, beside the
// ConfigMaps of the operator's namespace.
type Overlays struct {
	OverlayDirectory    string        `key:"overlay_directory" doc:"Directory in the operator's pod with overlays of the templates: its files, and those of each folder in it."`
	OverlayArtifact     string        `key:"overlay_artifact" doc:"Overlays in an OCI registry or a CUE module there, pinned by digest: registry.example.com/platform/overlays@sha256:0123… for example."`
	OverlayTrialTimeout time.Duration `key:"overlay_trial_timeout" default:"1m" doc:"How long changed overlays may take to be tried with every cluster before they are refused."`
	OverlayTrialMemory  string        `key:"overlay_trial_memory" default:"256Mi" format:"memory" doc:"Memory that overlays may take while they are tried."`
}
