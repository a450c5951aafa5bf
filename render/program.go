package render

import (
	"errors"
	"runtime"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
)

// program is the built-in templates compiled together with some overlays. It
// is safe for concurrent use.
//
// CUE evaluates one value at a time, so there are several evaluators, each
// with a compiled copy of the templates. An evaluator is thrown away after
// some renders: whatever CUE has kept in it goes with it.
type program struct {
	sources []source // as they are written
	trusted []source // without the contract of the input, see trusting
	layers  []layer  // one per overlay
	idle    chan *evaluator

	attention attention // that trusted sources pay to the input
}

// rendersPerEvaluator bounds what an evaluator can accumulate. Compiling costs
// about as much as one render, so a thousandth of the time.
const rendersPerEvaluator = 1000

func newProgram(sources []source, layers []layer) (*program, error) {
	if _, err := newEvaluator(sources, everything()); err != nil {
		return nil, err
	}
	p := &program{
		sources:   sources,
		trusted:   trusting(sources),
		layers:    layers,
		idle:      make(chan *evaluator, runtime.GOMAXPROCS(0)),
		attention: attentionOf(sources),
	}
	if first, err := newEvaluator(p.trusted, p.attention); err != nil {
		p.trusted, p.attention = sources, everything() // an overlay refers to the contract
	} else {
		p.idle <- first
	}
	return p, nil
}

// render makes the objects of a cluster: those of the templates, then what
// each overlay lays over them.
func (p *program) render(view View) ([]Object, error) {
	e, err := p.evaluator()
	if err != nil {
		return nil, err
	}
	objects, err := p.renderBy(e, view, p.templateInput(view))
	if err != nil {
		return p.again(view)
	}
	p.release(e)
	return objects, nil
}

// again renders without any shortcut. It finds the best words for an error:
// those of the templates as they are written, which name the type of what
// conflicts, and its place. And it renders what only a shortcut has failed at.
func (p *program) again(view View) ([]Object, error) {
	e, err := newEvaluator(p.sources, everything())
	if err != nil {
		return nil, err
	}
	return p.renderBy(e, view, plain(&view))
}

func (p *program) renderBy(e *evaluator, view View, input map[string]any) ([]Object, error) {
	order := newListOrder(view)
	result, err := e.render(input, order)
	if err != nil {
		return nil, err
	}
	objects, err := p.finish(view, input, order, result)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(objects, byID)
	return objects, nil
}

// manifestKey is the manifest itself in the input.
const manifestKey = "manifest"

// templateInput turns a View into plain maps and lists, as its JSON would
// have them: this is what the fields of input.cue are called after.
func (p *program) templateInput(view View) map[string]any {
	if p.attention.readsManifest() {
		return plain(&view)
	}
	view.Manifest = Manifest{}
	input := plain(&view)
	delete(input, manifestKey)
	return input
}

func (p *program) evaluator() (*evaluator, error) {
	select {
	case e := <-p.idle:
		return e, nil
	default:
		return newEvaluator(p.trusted, p.attention)
	}
}

func (p *program) release(e *evaluator) {
	if e.renders >= rendersPerEvaluator {
		return
	}
	select {
	case p.idle <- e:
	default: // there are enough of them
	}
}

// newEvaluator compiles all sources into one value, which pays attention to the
// input as told. The files are parsed anew for each evaluator: compiling
// changes syntax trees.
func newEvaluator(sources []source, attention attention) (*evaluator, error) {
	instance := build.NewContext().NewInstance(templatePackage, nil)
	overrides := map[int]bool{}
	parts := cutter{attention: attention}
	for _, s := range sources {
		file, err := parse(s)
		if err != nil {
			return nil, err
		}
		if s.layer == builtIn {
			parts.cut(file)
		} else if nameOverride(file, s.layer) {
			overrides[s.layer] = true
		}
		if err := instance.AddSyntax(file); err != nil {
			return nil, templateError(err)
		}
	}
	if err := instance.Complete(); err != nil {
		return nil, templateError(err)
	}
	context := cuecontext.New()
	value := context.BuildInstance(instance)
	// What waits for the input is no error yet.
	if err := value.Validate(); err != nil {
		return nil, templateError(err)
	}
	if !value.LookupPath(cue.MakePath(objectsField)).Exists() {
		return nil, errors.New("the templates define no objects")
	}
	e := &evaluator{context: context, templates: value, attention: attention, parts: parts.parts}
	for layer := range overrides {
		e.overrides = append(e.overrides, layer)
	}
	slices.Sort(e.overrides)
	return e, nil
}
