package main

import (
	"fmt"
	"strings"

	"postgres-operator/apply"
	"postgres-operator/hold"
	"postgres-operator/names"
	"postgres-operator/rollout"
)

// palette tells whether to write colours.
type palette bool

// Colours by what they say.
const (
	added   = "32" // green
	removed = "31" // red
	altered = "33" // yellow
	strong  = "1"
	faint   = "2"
)

func (p palette) paint(color, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// text is the report for a terminal. Clusters that change in the same way are printed once.
func (r planReport) text(p palette) string {
	var b strings.Builder
	for _, group := range r.groups() {
		first := group[0]
		fmt.Fprintf(&b, "%s\n", p.paint(strong, "cluster "+first.key()))
		b.WriteString(first.body(p))
		if more := len(group) - 1; more > 0 {
			same := make([]string, 0, more)
			for _, c := range group[1:] {
				same = append(same, c.key())
			}
			fmt.Fprintf(&b, "  %s %s\n", p.paint(strong, fmt.Sprintf("the same for %s:", count(more, "more cluster", "more clusters"))), listed(same))
			b.WriteString(first.Held.others())
		}
		b.WriteString("\n")
	}
	b.WriteString(p.paint(strong, r.Summary.sentence()) + "\n")
	return b.String()
}

func (c clusterReport) key() string { return c.Namespace + "/" + c.Name }

// silent clusters stay as they are, and there is nothing to say of them.
func (c clusterReport) silent() bool {
	return c.Error == "" && len(c.Objects) == 0 && len(c.Pods) == 0 && len(c.Steps) == 0 && len(c.Patroni) == 0 && len(c.Statements) == 0
}

// groups are the clusters that are not silent, those together that differ in their names alone.
func (r planReport) groups() [][]clusterReport {
	var groups [][]clusterReport
	at := map[string]int{}
	for _, c := range r.Clusters {
		if c.silent() {
			continue
		}
		own := []string{c.Namespace + "/" + c.Name, "*", c.Name, "*", c.Namespace, "*"}
		if c.Held != nil {
			own = append(own, c.Held.Change, "*")
		}
		text := strings.NewReplacer(own...).Replace(c.body(false))
		i, known := at[text]
		if !known {
			i = len(groups)
			at[text] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

// listed names the first of many.
func listed(names []string) string {
	const shown = 8
	if more := len(names) - shown; more > 0 {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d others", more)
	}
	return strings.Join(names, ", ")
}

func (c clusterReport) body(p palette) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if c.Error != "" {
		line("  %s %s", p.paint(removed, "error:"), strings.ReplaceAll(c.Error, "\n", "\n    "))
	}
	for _, warning := range c.Warnings {
		line("  %s %s", p.paint(altered, "warning:"), warning)
	}
	for _, o := range c.Objects {
		b.WriteString(o.lines(p))
	}
	if len(c.Patroni) > 0 {
		line("  configuration of Patroni: %s", strings.Join(c.Patroni, ", "))
	}
	if c.Held != nil {
		line("  %s %s", p.paint(altered, "held:"), c.Held.Message)
		if c.Held.Part {
			line("    What the manifest changes does not wait.")
		}
	}
	for _, pod := range c.Pods {
		line("  pod %s: %s, because %s", pod.Pod, p.paint(colorOf(pod.Action), words(pod.Action)), pod.Reason)
	}
	for i, step := range c.Steps {
		line("    %d. %s", i+1, step.sentence())
	}
	for _, statement := range c.Statements {
		line("  %s %s;", p.paint(faint, "sql"), statement)
	}
	for _, note := range c.Notes {
		line("  %s", p.paint(faint, "not known: "+note))
	}
	return b.String()
}

// others says how to let through what waits in clusters that are not printed.
func (h *heldReport) others() string {
	if h == nil {
		return ""
	}
	return fmt.Sprintf("    each of them under a digest of its own: see -o json, or let through whatever waits with %s=%s\n", names.FleetChange, hold.Approved)
}

func (o objectReport) lines(p palette) string {
	color := map[apply.Verb]string{apply.Create: added, apply.Delete: removed, apply.Recreate: removed}[o.Verb]
	if color == "" {
		color = altered
	}
	text := "  " + p.paint(color, string(o.Verb)) + " " + o.text.String()
	if o.Reason != "" {
		text += " (" + o.Reason + ")"
	}
	text += "\n"
	for _, f := range o.Fields {
		sign, color := f.sign()
		text += "    " + p.paint(color, sign+" "+f.diff.String()) + "\n"
	}
	return text
}

func (f fieldReport) sign() (sign, color string) {
	switch {
	case f.Ownership:
		return "=", faint
	case f.Old == nil:
		return "+", added
	case f.New == nil:
		return "-", removed
	}
	return "~", altered
}

func colorOf(a rollout.Action) string {
	switch a {
	case rollout.Replace:
		return removed
	case rollout.Restart:
		return altered
	}
	return faint
}

// words say what an action does to a pod.
func words(a rollout.Action) string {
	switch a {
	case rollout.Replace:
		return "recreated"
	case rollout.Restart:
		return "Postgres restarts in place"
	case rollout.Patch:
		return "annotated, runs on"
	case rollout.Later:
		return "changes when it restarts for another reason"
	}
	return string(a)
}

func (s stepReport) sentence() string {
	switch s.Kind {
	case rollout.Recreate:
		return fmt.Sprintf("recreate pod %s, wait until its member is in step again", s.Pod)
	case rollout.RestartPostgres:
		return fmt.Sprintf("restart Postgres in pod %s, wait until its member is in step again", s.Pod)
	case rollout.Switchover:
		return fmt.Sprintf("switch over from %s to %s", s.Pod, s.Candidate)
	case rollout.PausePoolers:
		return "hold back the clients of connection poolers, at most for seconds"
	case rollout.ResumePoolers:
		return "let the clients of connection poolers go on"
	case rollout.Annotate:
		return fmt.Sprintf("annotate pod %s", s.Pod)
	case rollout.Wait:
		return "wait: " + s.Waiting
	}
	return string(s.Kind) + " " + s.Pod
}
