package patroni

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigDiff(t *testing.T) {
	for _, test := range []struct{ name, live, desired, want string }{
		{"equal", `{"ttl":30,"postgresql":{"parameters":{"a":1}}}`, `{"ttl":30,"postgresql":{"parameters":{"a":1}}}`, `null`},
		{"others are left alone", `{"ttl":30,"slots":{"theirs":{"type":"physical"}}}`, `{"ttl":30,"slots":{"ours":{"type":"physical"}}}`,
			`{"slots":{"ours":{"type":"physical"}}}`},
		{"change", `{"ttl":30,"loop_wait":10}`, `{"ttl":20,"loop_wait":10}`, `{"ttl":20}`},
		{"text and number", `{"a":"100","b":true,"c":1.0,"d":33554432,"e":0.9}`, `{"a":100,"b":"true","c":1,"d":"33554432","e":"0.9"}`, `null`},
		{"large numbers", `{"a":9007199254740993}`, `{"a":9007199254740992}`, `{"a":9007199254740992}`},
		{"removal", `{"slots":{"a":{},"b":{}},"pause":true}`, `{"slots":{"a":null,"c":null},"pause":null,"standby_cluster":null}`,
			`{"slots":{"a":null},"pause":null}`},
		{"new group without removals", `{}`, `{"slots":{"a":{"type":"physical"},"b":null}}`, `{"slots":{"a":{"type":"physical"}}}`},
		{"only removals from nothing", `{}`, `{"slots":{"b":null}}`, `null`},
		{"empty group", `{}`, `{"standby_cluster":{}}`, `{"standby_cluster":{}}`},
		{"empty group is there", `{"standby_cluster":{"host":"x"}}`, `{"standby_cluster":{}}`, `null`},
		{"list", `{"postgresql":{"pg_hba":["a","b"]}}`, `{"postgresql":{"pg_hba":["b","a"]}}`, `{"postgresql":{"pg_hba":["b","a"]}}`},
		{"same list", `{"postgresql":{"pg_hba":["a","b"]}}`, `{"postgresql":{"pg_hba":["a","b"]}}`, `null`},
		{"scalar becomes map", `{"standby_cluster":"x"}`, `{"standby_cluster":{"host":"h","port":null}}`, `{"standby_cluster":{"host":"h"}}`},
		{"map becomes scalar", `{"a":{"b":1}}`, `{"a":1}`, `{"a":1}`},
		{"null in live", `{"a":null}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			live, desired := decode(t, test.live), decode(t, test.desired)
			got, err := json.Marshal(ConfigDiff(live, desired))
			require.NoError(t, err)
			require.JSONEq(t, test.want, string(got))
			patch := ConfigDiff(live, desired)
			require.Empty(t, ConfigDiff(merge(live, patch), desired), "the patch settles it")
		})
	}
}

func TestConfigDiffTakesTypedMaps(t *testing.T) {
	live := decode(t, `{"postgresql":{"parameters":{"max_connections":"100","work_mem":"4MB"}}}`)
	desired := map[string]any{"postgresql": map[string]any{"parameters": map[string]string{"max_connections": "200", "work_mem": "4MB"}}}
	require.Equal(t, map[string]any{"postgresql": map[string]any{"parameters": map[string]any{"max_connections": "200"}}}, ConfigDiff(live, desired))
}

func decode(t *testing.T, text string) map[string]any {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var m map[string]any
	require.NoError(t, decoder.Decode(&m))
	return m
}

// merge applies a patch as Patroni documents it: null removes, maps merge.
func merge(live, patch map[string]any) map[string]any {
	merged := map[string]any{}
	for key, value := range live {
		merged[key] = value
	}
	for key, value := range patch {
		inner, isMap := value.(map[string]any)
		have, _ := merged[key].(map[string]any)
		switch {
		case value == nil:
			delete(merged, key)
		case isMap:
			merged[key] = merge(have, inner)
		default:
			merged[key] = value
		}
	}
	return merged
}
