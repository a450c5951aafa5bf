package render

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// lookups say what templates look at: a tree over the input. What is no part
// of it is looked at by nobody.
type lookups struct {
	fields map[string]*lookups // by the name of a field
	each   *lookups            // under any key

	// passed: the value goes into an object as it is. What is in it matters to
	// an evaluation only where an overlay has something under the same name.
	passed bool

	// exact: an expression computes with the value and everything in it.
	exact bool
}

// attention is what a set of templates looks at, and which names it uses.
type attention struct {
	input *lookups

	// names are all words in overlays: whatever an overlay adds to, changes or
	// selects goes by one of them.
	names map[string]bool

	// uses are what templates and overlays make of the built-in templates.
	uses uses

	// lists: an overlay has a list, which may meet one of the input.
	lists bool

	// closes: an overlay says which fields a struct may or has to have.
	closes bool

	// all: an overlay goes through fields that it does not name, or computes
	// with what the built-in templates make of the input.
	all bool
}

// attentionOf reads sources. Overlays are all that is not built in.
func attentionOf(sources []source) attention {
	a := attention{input: &lookups{}, names: map[string]bool{}, uses: newUses()}
	var templates []*ast.File
	for _, s := range sources {
		if s.name == contractFile {
			continue
		}
		file, err := parse(s)
		if err != nil {
			a.all = true // it is reported by whoever compiles it
			return a
		}
		if s.layer == builtIn {
			a.uses.refer(file)
			templates = append(templates, file)
			continue
		}
		r := sourceReader{attention: &a, overlay: true, local: localNames(file)}
		ast.Walk(file, r.enter, r.leave)
	}
	parts := cutter{attention: a}
	for _, file := range templates {
		parts.cut(file)
		r := sourceReader{attention: &a}
		ast.Walk(file, r.enter, r.leave)
	}
	return a
}

// everything is the attention of templates that see the whole input.
func everything() attention { return attention{all: true} }

// readsManifest tells whether templates may look at the manifest itself. The
// built-in ones need decisions, not the manifest.
func (a attention) readsManifest() bool {
	return a.all || a.input.exact || a.input.fields[manifestKey] != nil
}

// sourceReader walks through one file.
type sourceReader struct {
	*attention
	overlay bool
	local   map[string]bool
	above   []ast.Node
}

func (r *sourceReader) leave(ast.Node) { r.above = r.above[:len(r.above)-1] }

func (r *sourceReader) enter(node ast.Node) bool {
	if chain, ok := inputChain(node); ok {
		r.lookAt(chain)
		r.indexes(node)
		return false
	}
	if r.overlay {
		r.readOverlay(node)
	}
	r.above = append(r.above, node)
	return true
}

// indexes looks at the expressions within the brackets of a chain.
func (r *sourceReader) indexes(node ast.Node) {
	switch node := node.(type) {
	case *ast.SelectorExpr:
		if r.overlay {
			ast.Walk(node.Sel, r.enter, r.leave)
		}
		r.indexes(node.X)
	case *ast.IndexExpr:
		ast.Walk(node.Index, r.enter, r.leave)
		r.indexes(node.X)
	}
}

// lookAt notes a path below the input, and what is made of it.
func (r *sourceReader) lookAt(chain []string) {
	at := r.input
	for _, step := range chain {
		at = at.below(step)
	}
	switch r.use() {
	case useTested:
	case usePassed:
		at.passed = true
		at.exact = at.exact || r.overlay
	case useKeys:
		at.each = at.below(anyKey)
	default:
		at.exact = true
	}
}

// The uses of a value.
const (
	useComputed = iota
	useTested   // only whether it is there
	usePassed
	useKeys // only its keys
)

// use looks at the nodes around an expression.
func (r *sourceReader) use() int {
	for i := len(r.above) - 1; i >= 0; i-- {
		switch node := r.above[i].(type) {
		case *ast.ParenExpr:
		case *ast.UnaryExpr:
			if node.Op != token.MUL {
				return useComputed
			}
		case *ast.BinaryExpr:
			if isBottom(node.Y) {
				return useTested
			}
			if node.Op != token.OR && node.Op != token.AND {
				return useComputed
			}
		case *ast.Field:
			if _, pattern := node.Label.(*ast.ListLit); pattern || isHidden(fieldName(node)) {
				return useComputed
			}
			return usePassed
		case *ast.EmbedDecl:
			return usePassed
		case *ast.ForClause:
			if node.Value != nil && node.Value.Name == "_" {
				return useKeys
			}
			return useComputed
		default:
			return useComputed
		}
	}
	return useComputed
}

func isBottom(node ast.Expr) bool {
	_, ok := node.(*ast.BottomLit)
	return ok
}

// readOverlay notes the words of an overlay, and whether it does what cannot
// be followed.
func (r *sourceReader) readOverlay(node ast.Node) {
	switch node := node.(type) {
	case *ast.Ident:
		r.word(node, node.Name)
		r.closes = r.closes || node.Name == "close" || strings.Contains(node.Name, "#")
		r.all = r.all || r.computesWith(node)
	case *ast.ImportSpec:
		r.all = r.all || countsEntries(node)
	case *ast.BasicLit:
		if text, err := literal.Unquote(node.Value); err == nil {
			r.word(node, text)
		}
	case *ast.Field:
		r.closes = r.closes || node.Constraint != token.ILLEGAL
	case *ast.ListLit:
		if field, ok := r.parent().(*ast.Field); ok && field.Label == ast.Label(node) {
			r.all = true // a pattern of labels
			return
		}
		r.lists = true
	}
}

// word notes a name in an overlay: one that it reads, unless it is a label, and
// one of the field at the top level that it stands in.
func (r *sourceReader) word(node ast.Node, name string) {
	r.names[name] = true
	if field, ok := r.parent().(*ast.Field); !ok || ast.Node(field.Label) != node {
		r.uses.read[name] = true
	}
	top := anywhere
	for _, above := range r.above {
		if field, ok := above.(*ast.Field); ok {
			top = fieldName(field)
			break
		}
	}
	if top != overrideName { // that is laid over finished objects
		r.uses.write(top, name)
	}
}

// countsEntries tells whether a package has functions such as struct.MaxFields
// and list.MinItems, which look at a field without a name for it.
func countsEntries(spec *ast.ImportSpec) bool {
	path, _ := strconv.Unquote(spec.Path.Value)
	return path == "struct" || path == "list"
}

func (r *sourceReader) parent() ast.Node {
	if len(r.above) == 0 {
		return nil
	}
	return r.above[len(r.above)-1]
}

// computesWith tells whether an overlay computes with a field of the
// templates, such as the length of a list or the keys of labels.
func (r *sourceReader) computesWith(ident *ast.Ident) bool {
	if selector, ok := r.parent().(*ast.SelectorExpr); r.local[ident.Name] || ok && selector.Sel == ast.Label(ident) {
		return false
	}
	for i := len(r.above) - 1; i >= 0; i-- {
		switch node := r.above[i].(type) {
		case *ast.CallExpr, *ast.Interpolation, *ast.ForClause, *ast.IndexExpr, *ast.SliceExpr, *ast.IfClause:
			return true
		case *ast.BinaryExpr:
			if node.Op != token.OR && node.Op != token.AND && !isBottom(node.Y) {
				return true
			}
		case *ast.Field, *ast.StructLit, *ast.File:
			return false
		}
	}
	return false
}

// localNames are the words of a file that stand for no field of the templates:
// packages, variables of comprehensions, and what CUE itself defines.
func localNames(file *ast.File) map[string]bool {
	local := map[string]bool{"_": true}
	for _, name := range []string{"string", "int", "bool", "number", "bytes", "float", "true", "false", "null", "len", "close", "and", "or"} {
		local[name] = true
	}
	ast.Walk(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ImportSpec:
			path, _ := strconv.Unquote(node.Path.Value)
			local[path[strings.LastIndexByte(path, '/')+1:]] = true
			if node.Name != nil {
				local[node.Name.Name] = true
			}
		case *ast.ForClause:
			for _, variable := range []*ast.Ident{node.Key, node.Value} {
				if variable != nil {
					local[variable.Name] = true
				}
			}
		}
		return true
	}, nil)
	return local
}

// anyKey is the step of a path that is computed.
const anyKey = ""

// inputChain reads an expression such as input.services[role].name: the steps
// below the input. What follows an index by position belongs to the list.
func inputChain(node ast.Node) ([]string, bool) {
	switch node := node.(type) {
	case *ast.Ident:
		return nil, node.Name == inputField.Unquoted()
	case *ast.SelectorExpr:
		chain, ok := inputChain(node.X)
		name, _, err := ast.LabelName(node.Sel)
		if err != nil {
			name = anyKey
		}
		return append(chain, name), ok
	case *ast.IndexExpr:
		chain, ok := inputChain(node.X)
		if literal, isLiteral := node.Index.(*ast.BasicLit); isLiteral {
			if name, err := strconv.Unquote(literal.Value); err == nil {
				return append(chain, name), ok
			}
		}
		return append(chain, anyKey), ok
	}
	return nil, false
}

// below returns the node for a step, which it makes where there is none.
func (l *lookups) below(step string) *lookups {
	if step == anyKey {
		if l.each == nil {
			l.each = &lookups{}
		}
		return l.each
	}
	if l.fields == nil {
		l.fields = map[string]*lookups{}
	}
	if l.fields[step] == nil {
		l.fields[step] = &lookups{}
	}
	return l.fields[step]
}

// at finds what is looked at under a key, nil for nothing.
func (l *lookups) at(key string) *lookups {
	field := l.fields[key]
	switch {
	case field == nil:
		return l.each
	case l.each == nil:
		return field
	}
	return field.with(l.each)
}

// with joins what is looked at in two ways.
func (l *lookups) with(other *lookups) *lookups {
	switch {
	case l == nil:
		return other
	case other == nil:
		return l
	}
	joined := &lookups{passed: l.passed || other.passed, exact: l.exact || other.exact, each: l.each.with(other.each)}
	for _, from := range []*lookups{l, other} {
		for key, node := range from.fields {
			if joined.fields == nil {
				joined.fields = map[string]*lookups{}
			}
			joined.fields[key] = joined.fields[key].with(node)
		}
	}
	return joined
}
