package main

import (
	"fmt"
	"strings"
)

// markdown is the report for a pull request: the summary, the restarts, and the details folded away.
func (r planReport) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Plan\n\n%s\n", r.Summary.sentence())
	if table := r.restarts(); table != "" {
		b.WriteString("\n| cluster | pod | what happens | why |\n|---|---|---|---|\n" + table)
	}
	for _, group := range r.groups() {
		names := make([]string, 0, len(group))
		for _, c := range group {
			names = append(names, c.key())
		}
		fence := "```"
		body := group[0].body(false)
		if len(group) > 1 {
			body += group[0].Held.others()
		}
		for strings.Contains(body, fence) {
			fence += "`"
		}
		fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n%sdiff\n%s%s\n\n</details>\n", listed(names)+group[0].Held.flag(), fence, asDiff(body), fence)
	}
	return b.String()
}

// maxRestarts bounds the table: nobody reads on, and comments have a limit.
const maxRestarts = 50

func (r planReport) restarts() string {
	var b strings.Builder
	rows := 0
	for _, c := range r.Clusters {
		for _, pod := range c.Pods {
			if rows++; rows <= maxRestarts {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.key(), pod.Pod, words(pod.Action)+c.Held.flag(), cell(pod.Reason))
			}
		}
	}
	if more := rows - maxRestarts; more > 0 {
		fmt.Fprintf(&b, "| … | %s | | |\n", count(more, "more pod", "more pods"))
	}
	return b.String()
}

// flag marks in a line that something has to be let through first.
func (h *heldReport) flag() string {
	switch {
	case h == nil:
		return ""
	case h.Part:
		return ", partly held"
	}
	return ", held"
}

// cell is a text that fits into a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

// asDiff moves signs to the beginning of their lines, where colours come from.
func asDiff(body string) string {
	lines := strings.Split(strings.TrimRight(body, "\n"), "\n")
	for i, line := range lines {
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case strings.HasPrefix(trimmed, "~ "):
			lines[i] = "!" + line[1:]
		case strings.HasPrefix(trimmed, "+ "), strings.HasPrefix(trimmed, "- "):
			lines[i] = trimmed[:1] + line[1:]
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
