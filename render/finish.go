package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"postgres-operator/names"
	"postgres-operator/overlay"
)

// layer is what of an overlay comes after the evaluation of CUE.
type layer struct {
	index     int
	name      string
	templates []*goTemplate
}

func newLayer(o overlay.Overlay, index int) (layer, error) {
	l := layer{index: index, name: o.Name}
	for _, f := range o.Files {
		if !strings.HasSuffix(f.Name, overlay.SuffixTemplate) {
			continue
		}
		t, err := parseGoTemplate(o.Path(f), f.Content)
		if err != nil {
			return l, err
		}
		l.templates = append(l.templates, t)
	}
	return l, nil
}

// evaluation is what came out of CUE.
type evaluation struct {
	objects   []Object
	at        map[string]func(path string) []string // where the fields of an object come from, by id
	values    map[string]cue.Value                  // objects before lists are made, by id
	overrides map[int][]patch                       // by overlay
}

// finish lays the overlays over the objects, one after the other, and checks
// after each that the cluster still works.
func (p *program) finish(view View, input map[string]any, order listOrder, result evaluation) ([]Object, error) {
	if len(p.layers) == 0 {
		return result.objects, nil
	}
	set := newObjectSet(view, result)
	if err := p.layOver(set, view, input, order, result); err != nil {
		return nil, err
	}
	return set.objects, nil
}

// layOver needs the input that the result was made from.
func (p *program) layOver(set *objectSet, view View, input map[string]any, order listOrder, result evaluation) error {
	if err := set.settle(); err != nil {
		return err
	}
	var whole map[string]any
	for _, l := range p.layers {
		err := set.layAll(result.overrides[l.index])
		for i := 0; i < len(l.templates) && err == nil; i++ {
			if whole == nil {
				whole = withManifest(input, view)
			}
			var documents []document
			if documents, err = l.templates[i].execute(whole); err == nil {
				err = set.add(documents, order)
			}
		}
		if err == nil {
			err = set.settle()
		}
		if err != nil {
			return inOverlay(l.name, err)
		}
	}
	return nil
}

// withManifest completes an input that was made without the manifest.
func withManifest(input map[string]any, view View) map[string]any {
	if _, has := input[manifestKey]; has {
		return input
	}
	whole := maps.Clone(input)
	whole[manifestKey] = plain(&view.Manifest)
	return whole
}

// objectSet is the objects of a cluster while overlays change them.
type objectSet struct {
	view    View
	objects []Object
	removed []string                              // ids that an overlay leaves out
	touched map[string]func(path string) []string // what changed since settle, and from where
	laid    func(patch)                           // is told of each patch, new objects among them; nil for nobody
}

func newObjectSet(view View, result evaluation) *objectSet {
	return &objectSet{view: view, objects: result.objects, touched: maps.Clone(result.at)}
}

func (o *objectSet) index(id string) int {
	return slices.IndexFunc(o.objects, func(object Object) bool { return object.ID == id })
}

func (o *objectSet) ids() []string {
	var ids []string
	for _, object := range o.objects {
		ids = append(ids, object.ID)
	}
	return ids
}

// mayExist tells whether some cluster has an object with this id, although this
// one has none.
func (o *objectSet) mayExist(id string) bool {
	group, rest, nested := strings.Cut(id, "/")
	switch group {
	case "secret", "fabriceventstream":
		return nested
	case "endpoints", "service":
		return rest == names.RoleMaster || rest == names.RoleReplica
	case "cronjob":
		return !nested
	case "pooler":
		role, object, _ := strings.Cut(rest, "/")
		return (role == names.RoleMaster || role == names.RoleReplica) && slices.Contains([]string{"deployment", "service", "secret"}, object)
	}
	return slices.Contains(o.removed, id)
}

func (o *objectSet) layAll(patches []patch) error {
	for _, p := range patches {
		if err := o.lay(p); err != nil {
			return err
		}
	}
	return nil
}

func (o *objectSet) tell(p patch) {
	if o.laid != nil {
		o.laid(p)
	}
}

// remove leaves an object out, where the cluster can do without it.
func (o *objectSet) remove(i int, p patch) error {
	group, _, _ := strings.Cut(p.id, "/")
	if slices.Contains([]string{"statefulset", "endpoints"}, group) || p.id == "service/"+names.RoleMaster {
		return &TemplateError{Object: p.id, Cause: "a cluster cannot do without this object", Positions: p.at("")}
	}
	o.objects = slices.Delete(o.objects, i, i+1)
	o.removed = append(o.removed, p.id)
	return nil
}

// add puts in what a Go template made: an object of its own, or a patch for one
// that is there already.
func (o *objectSet) add(documents []document, order listOrder) error {
	for _, d := range documents {
		if d.patch != nil {
			if err := o.lay(*d.patch); err != nil {
				return err
			}
			continue
		}
		if d.object.GetNamespace() == "" {
			d.object.SetNamespace(o.view.Namespace)
		}
		order.makeLists(d.object)
		if err := checkWith(d.object, d.at); err != nil {
			return err
		}
		if i := o.same(d.object); i >= 0 {
			d.object.ID = o.objects[i].ID
			if err := o.lay(patch{id: d.object.ID, content: d.object.Object, at: d.at}); err != nil {
				return err
			}
			continue
		}
		if o.index(d.object.ID) >= 0 {
			return &TemplateError{Object: d.object.ID, Cause: "there are two objects with this id", Positions: d.at("")}
		}
		o.objects = append(o.objects, d.object)
		o.touched[d.object.ID] = d.at
		o.tell(patch{id: d.object.ID, content: d.object.Object, at: d.at})
	}
	return nil
}

// same finds an object of the same kind and name.
func (o *objectSet) same(other Object) int {
	return slices.IndexFunc(o.objects, func(object Object) bool { return identity(object) == identity(other) })
}

func identity(o Object) string {
	return fmt.Sprintf("%s %s/%s", o.GroupVersionKind().GroupKind(), o.GetNamespace(), o.GetName())
}

// settle checks what has changed.
func (o *objectSet) settle() error {
	for _, id := range slices.Sorted(maps.Keys(o.touched)) {
		if i := o.index(id); i >= 0 {
			if err := o.check(o.objects[i], o.touched[id]); err != nil {
				return err
			}
		}
	}
	clear(o.touched)
	return nil
}

func inOverlay(name string, err error) error {
	var wrong *TemplateError
	if errors.As(err, &wrong) && wrong.Overlay == "" {
		wrong.Overlay = name
	}
	return err
}
