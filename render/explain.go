package render

import (
	"errors"
	"fmt"
	"strings"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/schema"
)

// Question asks where a value of a rendered object comes from.
type Question struct {
	Input
	Object string // id
	Path   string // as errors and diffs print paths

	// With gives the input for another manifest or configuration; nil for one
	// whose credentials and observations stay as they are.
	With func(*apiv1.Postgresql, config.Config) Input
}

// Explanation says where a value comes from.
type Explanation struct {
	Object   string // id
	Rendered Object
	Path     string // in full
	Value    any    // as it may be shown

	// Writers are the places that state the value: the first counts, the others
	// are what it stands in the place of.
	Writers []Writer
	// Decides are the fields of the manifest and the options that make the value
	// what it is, Needs those without which it would not be there.
	Decides []Source
	Needs   []Source
}

// Kinds of writers.
const (
	WriterTemplate   = "template"    // of the program
	WriterOverlay    = "overlay"     // unified with the templates
	WriterOverride   = "override"    // merged over the finished object
	WriterGoTemplate = "Go template" // written by a *.yaml.tmpl
)

// Writer is a place in a template or overlay that states a value.
type Writer struct {
	Kind     string
	Overlay  string // its name
	Position string // file:line:column
	Text     string // what stands there, where it is one expression
	Default  bool   // others may state something else
	Reads    bool   // it takes the value from the input
}

// Kinds of sources.
const (
	SourceManifest      = "manifest"
	SourceConfiguration = "configuration"
)

// Source is a field of the manifest, or an option.
type Source struct {
	Kind    string
	Name    string // path of the field, or key of the option
	Value   string // as JSON; empty where it is not to be shown
	Default bool   // of an option: it has its default
}

// Explain renders a cluster, and renders it again with other manifests and
// configurations to see which of them the value follows. When the object has no
// such field, the explanation holds the object all the same.
func (r *Renderer) Explain(q Question) (Explanation, error) {
	view, err := NewView(q.Input)
	if err != nil {
		return Explanation{}, err
	}
	p, err := r.program(view)
	if err != nil {
		return Explanation{}, r.attribute(err, "", &view)
	}
	traced, err := p.trace(view)
	if err != nil {
		return Explanation{}, r.attribute(err, "", &view)
	}
	object, err := traced.find(q.Object)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Object: q.Object, Rendered: object}
	place, err := schema.Locate(object.Unstructured, q.Path)
	if err != nil {
		return e, fmt.Errorf("%s: %w", q.Object, err)
	}
	shown, err := schema.Locate(withoutSecrets(object), q.Path)
	if err != nil {
		return e, fmt.Errorf("%s: %w", q.Object, err)
	}
	e.Path, e.Value = place.Path.String(), shown.Value
	e.Writers = traced.writers(r, q.Object, place.Path)
	secret := show(place.Value) != show(shown.Value)
	for i := range e.Writers {
		if secret {
			e.Writers[i].Text = ""
		}
	}
	search := variation{Question: q, renderer: r, program: p, seen: p.seenOf(view), place: place, secret: secret}
	e.Decides, e.Needs = search.sources()
	return e, nil
}

// ErrNoSuchObject is what an id comes to that a cluster does not have.
var ErrNoSuchObject = errors.New("the cluster has no such object")

func (t trace) find(id string) (Object, error) {
	var ids []string
	for _, object := range t.objects {
		if object.ID == id {
			return object, nil
		}
		ids = append(ids, object.ID)
	}
	if near := didYouMean(id, ids); near != "" {
		return Object{}, fmt.Errorf("%s: %w: %s", id, ErrNoSuchObject, near)
	}
	return Object{}, fmt.Errorf("%s: %w: there are %s", id, ErrNoSuchObject, strings.Join(ids, ", "))
}
