package render

import (
	"maps"

	"cuelang.org/go/cue/ast"
)

// uses say which fields of the built-in templates are used by name. A field
// that is read has to be there for whoever reads it. One that an overlay
// writes had better be: a part joins nothing but structs, and what it fails at
// is rendered again without any shortcut.
type uses struct {
	read    map[string]bool            // anywhere
	top     map[string]bool            // of the built-in fields, those at the top level
	listed  map[string]bool            // whose entries templates go through
	written map[string]map[string]bool // words of overlays, by the field at the top level
	refers  map[string]map[string]bool // built-in fields at the top level, by those that refer to them
}

func newUses() uses {
	return uses{
		read: map[string]bool{}, top: map[string]bool{}, listed: map[string]bool{},
		written: map[string]map[string]bool{}, refers: map[string]map[string]bool{},
	}
}

// anywhere is the place of what overlays write outside of the fields of
// templates, from where it may go into any of them.
const anywhere = ""

func (u uses) write(top, word string) {
	if isHidden(top) {
		top = anywhere
	}
	if u.written[top] == nil {
		u.written[top] = map[string]bool{}
	}
	u.written[top][word] = true
}

// within are the words that overlays write into a field at the top level or
// into one that refers to it.
func (u uses) within(top string) map[string]bool {
	words := map[string]bool{}
	for from, written := range u.written {
		if from == anywhere || u.reaches(from, top, map[string]bool{}) {
			maps.Copy(words, written)
		}
	}
	return words
}

func (u uses) reaches(from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	seen[from] = true
	for next := range u.refers[from] {
		if !seen[next] && u.reaches(next, to, seen) {
			return true
		}
	}
	return false
}

// refer notes the words by which a built-in template refers to fields.
func (u uses) refer(file *ast.File) {
	local := localNames(file)
	for _, declaration := range file.Decls {
		if field, ok := declaration.(*ast.Field); ok {
			u.top[fieldName(field)] = true
			r := referenceReader{uses: u, from: fieldName(field), local: local}
			ast.Walk(field, r.enter, nil)
		}
	}
}

// referenceReader walks through one field at the top level.
type referenceReader struct {
	uses
	from  string
	local map[string]bool
}

func (r referenceReader) enter(node ast.Node) bool {
	if _, ok := inputChain(node); ok {
		return false
	}
	switch node := node.(type) {
	case *ast.Field:
		if _, isName := node.Label.(*ast.Ident); !isName {
			ast.Walk(node.Label, r.enter, nil)
		}
		ast.Walk(node.Value, r.enter, nil)
		return false
	case *ast.SelectorExpr:
		if name, _, err := ast.LabelName(node.Sel); err == nil {
			r.read[name] = true
		}
		ast.Walk(node.X, r.enter, nil)
		return false
	case *ast.ForClause:
		r.listed[lastName(node.Source)] = true
	case *ast.Ident:
		if r.local[node.Name] {
			break
		}
		r.read[node.Name] = true
		if r.refers[r.from] == nil {
			r.refers[r.from] = map[string]bool{}
		}
		r.refers[r.from][node.Name] = true
	}
	return true
}

// lastName is that of the field to which an expression refers.
func lastName(expression ast.Expr) string {
	switch x := expression.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		name, _, _ := ast.LabelName(x.Sel)
		return name
	}
	return ""
}
