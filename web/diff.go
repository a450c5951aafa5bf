package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// diff tells in a line per field how one value becomes another.
func diff(before, after any) []string { return diffAt("spec", before, after) }

func diffAt(path string, before, after any) []string {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	was, wasMap := before.(map[string]any)
	is, isMap := after.(map[string]any)
	if !wasMap || !isMap {
		return []string{fmt.Sprintf("%s: %s → %s", path, shown(before), shown(after))}
	}
	keys := map[string]bool{}
	for _, fields := range []map[string]any{was, is} {
		for key := range fields {
			keys[key] = true
		}
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		lines = append(lines, diffAt(path+"."+key, was[key], is[key])...)
	}
	return lines
}

func shown(value any) string {
	if value == nil {
		return "(none)"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
