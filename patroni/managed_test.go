package patroni

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeys(t *testing.T) {
	require.Equal(t, []string{
		"postgresql/parameters/pg_stat_statements.max", "postgresql/parameters/work_mem", "slots/a", "standby_cluster", "ttl",
	}, Keys(decode(t, `{"ttl":30,"loop_wait":null,"slots":{"a":{"type":"physical"},"b":null},"standby_cluster":{"host":"h"},
		"postgresql":{"use_slots":true,"parameters":{"work_mem":"4MB","pg_stat_statements.max":"100"}}}`)))
	require.Empty(t, Keys(nil))
	require.Equal(t, []string{"set postgresql/parameters/b", "remove slots/a", "set ttl"},
		Changes(decode(t, `{"ttl":30,"slots":{"a":null},"postgresql":{"parameters":{"b":1}}}`)))
}

func TestTarget(t *testing.T) {
	for _, test := range []struct {
		name, live, desired string
		earlier             []string
		want                string // the patch
	}{
		{"nothing was set", `{"ttl":30,"slots":{"theirs":{"type":"physical"}}}`, `{"ttl":30}`, nil, `null`},
		{"a setting goes", `{"ttl":20}`, `{}`, []string{"ttl"}, `{"ttl":null}`},
		{"a setting stays", `{"ttl":20}`, `{"ttl":20}`, []string{"ttl"}, `null`},
		{"a setting is gone already", `{}`, `{}`, []string{"ttl"}, `null`},
		{"a parameter goes, others stay", `{"postgresql":{"use_slots":true,"parameters":{"a.b":"1","theirs":"2","ours":"3"}}}`,
			`{"postgresql":{"parameters":{"ours":"3"}}}`, []string{"postgresql/parameters/a.b", "postgresql/parameters/ours"},
			`{"postgresql":{"parameters":{"a.b":null}}}`},
		{"the last parameter goes", `{"postgresql":{"parameters":{"a":"1"}}}`, `{}`, []string{"postgresql/parameters/a"},
			`{"postgresql":{"parameters":{"a":null}}}`},
		{"wal_level stays", `{"postgresql":{"parameters":{"wal_level":"logical"}}}`, `{}`, []string{walLevel}, `null`},
		{"a slot goes, another comes, a third is foreign", `{"slots":{"old":{"type":"physical"},"theirs":{"type":"physical"}}}`,
			`{"slots":{"new":{"type":"physical"}}}`, []string{"slots/old"}, `{"slots":{"old":null,"new":{"type":"physical"}}}`},
		{"a slot changes its kind", `{"slots":{"a":{"type":"logical","database":"x","plugin":"pgoutput"}}}`,
			`{"slots":{"a":{"type":"physical"}}}`, []string{"slots/a"}, `{"slots":{"a":{"type":"physical","database":null,"plugin":null}}}`},
		{"promotion", `{"standby_cluster":{"host":"h","create_replica_methods":["basebackup_fast_xlog"]}}`, `{}`,
			[]string{"standby_cluster"}, `{"standby_cluster":null}`},
		{"a standby that is not ours is not promoted", `{"standby_cluster":{"host":"h"}}`, `{}`, nil, `null`},
		{"a cluster becomes a standby", `{}`,
			`{"standby_cluster":{"host":"h","port":null,"restore_command":"r","create_replica_methods":["m"]}}`, nil,
			`{"standby_cluster":{"host":"h","restore_command":"r","create_replica_methods":["m"]}}`},
		{"the image's own way to restore stays", `{"standby_cluster":{"restore_command":"better","create_replica_methods":["x"]}}`,
			`{"standby_cluster":{"host":"h","restore_command":"r","create_replica_methods":["m"]}}`, []string{"standby_cluster"},
			`{"standby_cluster":{"host":"h"}}`},
		{"an archive that is no longer named goes", `{"standby_cluster":{"restore_command":"r","create_replica_methods":["x"]}}`,
			`{"standby_cluster":{"host":"h","restore_command":null,"create_replica_methods":["m"]}}`, []string{"standby_cluster"},
			`{"standby_cluster":{"host":"h","restore_command":null}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			live, desired := decode(t, test.live), decode(t, test.desired)
			patch := ConfigDiff(live, Target(live, desired, test.earlier))
			got, err := json.Marshal(patch)
			require.NoError(t, err)
			require.JSONEq(t, test.want, string(got))
			after := merge(live, patch)
			require.Empty(t, ConfigDiff(after, Target(after, desired, test.earlier)), "the patch settles it")
			require.Equal(t, decode(t, test.live), live, "nothing is written to")
			require.Equal(t, decode(t, test.desired), desired, "nothing is written to")
		})
	}
}
