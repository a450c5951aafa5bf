package render_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where options and fields act that change nothing of what is rendered, of the
// roles, or of Patroni's configuration. The reference shows these words.
const (
	inOperator  = "operator"           // how the process itself works
	inDeletion  = "deletion"           // whether and how a cluster's objects go
	inRollout   = "rolling changes"    // when and how pods are replaced
	inVolumes   = "growing volumes"    // what becomes of volumes that exist
	inSQL       = "roles"              // how the databases are reached
	inRotation  = "password rotation"  // when logins of Secrets change
	inTeams     = "roles of teams"     // who is in a team, and what its members are made to
	inSecrets   = "roles of Secrets"   // what Secrets say of roles
	inAPI       = "REST API"           // what it serves, and where
	inObsolete  = "nothing (obsolete)" // kept so that old configurations are accepted
	testsSuffix = "_test.go"
)

// optionsElsewhere are the options that TestEffects need not see at work.
func optionsElsewhere() map[string]string {
	return map[string]string{
		"resync_period":           inOperator,
		"repair_period":           inOperator,
		"enable_crd_registration": inOperator,
		"crd_categories":          inOperator,
		"workers":                 inOperator,
		"debug_logging":           inOperator,
		"enable_load_balancer":    inObsolete,
		"ready_wait_interval":     inObsolete,
		"ready_wait_timeout":      inObsolete,
		"watched_namespace":       inOperator,
		"overlay_directory":       inOperator,
		"overlay_artifact":        inOperator,
		"overlay_trial_timeout":   inOperator,
		"overlay_trial_memory":    inOperator,

		"fleet_change_policy":        inRollout,
		"fleet_canary_selector":      inRollout,
		"fleet_wave_size":            inRollout,
		"fleet_wave_pause":           inRollout,
		"fleet_wave_deadline":        inRollout,
		"fleet_stop_on_unhealthy":    inRollout,
		"enable_lazy_spilo_upgrade":  inRollout,
		"ignored_annotations":        inRollout,
		"patroni_api_check_interval": inRollout,
		"patroni_api_check_timeout":  inRollout,

		"delete_annotation_date_key":              inDeletion,
		"delete_annotation_name_key":              inDeletion,
		"enable_finalizers":                       inDeletion,
		"enable_secrets_deletion":                 inDeletion,
		"enable_persistent_volume_claim_deletion": inDeletion,

		"cluster_domain":                      inSQL,
		"enable_database_access":              inSQL,
		"team_api_role_configuration":         inTeams,
		"oauth_token_secret_name":             inTeams,
		"teams_api_url":                       inTeams,
		"enable_teams_api":                    inTeams,
		"enable_team_superuser":               inTeams,
		"enable_postgres_team_crd":            inTeams,
		"enable_postgres_team_crd_superusers": inTeams,
		"postgres_superuser_teams":            inTeams,
		"infrastructure_roles_secret_name":    inSecrets,
		"infrastructure_roles_secrets":        inSecrets,

		"enable_maintenance_windows":            inRollout,
		"maintenance_windows":                   inRollout,
		"major_version_upgrade_team_allow_list": inRollout,
		"master_pod_move_timeout":               inRollout,
		"storage_resize_mode":                   inVolumes,
		"aws_region":                            inVolumes,
		"resource_check_interval":               inRollout,
		"resource_check_timeout":                inRollout,
		"pod_label_wait_timeout":                inRollout,
		"pod_deletion_wait_timeout":             inRollout,
		"api_port":                              inAPI,
		"ring_log_lines":                        inAPI,
		"cluster_history_entries":               inAPI,
		"enable_password_rotation":              inRotation,
		"password_rotation_interval":            inRotation,
		"password_rotation_user_retention":      inRotation,
	}
}

// fieldsElsewhere are such fields of the manifest.
func fieldsElsewhere() map[string]string {
	return map[string]string{
		"spec.volume.iops":                    inVolumes,
		"spec.volume.throughput":              inVolumes,
		"spec.volume.type":                    inVolumes,
		"spec.usersIgnoringSecretRotation":    inRotation,
		"spec.usersWithSecretRotation":        inRotation,
		"spec.usersWithInPlaceSecretRotation": inRotation,
		"spec.maintenanceWindows":             inRollout,
	}
}

// checkUse holds the lists above to the code: what is said to act somewhere is
// read there.
func checkUse(t *testing.T, name, goName, where string) {
	t.Helper()
	if where == inObsolete {
		return
	}
	var users []string
	directories := []string{"controller", "roles", "rollout", "rotation", "patroni", "render"}
	if where == inOperator {
		directories = append(directories, "cmd/postgres-operator")
	}
	for _, directory := range directories {
		paths, err := filepath.Glob(filepath.Join("..", directory, "*.go"))
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			if !strings.HasSuffix(path, testsSuffix) && (mentions(string(text), goName) || mentions(string(text), goName+"s")) {
				users = append(users, path)
			}
		}
	}
	require.NotEmpty(t, users, "elsewhere_test.go says that %s acts in %s, but nothing reads it", name, where)
}

// mentions tells whether a Go file selects a field or method of a name.
func mentions(text, goName string) bool {
	for {
		_, after, found := strings.Cut(text, "."+goName)
		if !found {
			return false
		}
		if after == "" || !strings.ContainsAny(after[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") {
			return true
		}
		text = after
	}
}
