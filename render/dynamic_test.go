package render_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/render"
)

func TestDynamicConfiguration(t *testing.T) {
	const off = `"synchronous_mode":null,"synchronous_mode_strict":null,"synchronous_node_count":null`
	for name, want := range map[string]string{
		"base": `{"failsafe_mode":false,` + off + `}`,
		"spilo-patroni": `{"ttl":30,"loop_wait":10,"retry_timeout":10,"maximum_lag_on_failover":33554432,"synchronous_mode":true,
			"synchronous_mode_strict":true,"synchronous_node_count":1,"failsafe_mode":true,
			"slots":{"permanent_logical_1":{"database":"foo","plugin":"pgoutput","type":"logical"},"permanent_physical_1":{"type":"physical"}}}`,
		"spilo-parameters": `{"postgresql":{"parameters":{"log_statement":"all","max_connections":"200"}},"failsafe_mode":false,` + off + `}`,
		"stream": `{"failsafe_mode":false,` + off + `,"postgresql":{"parameters":{"wal_level":"logical"}},
			"slots":{"fes_foo_app_1":{"type":"logical","database":"foo","plugin":"pgoutput"}}}`,
		"stream-not-installed": `{"failsafe_mode":false,` + off + `}`,
		"standby-host": `{"failsafe_mode":false,` + off + `,"standby_cluster":{"host":"acid-primary.default","port":"5433",
			"primary_slot_name":"standby_slot","restore_command":null,"create_replica_methods":["basebackup_fast_xlog"]}}`,
		"standby-s3": `{"failsafe_mode":false,` + off + `,"standby_cluster":{"host":"acid-primary.default","port":null,"primary_slot_name":null,
			"restore_command":"envdir \"/run/etc/wal-e.d/env-standby\" /scripts/restore_command.sh \"%f\" \"%p\"",
			"create_replica_methods":["bootstrap_standby_with_wale","basebackup_fast_xlog"]}}`,
	} {
		got, err := json.Marshal(render.DynamicConfiguration(inputOf(t, name)))
		require.NoError(t, err)
		require.JSONEq(t, want, string(got), name)
	}
}

// TestDynamicConfigurationIsExact: SPILO_CONFIGURATION has the number in single precision, as pods of clusters made by
// Zalando's operator do.
func TestDynamicConfigurationIsExact(t *testing.T) {
	in := inputOf(t, "base")
	in.Manifest.Spec.Patroni.MaximumLagOnFailover = 123456789012345
	require.Equal(t, int64(123456789012345), render.DynamicConfiguration(in)["maximum_lag_on_failover"])
}

// TestStreamSlotsAreKept: what a slot has not delivered is lost with it, so it goes with its stream alone.
func TestStreamSlotsAreKept(t *testing.T) {
	slots := func(missing, pending bool, before ...string) []string {
		in := inputOf(t, "stream-groups")
		in.Observed = render.Observed{StreamsMissing: missing, StreamsPending: pending}
		in.Manifest.Status.PatroniConfiguration = before
		found, _ := render.DynamicConfiguration(in)["slots"].(map[string]any)
		return slices.Sorted(maps.Keys(found))
	}
	all := []string{"fes_bar_app_1", "fes_foo_app_1", "fes_foo_app_2"}
	require.Equal(t, all, slots(false, false))
	require.Empty(t, slots(true, false))
	require.Empty(t, slots(false, true))
	require.Equal(t, all[1:2], slots(true, false, "slots/fes_foo_app_1", "slots/fes_gone_app_1", "ttl"))
	require.Equal(t, all[1:2], slots(false, true, "slots/fes_foo_app_1"))
}
