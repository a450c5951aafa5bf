package render_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/render"
	"postgres-operator/window"
)

// TestVersionOfPods: which version pods are told, of what is wanted, runs, and was told before. It is Friday, 03:04.
func TestVersionOfPods(t *testing.T) {
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	const shut, open = "Sat:01:00-05:00", "Fri:01:00-05:00"
	for name, tc := range map[string]struct {
		manifest, running, told string
		mode                    string
		window                  apiv1.MaintenanceWindow
		want                    string
		warned                  bool
	}{
		"a new cluster":                          {manifest: "17", want: "17"},
		"a new cluster, outside the window":      {manifest: "17", window: shut, want: "17"},
		"adopted, nobody has asked Postgres":     {manifest: "18", told: "17", window: shut, want: "18"},
		"nothing to do":                          {manifest: "17", running: "17", told: "17", window: shut, want: "17"},
		"raised":                                 {manifest: "18", running: "17", told: "17", want: "18"},
		"raised, inside the window":              {manifest: "18", running: "17", told: "17", window: open, want: "18"},
		"raised, outside the window":             {manifest: "18", running: "17", told: "17", window: shut, want: "17"},
		"told, the window has closed":            {manifest: "18", running: "17", told: "18", window: shut, want: "18"},
		"raised further, outside":                {manifest: "18", running: "16", told: "17", window: shut, want: "17"},
		"reverted":                               {manifest: "17", running: "17", told: "18", want: "17"},
		"reverted, outside the window":           {manifest: "17", running: "17", told: "18", window: shut, want: "18"},
		"raised, upgrades are off":               {manifest: "18", running: "17", told: "17", mode: "off", want: "17"},
		"told before they were off":              {manifest: "18", running: "17", told: "18", mode: "off", want: "18"},
		"lowered":                                {manifest: "17", running: "18", told: "18", want: "18", warned: true},
		"data is newer than what pods were told": {manifest: "18", running: "18", told: "17", mode: "off", want: "18"},
		"no template":                            {manifest: "18", running: "17", window: shut, want: "18"},
		"mode full":                              {manifest: "14", running: "14", told: "14", mode: "full", want: "18"},
		"mode full, done":                        {manifest: "14", running: "18", told: "18", mode: "full", want: "18"},
	} {
		t.Run(name, func(t *testing.T) {
			in := base.input(t, base)
			in.Manifest.Spec.Postgresql.PgVersion = tc.manifest
			if tc.window != "" {
				in.Manifest.Spec.MaintenanceWindows = []apiv1.MaintenanceWindow{tc.window}
			}
			in.Config.MajorVersionUpgradeMode = tc.mode
			in.Config.MinimalMajorVersion, in.Config.TargetMajorVersion = "15", "18"
			in.Observed.MajorVersion, in.Observed.TemplateVersion = tc.running, tc.told
			view, err := render.NewView(in)
			require.NoError(t, err)
			require.Equal(t, tc.want, variable(t, view, "PGVERSION"))
			require.Equal(t, tc.warned, len(view.Warnings) > 0, "%v", view.Warnings)

			in.Config.EnablePgVersionEnvVar = false
			view, err = render.NewView(in)
			require.NoError(t, err)
			if tc.mode != "full" { // there the path follows the manifest, as it always has
				require.Contains(t, variable(t, view, "SPILO_CONFIGURATION"), "/usr/lib/postgresql/"+tc.want+"/bin")
			}
		})
	}
}

// variable is the value of a variable of the postgres container.
func variable(t *testing.T, view render.View, name string) string {
	t.Helper()
	for _, entry := range view.Postgres.Env {
		if entry.Key == name {
			text, ok := entry.Content["value"].(string)
			require.True(t, ok)
			return text
		}
	}
	require.Fail(t, "no variable "+name)
	return ""
}

func TestTeamsThatMayUpgradeAlthoughOff(t *testing.T) {
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	in := base.input(t, base)
	in.Config.MajorVersionUpgradeMode = "off"
	require.NotEmpty(t, render.UpgradeForbidden(in.Manifest, &in.Config))
	in.Config.MajorVersionUpgradeTeamAllowList = strings.Fields("other " + in.Manifest.Spec.TeamID)
	require.Empty(t, render.UpgradeForbidden(in.Manifest, &in.Config))
}

// Windows of a manifest take the place of those of the configuration; the option lifts both.
func TestWindowsOfACluster(t *testing.T) {
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	in := base.input(t, base)
	require.Empty(t, render.MaintenanceWindows(in.Manifest, &in.Config))
	in.Config.MaintenanceWindows = append(in.Config.MaintenanceWindows, window.Window{Start: time.Hour, End: 2 * time.Hour})
	require.Equal(t, in.Config.MaintenanceWindows, render.MaintenanceWindows(in.Manifest, &in.Config))
	in.Manifest.Spec.MaintenanceWindows = []apiv1.MaintenanceWindow{"Sat:03:00-04:00"}
	require.Equal(t, "Sat:03:00-04:00", render.MaintenanceWindows(in.Manifest, &in.Config)[0].String())
	in.Config.EnableMaintenanceWindows = false
	require.Empty(t, render.MaintenanceWindows(in.Manifest, &in.Config))
}
