package main

import (
	"encoding/json"
	"fmt"
	"io"

	"postgres-operator/apply"
	"postgres-operator/controller"
	"postgres-operator/rollout"
)

// planReport is what a plan says, in the form of its JSON.
type planReport struct {
	Clusters []clusterReport `json:"clusters"`
	Summary  planSummary     `json:"summary"`
}

// planSummary counts.
type planSummary struct {
	Clusters   int `json:"clusters"`
	Changed    int `json:"changed"`
	Failed     int `json:"failed"`
	Held       int `json:"held"`       // clusters whose change of pods would wait
	Objects    int `json:"objects"`    // that change
	Recreated  int `json:"recreated"`  // pods
	Restarted  int `json:"restarted"`  // pods whose Postgres restarts in place
	Statements int `json:"statements"` // of SQL
}

type clusterReport struct {
	Namespace  string         `json:"namespace"`
	Name       string         `json:"name"`
	Error      string         `json:"error,omitempty"`
	Warnings   []string       `json:"warnings,omitempty"`
	Objects    []objectReport `json:"objects,omitempty"` // that change
	Held       *heldReport    `json:"held,omitempty"`    // what has to be let through first
	Pods       []podReport    `json:"pods,omitempty"`    // that do not stay as they are
	Steps      []stepReport   `json:"steps,omitempty"`   // in their order, if all goes well
	Patroni    []string       `json:"patroni,omitempty"` // changes of its configuration
	Statements []string       `json:"statements,omitempty"`
	Notes      []string       `json:"notes,omitempty"` // what is not known
}

type objectReport struct {
	Verb       apply.Verb    `json:"verb"`
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Namespace  string        `json:"namespace"`
	Name       string        `json:"name"`
	ID         string        `json:"id,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Fields     []fieldReport `json:"fields,omitempty"`

	text apply.Ref
}

type fieldReport struct {
	Path      string `json:"path"`
	Old       any    `json:"old,omitempty"`
	New       any    `json:"new,omitempty"`
	Ownership bool   `json:"ownership,omitempty"` // the value is right, another has written it

	diff apply.FieldDiff
}

// heldReport is a change of pods that would wait, in the words of status.held and of the condition Held.
type heldReport struct {
	WaitsFor string `json:"waitsFor"`
	Change   string `json:"change"`
	Message  string `json:"message"`
	Part     bool   `json:"part,omitempty"` // what the manifest changes does not wait
}

type podReport struct {
	Pod    string         `json:"pod"`
	Action rollout.Action `json:"action"`
	Reason string         `json:"reason"`
}

type stepReport struct {
	Kind      rollout.Kind `json:"kind"`
	Pod       string       `json:"pod,omitempty"`
	Candidate string       `json:"candidate,omitempty"`
	Waiting   string       `json:"waiting,omitempty"`
}

func reportOf(previews []controller.Preview) planReport {
	r := planReport{Clusters: make([]clusterReport, 0, len(previews))}
	r.Summary.Clusters = len(previews)
	for _, p := range previews {
		c := clusterReportOf(p)
		r.Clusters = append(r.Clusters, c)
		if p.Err != nil {
			r.Summary.Failed++
		}
		if p.Changed() {
			r.Summary.Changed++
		}
		if c.Held != nil {
			r.Summary.Held++
		}
		r.Summary.Objects += len(c.Objects)
		r.Summary.Statements += len(c.Statements)
		for _, pod := range c.Pods {
			switch pod.Action {
			case rollout.Replace:
				r.Summary.Recreated++
			case rollout.Restart:
				r.Summary.Restarted++
			}
		}
	}
	return r
}

func clusterReportOf(p controller.Preview) clusterReport {
	c := clusterReport{Namespace: p.Cluster.Namespace, Name: p.Cluster.Name, Patroni: p.Rollout.Configuration}
	if p.Err != nil {
		c.Error = p.Err.Error()
	}
	for _, w := range p.Warnings {
		c.Warnings = append(c.Warnings, w.Message)
	}
	for _, change := range p.Changes.Changed() {
		c.Objects = append(c.Objects, objectReportOf(change))
	}
	if p.Held != nil {
		c.Held = &heldReport{p.Held.WaitsFor, p.Held.Change, p.Held.Message, p.Held.Part}
	}
	for _, v := range p.Rollout.Verdicts {
		if v.Action != rollout.Keep {
			c.Pods = append(c.Pods, podReport{v.Pod, v.Action, v.Reason})
		}
	}
	for _, s := range p.Rollout.Steps {
		c.Steps = append(c.Steps, stepReport{s.Kind, s.Pod, s.Candidate, s.Waiting})
	}
	for _, s := range p.Database.Statements {
		c.Statements = append(c.Statements, s.String())
	}
	for _, problem := range p.Database.Problems {
		c.Warnings = append(c.Warnings, problem.Error())
	}
	for _, unknown := range []string{p.Rollout.Unknown, p.Database.Unknown} {
		if unknown != "" {
			c.Notes = append(c.Notes, unknown)
		}
	}
	return c
}

func objectReportOf(change apply.Change) objectReport {
	o := objectReport{
		Verb: change.Verb, APIVersion: change.APIVersion, Kind: change.Kind, Namespace: change.Namespace, Name: change.Name,
		ID: change.ID, Reason: change.Reason, text: change.Ref,
	}
	if controller.RestartsOf(change) {
		o.Reason = "its pods are replaced one after the other"
	}
	for _, f := range change.Fields {
		o.Fields = append(o.Fields, fieldReport{f.Path, f.Old, f.New, f.Ownership, f})
	}
	return o
}

func (r planReport) print(w io.Writer, output string, colored bool) error {
	switch output {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	case "markdown":
		_, err := io.WriteString(w, r.markdown())
		return err
	}
	_, err := io.WriteString(w, r.text(palette(colored)))
	return err
}

// sentence is the summary for people.
func (s planSummary) sentence() string {
	if s.Changed == 0 {
		return fmt.Sprintf("No changes: %s.", count(s.Clusters-s.Failed, "cluster is as it should be", "clusters are as they should be"))
	}
	text := fmt.Sprintf("%d of %s, %s", s.Changed, count(s.Clusters, "cluster changes", "clusters change"),
		count(s.Objects, "object changes", "objects change"))
	if s.Recreated > 0 {
		text += ", " + count(s.Recreated, "pod is recreated", "pods are recreated")
	}
	if s.Restarted > 0 {
		text += fmt.Sprintf(", Postgres restarts in %s", count(s.Restarted, "pod", "pods"))
	}
	if s.Recreated+s.Restarted == 0 {
		text += ", no member restarts"
	}
	if s.Held > 0 {
		text += ", " + count(s.Held, "change of pods is held", "changes of pods are held")
	}
	if s.Statements > 0 {
		text += ", " + count(s.Statements, "statement of SQL", "statements of SQL")
	}
	return text + "."
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
