package render

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/schema"
)

// trace is a render that remembers where everything came from.
type trace struct {
	objects []Object
	values  map[string]cue.Value
	laid    []patch
	layers  []layer
}

// trace renders without withholding anything, so that every value of the
// evaluation is there to be asked.
func (p *program) trace(view View) (trace, error) {
	e, err := newEvaluator(p.trusted, everything())
	if err != nil {
		return trace{}, err
	}
	order := newListOrder(view)
	input := plain(&view)
	result, err := e.render(input, order)
	if err != nil {
		_, worded := p.again(view)
		if worded != nil {
			err = worded
		}
		return trace{}, err
	}
	t := trace{values: result.values, layers: p.layers}
	set := newObjectSet(view, result)
	set.laid = func(laid patch) { t.laid = append(t.laid, laid) }
	if err := p.layOver(set, view, input, order, result); err != nil {
		return t, err
	}
	t.objects = set.objects
	slices.SortFunc(t.objects, byID)
	return t, nil
}

// writers finds who states a value, the one that counts first.
func (t trace) writers(r *Renderer, id string, path schema.Path) []Writer {
	var found []Writer
	for _, laid := range slices.Backward(t.laid) {
		if laid.id == id && states(t.kindOf(id), laid.content, path) {
			w := Writer{Kind: WriterOverride}
			if at := laid.at(path.String()); len(at) > 0 {
				w.Position = at[0]
			}
			if template := t.template(w.Position); template != nil {
				w.Kind = WriterGoTemplate
				w.Position += ":" + strconv.Itoa(template.lineOf(path))
			}
			found = append(found, w)
		}
	}
	if value, ok := t.values[id]; ok {
		path := steps(path.String())
		found = append(found, writersIn(value, path)...)
		for len(found) == 0 && len(path) > 0 { // such as the key of an item: whoever states what is around it
			path = path[:len(path)-1]
			found = writersIn(value, path)
		}
	}
	for i := range found {
		w := &found[i]
		w.Overlay = r.overlayAt([]string{w.Position})
		if w.Kind == "" {
			w.Kind = WriterTemplate
			if w.Overlay != "" {
				w.Kind = WriterOverlay
			}
		}
	}
	return found
}

func (t trace) kindOf(id string) map[string]any {
	for _, object := range t.objects {
		if object.ID == id {
			return map[string]any{"apiVersion": object.GetAPIVersion(), "kind": object.GetKind()}
		}
	}
	return nil
}

func (t trace) template(path string) *goTemplate {
	for _, l := range t.layers {
		for _, template := range l.templates {
			if template.path == path {
				return template
			}
		}
	}
	return nil
}

// states tells whether a patch has a value at a path, or one of all around it.
func states(kind, content map[string]any, path schema.Path) bool {
	typed := &unstructured.Unstructured{Object: maps.Clone(content)}
	maps.Copy(typed.Object, kind)
	_, err := schema.Locate(typed, path.String())
	return err == nil
}

// lineOf is the line of a Go template that writes a value: below the key of
// what is around it, the first with its key. Where a key is computed, it is
// the line of the last one that is not.
func (t *goTemplate) lineOf(path schema.Path) int {
	line := 0
	for _, step := range steps(path.String()) {
		for i := line; i < len(t.lines); i++ {
			text := strings.NewReplacer(`"`, "", "'", "").Replace(t.lines[i])
			text = strings.TrimLeft(text, " -{")
			if strings.HasPrefix(text, step+":") || text == "name: "+step || strings.Contains(text, " "+step+": ") {
				line = i
				break
			}
		}
	}
	return line + 1
}

// writersIn takes the value apart into what was unified to make it. The value
// of a field counts over the default of another.
func writersIn(value cue.Value, path []string) []Writer {
	found, ok := lookup(value, path)
	if !ok {
		return nil
	}
	var fixed, defaults []Writer
	fromInput := false
	for _, part := range conjuncts(found) {
		expr := expression(part)
		switch {
		case expr == nil:
			fromInput = true
			continue
		case hasDefault(expr):
			w := writerAt(part.Pos(), expr)
			w.Default = true
			defaults = append(defaults, w)
		case part.IsConcrete() || reads(expr):
			fixed = append(fixed, writerAt(part.Pos(), expr))
		}
	}
	if fromInput {
		fixed = append(fixed, passedOn(value, path)...)
	}
	return unique(append(fixed, defaults...))
}

// passedOn finds who hands on a part of the input that the value is in.
func passedOn(value cue.Value, path []string) []Writer {
	for length := len(path) - 1; length > 0; length-- {
		above, ok := lookup(value, path[:length])
		if !ok {
			continue
		}
		var found []Writer
		for _, part := range conjuncts(above) {
			if expr := expression(part); expr != nil && isReference(expr) && reads(expr) {
				w := writerAt(part.Pos(), expr)
				w.Text += "." + strings.Join(path[length:], ".")
				found = append(found, w)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func unique(writers []Writer) []Writer {
	seen := map[string]bool{}
	return slices.DeleteFunc(writers, func(w Writer) bool {
		again := seen[w.Position]
		seen[w.Position] = true
		return again
	})
}

func conjuncts(v cue.Value) []cue.Value {
	op, parts := v.Expr()
	if op != cue.AndOp {
		return []cue.Value{v}
	}
	var all []cue.Value
	for _, part := range parts {
		all = append(all, conjuncts(part)...)
	}
	return all
}

// expression is what stands in a file for a value; nil for one of the input.
func expression(v cue.Value) ast.Expr {
	switch source := v.Source().(type) {
	case *ast.Field:
		return source.Value
	case ast.Expr:
		return source
	}
	return nil
}

func writerAt(pos token.Pos, expr ast.Expr) Writer {
	w := Writer{Position: pos.String(), Reads: reads(expr)}
	switch expr.(type) {
	case *ast.StructLit, *ast.ListLit:
		return w
	}
	if text, err := format.Node(expr); err == nil {
		w.Text = oneLine(string(text))
	}
	return w
}

func hasDefault(expr ast.Expr) bool {
	switch expr := expr.(type) {
	case *ast.BinaryExpr:
		return expr.Op == token.OR && (hasDefault(expr.X) || hasDefault(expr.Y))
	case *ast.UnaryExpr:
		return expr.Op == token.MUL
	}
	return false
}

func isReference(expr ast.Expr) bool {
	_, ok := inputChain(expr)
	return ok
}

// reads tells whether an expression refers to the input.
func reads(expr ast.Expr) bool {
	found := false
	ast.Walk(expr, func(node ast.Node) bool {
		if chain, ok := inputChain(node); ok && len(chain) > 0 {
			found = true
		}
		return !found
	}, nil)
	return found
}
