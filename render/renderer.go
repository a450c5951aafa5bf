package render

import (
	"cmp"
	"io/fs"
	"runtime"
	"slices"
	"strings"

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
	sources []source // as they are written
	trusted []source // without the contract of the input, see trusting
	idle    chan *evaluator

	attention attention // that trusted sources pay to the input
}

// rendersPerEvaluator bounds what an evaluator can accumulate. Compiling costs
// about as much as one render, so a thousandth of the time.
const rendersPerEvaluator = 1000

// New compiles the built-in templates together with overlays, which are
// directories of *.cue files; Dir opens one by its path. A mistake that shows
// without a manifest, such as a contradiction between two overlays, is a
// *TemplateError here.
func New(overlays ...fs.FS) (*Renderer, error) {
	sources, err := readSources(overlays)
	if err != nil {
		return nil, err
	}
	if _, err := newEvaluator(sources, everything()); err != nil {
		return nil, err
	}
	r := &Renderer{
		sources:   sources,
		trusted:   trusting(sources),
		idle:      make(chan *evaluator, runtime.GOMAXPROCS(0)),
		attention: attentionOf(sources),
	}
	if first, err := newEvaluator(r.trusted, r.attention); err != nil {
		r.trusted, r.attention = sources, everything() // an overlay refers to the contract
	} else {
		r.idle <- first
	}
	return r, nil
}

// Render makes the objects of a cluster, in the order in which they are best
// applied. The same View gives the same objects, always.
func (r *Renderer) Render(view View) ([]Object, error) {
	e, err := r.evaluator()
	if err != nil {
		return nil, err
	}
	order := newListOrder(view)
	objects, err := e.render(r.templateInput(view), order)
	if err != nil {
		objects, err = r.again(view, order)
	}
	if err != nil {
		return nil, err
	}
	r.release(e)
	slices.SortFunc(objects, byID)
	return objects, nil
}

// again renders without any shortcut. It finds the best words for an error:
// those of the templates as they are written, which name the type of what
// conflicts, and its place. And it renders what only a shortcut has failed at.
func (r *Renderer) again(view View, order listOrder) ([]Object, error) {
	e, err := newEvaluator(r.sources, everything())
	if err != nil {
		return nil, err
	}
	return e.render(plain(&view), order)
}

// templateInput turns a View into plain maps and lists, as its JSON would
// have them: this is what the fields of input.cue are called after.
func (r *Renderer) templateInput(view View) map[string]any {
	if r.attention.readsManifest() {
		return plain(&view)
	}
	view.Manifest = Manifest{}
	input := plain(&view)
	delete(input, "manifest")
	return input
}

func (r *Renderer) evaluator() (*evaluator, error) {
	select {
	case e := <-r.idle:
		return e, nil
	default:
		return newEvaluator(r.trusted, r.attention)
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
