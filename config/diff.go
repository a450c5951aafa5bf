package config

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Diff says what changed, one line `key: old -> new` per option in the order of
// the fields, with secrets masked: safe to log and for events.
func Diff(before, after Config) []string {
	var lines []string
	for _, c := range changes(&before, &after) {
		if c.before.Secret {
			lines = append(lines, c.before.Key+": changed")
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %s -> %s", c.before.Key, c.before.text(), c.after.text()))
	}
	return lines
}

// NeedsRestart names the changed options that only a new process can take
// over, such as the port that it listens on.
func NeedsRestart(before, after Config) []string {
	var keys []string
	for _, c := range changes(&before, &after) {
		if c.before.Restart {
			keys = append(keys, c.before.Key)
		}
	}
	return keys
}

// change is one option in two configurations.
type change struct{ before, after field }

func changes(before, after *Config) []change {
	var list []change
	now := fields(after)
	for i, f := range fields(before) {
		if !reflect.DeepEqual(f.at.Interface(), now[i].at.Interface()) {
			list = append(list, change{f, now[i]})
		}
	}
	return list
}

// text returns the printed value as JSON.
func (f field) text() string {
	b, err := json.Marshal(f.printed())
	if err != nil {
		return err.Error()
	}
	return string(b)
}
