package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// diff tells in a line per field how one spec becomes another. What may be a secret is masked, after it
// was compared: that it changed is told.
func diff(before, after any) []string { return diffAt("spec", "", before, after) }

func diffAt(path, key string, before, after any) []string {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	was, wasMap := before.(map[string]any)
	is, isMap := after.(map[string]any)
	if !wasMap || !isMap {
		return []string{fmt.Sprintf("%s: %s → %s", path, shown(key, before), shown(key, after))}
	}
	keys := map[string]bool{}
	for _, fields := range []map[string]any{was, is} {
		for key := range fields {
			keys[key] = true
		}
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		lines = append(lines, diffAt(path+"."+key, key, was[key], is[key])...)
	}
	return lines
}

func shown(key string, value any) string {
	if value == nil {
		return "(none)"
	}
	text, err := json.Marshal(redact(map[string]any{key: value}).(map[string]any)[key])
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
