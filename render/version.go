package render

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/window"
)

// WantedVersion is the major version that a cluster is to have: the manifest's, unless it is too old and
// the configuration upgrades such clusters.
func WantedVersion(pg *apiv1.Postgresql, c *config.Config) string {
	version := pg.Spec.Postgresql.PgVersion
	if c.MajorVersionUpgradeMode == "full" && number(version) < number(c.MinimalMajorVersion) {
		return c.TargetMajorVersion
	}
	return version
}

// UpgradeForbidden says why the configuration does not let a cluster be upgraded, empty when it does.
func UpgradeForbidden(pg *apiv1.Postgresql, c *config.Config) string {
	if c.MajorVersionUpgradeMode != "off" || slices.Contains(c.MajorVersionUpgradeTeamAllowList, pg.Spec.TeamID) {
		return ""
	}
	return "major_version_upgrade_mode is off, and the team is not in major_version_upgrade_team_allow_list"
}

// MaintenanceWindows are those of the manifest, else those of the configuration; without any, every
// time is good.
func MaintenanceWindows(pg *apiv1.Postgresql, c *config.Config) []window.Window {
	if !c.EnableMaintenanceWindows {
		return nil
	}
	var own []window.Window
	for _, text := range pg.Spec.MaintenanceWindows {
		if w, err := text.Parse(); err == nil { // others do not pass the API server
			own = append(own, w)
		}
	}
	if len(own) > 0 {
		return own
	}
	return c.MaintenanceWindows
}

// majorVersion is the version that pods are told. A new one reaches them, by a rolling restart, when an
// upgrade to it may follow: its script reads it from there. Never is it older than the data, with which a
// new replica would not start.
func (p *policy) majorVersion(wanted string) string {
	running, told := p.in.Observed.MajorVersion, p.in.Observed.TemplateVersion
	if running == "" || wanted == "" {
		return wanted // a new cluster
	}
	if number(wanted) < number(running) {
		p.warn("Version", "spec.postgresql.version: %s: version %s runs and cannot be lowered, so it is kept", wanted, running)
		wanted = running
	}
	if told == "" || told == wanted {
		return wanted
	}
	upgrade := number(wanted) > number(running)
	switch {
	case !window.Open(MaintenanceWindows(p.manifest, p.config), p.in.Now):
		return told
	case upgrade && UpgradeForbidden(p.manifest, p.config) != "":
		return newer(told, running)
	}
	return wanted
}

// VersionOfBinaries is the major version that a SPILO_CONFIGURATION chooses by the path of the binaries, empty
// where it does not.
func VersionOfBinaries(spilo string) string {
	var configuration struct {
		Postgresql struct {
			BinDir string `json:"bin_dir"`
		} `json:"postgresql"`
	}
	if json.Unmarshal([]byte(spilo), &configuration) != nil {
		return ""
	}
	version, found := strings.CutPrefix(configuration.Postgresql.BinDir, binaries)
	if !found {
		return ""
	}
	version, _, _ = strings.Cut(version, "/")
	return version
}

// binaries is where the binaries of all versions are.
const binaries = "/usr/lib/postgresql/"

func newer(a, b string) string {
	if number(a) > number(b) {
		return a
	}
	return b
}

func number(version string) int {
	n, err := strconv.Atoi(version)
	if err != nil {
		return 0 // the schema admits numbers only
	}
	return n
}
