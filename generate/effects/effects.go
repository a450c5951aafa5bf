// Package effects reads what a test has found out: which objects change with an option of the
// configuration or a field of the manifest. The reference pages show it.
package effects

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// File holds the findings, below the root of the repository.
const File = "testdata/effects.yaml"

// Effects are what of a cluster changes, by key of an option and by path of a field.
type Effects struct {
	Fields  map[string][]string `json:"fields"`
	Options map[string][]string `json:"options"`
}

// Read reads the findings from a path.
func Read(path string) (Effects, error) {
	var e Effects
	text, err := os.ReadFile(path)
	if err != nil {
		return e, fmt.Errorf("read effects: %w", err)
	}
	if err := yaml.UnmarshalStrict(text, &e); err != nil {
		return e, fmt.Errorf("decode effects %s: %w", path, err)
	}
	return e, nil
}

// Below names the effects of a field and of all fields below it, each once.
func (e Effects) Below(path string) string {
	var all []string
	for _, field := range sorted(e.Fields) {
		rest, found := strings.CutPrefix(field, path)
		if found && (rest == "" || strings.ContainsAny(rest[:1], ".[{")) {
			all = append(all, e.Fields[field]...)
		}
	}
	return Words(all)
}

// Words joins effects for a cell of a table, each once, in the order of the alphabet.
func Words(effects []string) string {
	unique := map[string][]string{}
	for _, effect := range effects {
		unique[effect] = nil
	}
	return strings.Join(sorted(unique), ", ")
}

func sorted(byKey map[string][]string) []string { return slices.Sorted(maps.Keys(byKey)) }
