package render

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/overlay"
)

// Object is one Kubernetes object of a cluster. Its ID never changes, even
// where its name does: it says what the object is for.
type Object struct {
	ID string
	*unstructured.Unstructured
}

// Renderer makes objects from Views. It is safe for concurrent use.
//
// Overlays have scopes, so clusters may differ in those that are for them. The
// templates are compiled once for each combination that occurs.
type Renderer struct {
	overlays []scopedOverlay
	builtIn  []source
	always   *program // with the overlays that are for all clusters
	allFor   string   // which ones those are

	mu       sync.Mutex
	programs map[string]*program // by combination, without the one above
}

// scopedOverlay is an overlay that has been read.
type scopedOverlay struct {
	overlay.Overlay
	matches func(namespace string, labels map[string]string) bool
	sources []source
	layer   layer
}

// maxPrograms bounds the memory of compiled combinations; beyond it, those that
// have not been used for long are compiled anew.
const maxPrograms = 64

// New compiles the built-in templates together with overlays, in their order.
// A mistake that shows without a manifest, such as a contradiction between two
// overlays, is a *TemplateError here.
func New(overlays ...overlay.Overlay) (*Renderer, error) {
	if err := overlay.Set(overlays).Check(); err != nil {
		return nil, err
	}
	sources, err := readBuiltIn()
	if err != nil {
		return nil, err
	}
	known, err := topLevelFields(sources)
	if err != nil {
		return nil, err
	}
	r := &Renderer{builtIn: sources, programs: map[string]*program{}}
	for i, o := range overlays {
		read, err := readOverlay(o, i, known)
		if err != nil {
			return nil, r.attribute(err, o.Name, nil)
		}
		r.overlays = append(r.overlays, read)
	}
	return r, r.compile()
}

func readOverlay(o overlay.Overlay, layer int, known []string) (scopedOverlay, error) {
	matches, err := o.Scope.Matcher()
	if err != nil {
		return scopedOverlay{}, &TemplateError{Cause: "scope: " + err.Error()}
	}
	read := scopedOverlay{Overlay: o, matches: matches}
	if read.sources, err = overlaySources(o, layer, known); err != nil {
		return read, err
	}
	read.layer, err = newLayer(o, layer)
	return read, err
}

// compile compiles what is for all clusters, and each overlay that is not on
// top of that, so that its mistakes show as well.
func (r *Renderer) compile() error {
	r.allFor = r.combination(func(o scopedOverlay) bool { return o.Scope.All() })
	var err error
	if r.always, err = r.newProgram(r.allFor); err != nil {
		return r.attribute(err, "", nil)
	}
	for i, o := range r.overlays {
		if o.Scope.All() {
			continue
		}
		with := []byte(r.allFor)
		with[i] = used
		if _, err := r.newProgram(string(with)); err != nil {
			return r.attribute(err, o.Name, nil)
		}
	}
	return nil
}

// Render makes the objects of a cluster, in the order in which they are best
// applied. The same View gives the same objects, always.
func (r *Renderer) Render(view View) ([]Object, error) {
	p, err := r.program(view)
	if err != nil {
		return nil, r.attribute(err, "", &view)
	}
	objects, err := p.render(view)
	if err != nil {
		return nil, r.attribute(err, "", &view)
	}
	return objects, nil
}

// Overlays names the overlays that are for a cluster, in their order.
func (r *Renderer) Overlays(namespace string, labels map[string]string) []string {
	var names []string
	for _, o := range r.overlays {
		if o.matches(namespace, labels) {
			names = append(names, o.Name)
		}
	}
	return names
}

// Marks of a combination: one letter per overlay.
const (
	used    = '+'
	without = '-'
)

func (r *Renderer) combination(in func(scopedOverlay) bool) string {
	which := make([]byte, len(r.overlays))
	for i, o := range r.overlays {
		which[i] = without
		if in(o) {
			which[i] = used
		}
	}
	return string(which)
}

// program finds the templates for a cluster, compiled.
func (r *Renderer) program(view View) (*program, error) {
	metadata := view.Manifest.Metadata
	which := r.combination(func(o scopedOverlay) bool { return o.matches(view.Namespace, metadata.Labels) })
	if which == r.allFor {
		return r.always, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.programs[which]; ok {
		return p, nil
	}
	p, err := r.newProgram(which)
	if err != nil {
		return nil, err
	}
	if len(r.programs) >= maxPrograms {
		clear(r.programs)
	}
	r.programs[which] = p
	return p, nil
}

func (r *Renderer) newProgram(which string) (*program, error) {
	sources := slices.Clone(r.builtIn)
	var layers []layer
	for i, o := range r.overlays {
		if which[i] == used {
			sources = append(sources, o.sources...)
			layers = append(layers, o.layer)
		}
	}
	return newProgram(sources, layers)
}

// attribute completes an error by the overlay it comes from and the cluster
// that it was found with, and takes secrets out of it.
func (r *Renderer) attribute(err error, suspect string, view *View) error {
	var wrong *TemplateError
	if !errors.As(err, &wrong) {
		return err
	}
	if view != nil {
		wrong.Cluster = view.Namespace + "/" + view.Name
		wrong.Cause = view.mask(wrong.Cause)
	}
	if wrong.Overlay == "" {
		wrong.Overlay = cmp.Or(r.overlayAt(wrong.Positions), suspect)
	}
	if wrong.Overlay == "" && len(wrong.Positions) == 0 {
		wrong.Overlay, wrong.Positions = r.overlayDefining(wrong.Object)
	}
	if wrong.Hint == "" {
		wrong.Hint = wrong.suggest()
	}
	return err
}

// overlayAt names the overlay of the first position that is in one.
func (r *Renderer) overlayAt(positions []string) string {
	for _, position := range positions {
		found := ""
		for _, o := range r.overlays {
			if strings.HasPrefix(position, o.Name+"/") && len(o.Name) > len(found) {
				found = o.Name
			}
		}
		if found != "" {
			return found
		}
	}
	return ""
}

// overlayDefining finds the overlay that has a field at the top level, for
// errors without a position.
func (r *Renderer) overlayDefining(field string) (name string, positions []string) {
	for _, o := range r.overlays {
		for _, s := range o.sources {
			file, err := parse(s)
			if err != nil {
				continue
			}
			for _, f := range fieldsOf(file) {
				if fieldName(f) == field {
					return o.Name, []string{f.Pos().String()}
				}
			}
		}
	}
	return "", nil
}

// byID orders objects: first what others need, the StatefulSet last of the
// built-in ones, and then what overlays add.
func byID(a, b Object) int {
	return cmp.Or(cmp.Compare(idRank(a.ID), idRank(b.ID)), cmp.Compare(a.ID, b.ID))
}

func idRank(id string) int {
	group, _, _ := strings.Cut(id, "/")
	order := []string{"serviceaccount", "rolebinding", "secret", "endpoints", "service", "pdb", "statefulset", "pooler", "cronjob", "fabriceventstream"}
	if rank := slices.Index(order, group); rank >= 0 {
		return rank
	}
	return len(order)
}
