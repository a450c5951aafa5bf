package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"postgres-operator/render"
)

// printExplanation writes a table, one origin a line: what it is, and where. now is nil when no live
// object was looked at.
func printExplanation(w io.Writer, e render.Explanation, now *liveValue) error {
	fmt.Fprintf(w, "%s %s\n", e.Object, e.Path)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rendered := e.Writers != nil
	if rendered {
		fmt.Fprintf(table, "  value\t%s\n", oneLineJSON(e.Value))
	}
	for i, writer := range e.Writers {
		fmt.Fprintf(table, "  %s\t%s\n", inPlace(writer.Kind, i), writerText(writer))
	}
	for _, source := range e.Decides {
		fmt.Fprintf(table, "  %s\t%s\n", source.Kind, sourceText(source))
	}
	for _, source := range e.Needs {
		fmt.Fprintf(table, "  only with %s\t%s\n", source.Kind, sourceText(source))
	}
	if rendered && len(e.Decides) == 0 {
		fmt.Fprintf(table, "  built-in\t%s\n", builtInText(e))
	}
	if now != nil {
		printLive(table, e, *now, rendered)
	}
	return table.Flush()
}

func inPlace(kind string, i int) string {
	if i == 0 {
		return kind
	}
	return "in place of " + kind
}

func writerText(w render.Writer) string {
	text := w.Position
	if w.Overlay != "" {
		text += fmt.Sprintf(" of overlay %q", w.Overlay)
	}
	if w.Text != "" {
		text += ": " + w.Text
	}
	return text
}

func sourceText(s render.Source) string {
	text := s.Name
	if s.Value != "" {
		text += ": " + s.Value
	}
	if s.Default {
		text += " (default)"
	}
	return text
}

func builtInText(e render.Explanation) string {
	switch first := e.Writers[0]; {
	case first.Reads:
		return "the operator decides it; no field of this manifest and no option alone changes it"
	case first.Kind == render.WriterTemplate:
		return "it stands in the template; no field of the manifest and no option changes it"
	}
	return "it stands in the overlay; no field of the manifest and no option changes it"
}

func printLive(w io.Writer, e render.Explanation, now liveValue, rendered bool) {
	if now.absent {
		fmt.Fprintf(w, "  live\tthe object does not have it\n")
		return
	}
	live := oneLineJSON(now.value)
	switch {
	case !rendered:
		fmt.Fprintf(w, "  live\t%s, which the operator does not set\n", live)
	case live == oneLineJSON(e.Value):
		fmt.Fprintf(w, "  live\tthe same\n")
	default:
		fmt.Fprintf(w, "  live\t%s\n", live)
	}
	for _, owner := range now.owners {
		how := []string{owner.Operation}
		if owner.Subresource != "" {
			how = append(how, "of "+owner.Subresource)
		}
		if owner.Part {
			how = append(how, "for a part")
		}
		fmt.Fprintf(w, "  field manager\t%s (%s)\n", owner.Manager, strings.Join(how, " "))
	}
	if len(now.owners) == 0 {
		fmt.Fprintf(w, "  field manager\tnone: the API server has set it, or does not tell\n")
	}
}

// maxShown bounds a value in a line, in bytes.
const maxShown = 400

func oneLineJSON(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	line := strings.TrimSpace(text.String())
	if len(line) > maxShown {
		line = strings.ToValidUTF8(line[:maxShown], "") + "…"
	}
	return line
}
