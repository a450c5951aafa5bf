package render

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// TemplateError says what is wrong with the templates or an overlay, for this
// manifest or for all of them. The first line of its text is a whole message;
// the positions follow, one per line.
type TemplateError struct {
	Overlay   string   // that is wrong; empty for the built-in templates
	Cluster   string   // namespace/name; empty when it is none of one cluster
	Object    string   // what the field belongs to: statefulset, pod, service, objects ...; may be empty
	Field     string   // path inside it; may be empty
	Cause     string   // in one line
	Positions []string // file:line:column of everything that takes part
	Hint      string   // what may help; may be empty

	// More counts further errors of the same evaluation.
	More int
}

func (e *TemplateError) Error() string {
	var text strings.Builder
	text.WriteString("template: ")
	if e.Overlay != "" {
		text.Reset()
		fmt.Fprintf(&text, "overlay %q: ", e.Overlay)
	}
	for _, part := range []string{e.Object, e.Field} {
		if part != "" {
			text.WriteString(part + ": ")
		}
	}
	text.WriteString(e.Cause)
	if e.Cluster != "" {
		fmt.Fprintf(&text, " (cluster %s)", e.Cluster)
	}
	for _, position := range e.Positions {
		text.WriteString("\n    " + position)
	}
	if e.More > 0 {
		fmt.Fprintf(&text, "\n    and %d more", e.More)
	}
	if e.Hint != "" {
		text.WriteString("\n    hint: " + e.Hint)
	}
	return text.String()
}

// templateError takes an error of CUE apart.
func templateError(err error) error {
	all := errors.Errors(err)
	if len(all) == 0 {
		return err
	}
	first := all[0]
	object, field := splitPath(first.Path())
	format, args := first.Msg()
	return &TemplateError{
		Object:    object,
		Field:     field,
		Cause:     plainWords(oneLine(fmt.Sprintf(format, args...))),
		Positions: positions(first),
		More:      len(all) - 1,
	}
}

// splitPath tells the object from the field in it. Objects that are collected
// under `objects` are called by their id.
func splitPath(path []string) (object, field string) {
	if len(path) > 0 && strings.HasPrefix(strings.Trim(path[0], `"`), overrideName+" ") {
		path = append([]string{overrideName}, path[1:]...)
	}
	if len(path) > 1 && path[0] == "objects" {
		path = path[1:]
	}
	if len(path) == 0 {
		return "", ""
	}
	return strings.Trim(path[0], `"`), strings.Join(path[1:], ".")
}

// positions lists every place that takes part, each once, in the order of CUE:
// what is wrong first, then what it contradicts.
func positions(err errors.Error) []string {
	var places []string
	seen := map[string]bool{}
	add := func(pos token.Pos) {
		if place := pos.String(); pos.IsValid() && !seen[place] {
			seen[place] = true
			places = append(places, place)
		}
	}
	add(err.Position())
	for _, pos := range err.InputPositions() {
		add(pos)
	}
	return places
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
