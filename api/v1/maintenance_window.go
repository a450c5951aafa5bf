package v1

import "postgres-operator/window"

// MaintenanceWindow is a daily or weekly span of time in UTC, as it is written in a manifest:
// "HH:MM-HH:MM" or "Ddd:HH:MM-HH:MM". It is kept as text, so that a window which makes no sense does
// not keep the manifest from being read; Parse gives it meaning.
//
// +kubebuilder:validation:Pattern=`^\ *((Mon|Tue|Wed|Thu|Fri|Sat|Sun):(2[0-3]|[01]?\d):([0-5]?\d)|(2[0-3]|[01]?\d):([0-5]?\d))-((2[0-3]|[01]?\d):([0-5]?\d)|(2[0-3]|[01]?\d):([0-5]?\d))\ *$`
type MaintenanceWindow string

// Parse reads the text of the window.
func (w MaintenanceWindow) Parse() (window.Window, error) { return window.Parse(string(w)) }
