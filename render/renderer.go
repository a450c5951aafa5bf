package render

import (
	"cmp"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Object is one Kubernetes object of a cluster. Its ID never changes, even
// where its name does: it says what the object is for.
type Object struct {
	ID string
	*unstructured.Unstructured
}

// Renderer makes objects from Views. It is safe for concurrent use.
//
// CUE evaluates one value at a time, so there are several evaluators, each
// with a compiled copy of the templates. An evaluator is thrown away after
// some renders: whatever CUE has kept in it goes with it.
type Renderer struct {
	sources []source
	idle    chan *evaluator
}

// rendersPerEvaluator bounds what an evaluator can accumulate. Compiling costs
// about as much as one render, so a thousandth of the time.
const rendersPerEvaluator = 1000

// evaluator is a compiled copy of the templates.
type evaluator struct {
	context   *cue.Context
	templates cue.Value
	renders   int
}

// New compiles the built-in templates together with overlays, which are
// directories of *.cue files; Dir opens one by its path. A mistake that shows
// without a manifest, such as a contradiction between two overlays, is a
// *TemplateError here.
func New(overlays ...fs.FS) (*Renderer, error) {
	sources, err := readSources(overlays)
	if err != nil {
		return nil, err
	}
	first, err := newEvaluator(sources)
	if err != nil {
		return nil, err
	}
	r := &Renderer{sources: sources, idle: make(chan *evaluator, runtime.GOMAXPROCS(0))}
	r.idle <- first
	return r, nil
}

// Render makes the objects of a cluster, in the order in which they are best
// applied. The same View gives the same objects, always.
func (r *Renderer) Render(view View) ([]Object, error) {
	input, err := templateInput(view)
	if err != nil {
		return nil, err
	}
	e, err := r.evaluator()
	if err != nil {
		return nil, err
	}
	objects, err := e.render(input, newListOrder(view))
	if err != nil {
		return nil, err
	}
	r.release(e)
	slices.SortFunc(objects, byID)
	return objects, nil
}

func (r *Renderer) evaluator() (*evaluator, error) {
	select {
	case e := <-r.idle:
		return e, nil
	default:
		return newEvaluator(r.sources)
	}
}

func (r *Renderer) release(e *evaluator) {
	if e.renders >= rendersPerEvaluator {
		return
	}
	select {
	case r.idle <- e:
	default: // there are enough of them
	}
}

// render fills in the input and reads the objects off. The input goes in as a
// Go value: compiled text would stay in the evaluator for ever.
func (e *evaluator) render(input map[string]any, order listOrder) ([]Object, error) {
	e.renders++
	encoded := e.context.Encode(input, cue.NilIsAny(false))
	filled := e.templates.FillPath(cue.MakePath(cue.Str("input")), encoded)
	if err := filled.Err(); err != nil {
		return nil, templateError(err)
	}
	fields, err := filled.LookupPath(cue.MakePath(cue.Str("objects"))).Fields()
	if err != nil {
		return nil, templateError(err)
	}
	var objects []Object
	for fields.Next() {
		id := fields.Selector().Unquoted()
		object, err := newObject(id, fields.Value())
		if err != nil {
			return nil, err
		}
		order.makeLists(object)
		if err := checkSchema(object, fields.Value()); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// newObject reads one object off, and checks that it is one.
func newObject(id string, value cue.Value) (Object, error) {
	content, err := decode(value)
	if err != nil {
		return Object{}, templateError(err)
	}
	fields, isStruct := content.(map[string]any)
	object := Object{ID: id, Unstructured: &unstructured.Unstructured{Object: fields}}
	if isStruct && object.GetAPIVersion() != "" && object.GetKind() != "" && object.GetName() != "" && object.GetNamespace() != "" {
		return object, nil
	}
	return Object{}, &TemplateError{
		Object:    id,
		Cause:     "an object needs apiVersion, kind, metadata.name and metadata.namespace",
		Positions: []string{value.Pos().String()},
	}
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
