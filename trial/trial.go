package trial

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"postgres-operator/overlay"
	"postgres-operator/render"
)

// Request is what a trial is about.
type Request struct {
	Set      overlay.Set   `json:"set"`
	Clusters []render.View `json:"clusters"`
	Limits   Limits        `json:"limits"`
}

// Limits of one trial.
type Limits struct {
	Seconds int64 `json:"seconds"`
	Memory  int64 `json:"memory"` // in bytes, beyond what the program itself takes
}

// Failure says why a set cannot be put in force. The first line of its text is
// a whole message.
type Failure struct {
	Overlay  string `json:"overlay,omitempty"`
	Cluster  string `json:"cluster,omitempty"` // namespace/name of the first that fails
	Text     string `json:"text"`
	Failing  int    `json:"failing,omitempty"` // how many clusters fail
	Position string `json:"position,omitempty"`
}

func (f *Failure) Error() string {
	if f.Failing > 1 {
		return fmt.Sprintf("%s\n    %d clusters fail", f.Text, f.Failing)
	}
	return f.Text
}

// Kind is a kind of objects that overlays add.
type Kind struct {
	schema.GroupVersionKind
	Object     string   `json:"object"` // id of the first object of the kind
	Overlays   []string `json:"overlays,omitempty"`
	Namespaces []string `json:"namespaces"`
}

// message is one line of what the child says: where it is, and in the end what
// came of it.
type message struct {
	At      *place   `json:"at,omitempty"`
	Done    bool     `json:"done,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
	Kinds   []Kind   `json:"kinds,omitempty"`
}

// place is what is being tried.
type place struct {
	Overlay string `json:"overlay,omitempty"`
	Cluster string `json:"cluster,omitempty"`
}

// try does the work of the child. say is called before everything that may
// take for ever.
func try(r Request, say func(place)) ([]Kind, *Failure) {
	if err := r.Set.Check(); err != nil {
		return nil, failureOf(err, "")
	}
	// Each overlay alone: whoever kills the child knows at which it was. An overlay may lean on those before
	// it; what they all do together shows below.
	for i, o := range r.Set {
		say(place{Overlay: o.Name})
		tried, err := render.New(o)
		if err != nil {
			if tried, err = render.New(r.Set[:i+1]...); err != nil {
				return nil, failureOf(err, o.Name)
			}
		}
		if len(r.Clusters) > 0 {
			say(place{Overlay: o.Name, Cluster: nameOf(r.Clusters[0])})
			_, _ = tried.Render(r.Clusters[0])
		}
	}
	say(place{})
	renderer, err := render.New(r.Set...)
	if err != nil {
		return nil, failureOf(err, "")
	}
	found := kinds{}
	var first *Failure
	for _, view := range r.Clusters {
		say(place{Cluster: nameOf(view)})
		objects, err := renderer.Render(view)
		if err != nil {
			if first == nil {
				first = failureOf(err, "")
				first.Cluster = nameOf(view)
			}
			first.Failing++
			continue
		}
		found.note(view, objects)
	}
	return found.sorted(), first
}

func nameOf(v render.View) string { return v.Namespace + "/" + v.Name }

func failureOf(err error, suspect string) *Failure {
	f := &Failure{Overlay: suspect, Text: err.Error()}
	var wrong *render.TemplateError
	var broken *overlay.Error
	switch {
	case errors.As(err, &wrong):
		f.Overlay, f.Cluster = cmp.Or(wrong.Overlay, suspect), wrong.Cluster
		if len(wrong.Positions) > 0 {
			f.Position = wrong.Positions[0]
		}
	case errors.As(err, &broken):
		f.Overlay = broken.Overlay
	}
	return f
}

// kinds are those of objects that no built-in template makes.
type kinds map[schema.GroupVersionKind]*Kind

func (k kinds) note(view render.View, objects []render.Object) {
	for _, o := range objects {
		if !view.Added(o) {
			continue
		}
		gvk := o.GroupVersionKind()
		if k[gvk] == nil {
			k[gvk] = &Kind{GroupVersionKind: gvk, Object: o.ID}
		}
		if !slices.Contains(k[gvk].Namespaces, view.Namespace) {
			k[gvk].Namespaces = append(k[gvk].Namespaces, view.Namespace)
		}
	}
}

func (k kinds) sorted() []Kind {
	var list []Kind
	for _, kind := range k {
		slices.Sort(kind.Namespaces)
		list = append(list, *kind)
	}
	slices.SortFunc(list, func(a, b Kind) int { return cmp.Compare(a.String(), b.String()) })
	return list
}

// decode reads a request as the parent writes it, whole numbers as int64.
func decode(text []byte) (Request, error) {
	var r Request
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read the overlays to try: %w", err)
	}
	return r, nil
}
