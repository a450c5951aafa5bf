package render

import (
	"slices"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// cutter takes parts out of built-in templates, as far as nobody pays attention
// to their fields. It numbers them as it comes across them, which is always the
// same.
type cutter struct {
	attention
	parts []fields
	words map[string]bool // that overlays use in what is being cut
}

// cut leaves the fields at the top level, to which templates refer by name, and
// everything where an overlay may look at what it does not name.
func (c *cutter) cut(file *ast.File) {
	if c.all || c.closes {
		return
	}
	for _, declaration := range file.Decls {
		if field, ok := declaration.(*ast.Field); ok {
			c.words = c.uses.within(fieldName(field))
			c.atTop(field)
		}
	}
}

func (c *cutter) atTop(field *ast.Field) {
	if c.uses.listed[fieldName(field)] {
		c.inside(field.Value, nil)
	} else {
		c.below(field, nil)
	}
}

// below cuts within the value of a field. The key is what the pattern around it
// calls the name it is applied to, nil without a pattern.
func (c *cutter) below(declaration ast.Decl, key *ast.Ident) {
	field, ok := declaration.(*ast.Field)
	if !ok {
		return
	}
	if pattern, ok := field.Label.(*ast.ListLit); ok {
		key = nil
		if alias, ok := pattern.Elts[0].(*ast.Alias); ok {
			key = alias.Ident
		}
	}
	switch value := field.Value.(type) {
	case *ast.StructLit:
		if name := fieldName(field); c.uses.listed[name] && !c.uses.top[name] {
			c.inside(value, key)
		} else {
			c.cutStruct(value, key)
		}
	case *ast.BinaryExpr: // joined with a definition, perhaps, which may have no other fields
		c.inside(value.X, key)
		c.inside(value.Y, key)
	}
}

// inside leaves the fields of a struct, and cuts within their values.
func (c *cutter) inside(expression ast.Expr, key *ast.Ident) {
	if body, ok := expression.(*ast.StructLit); ok {
		for _, declaration := range body.Elts {
			c.below(declaration, key)
		}
	}
}

func (c *cutter) cutStruct(body *ast.StructLit, key *ast.Ident) {
	var taken fields
	body.Elts = slices.DeleteFunc(body.Elts, func(declaration ast.Decl) bool {
		found, ok := c.declared(declaration, key)
		taken = append(taken, found...)
		if !ok {
			c.below(declaration, key)
		}
		return ok
	})
	if len(taken) == 0 {
		return
	}
	mark := &ast.Field{Label: ast.NewString(partMark + strconv.Itoa(len(c.parts))), Value: ast.NewString("")}
	if key != nil {
		mark.Value = ast.NewIdent(key.Name)
	}
	body.Elts = append(body.Elts, mark)
	c.parts = append(c.parts, taken)
}

// declared reads a declaration that can be cut out.
func (c *cutter) declared(declaration ast.Decl, key *ast.Ident) (fields, bool) {
	switch declaration := declaration.(type) {
	case *ast.Field:
		return c.field(declaration, key)
	case *ast.Comprehension:
		return c.conditional(declaration, key)
	}
	return nil, false
}

func (c *cutter) field(field *ast.Field, key *ast.Ident) (fields, bool) {
	name := fieldName(field)
	if name == "" || isHidden(name) || c.uses.read[name] || c.words[name] || field.Constraint != token.ILLEGAL || field.Alias != nil || len(field.Attrs) > 0 {
		return nil, false
	}
	value, ok := c.part(field.Value, key)
	if !ok {
		return nil, false
	}
	return fields{{name: name, value: value}}, true
}

// conditional reads `if input.a != _|_ {…}`.
func (c *cutter) conditional(comprehension *ast.Comprehension, key *ast.Ident) (fields, bool) {
	body, isStruct := comprehension.Value.(*ast.StructLit)
	clause, isIf := comprehension.Clauses[0].(*ast.IfClause)
	if !isStruct || !isIf || len(comprehension.Clauses) > 1 || comprehension.Fallback != nil {
		return nil, false
	}
	test, isTest := clause.Condition.(*ast.BinaryExpr)
	if !isTest || test.Op != token.NEQ || !isBottom(test.Y) {
		return nil, false
	}
	when, ok := referenceOf(test.X, key)
	if !ok {
		return nil, false
	}
	found, ok := c.structOf(body, key)
	for i := range found {
		ok = ok && found[i].when == nil
		found[i].when = when
	}
	if !ok {
		return nil, false
	}
	return found, true
}

func (c *cutter) structOf(body *ast.StructLit, key *ast.Ident) (fields, bool) {
	all := fields{}
	for _, declaration := range body.Elts {
		found, ok := c.declared(declaration, key)
		if !ok {
			return nil, false
		}
		all = append(all, found...)
	}
	return all, true
}

// part reads an expression that needs nothing but the input.
func (c *cutter) part(expression ast.Expr, key *ast.Ident) (part, bool) {
	switch x := expression.(type) {
	case *ast.StructLit:
		return c.structOf(x, key)
	case *ast.ListLit:
		return c.list(x, key)
	case *ast.BasicLit:
		return constantOf(x)
	case *ast.BinaryExpr:
		if chosen := defaultOf(x); chosen != nil {
			return c.part(chosen, key)
		}
	case *ast.SelectorExpr, *ast.IndexExpr:
		return referenceOf(x, key)
	}
	return nil, false
}

func (c *cutter) list(list *ast.ListLit, key *ast.Ident) (part, bool) {
	var all items
	for _, element := range list.Elts {
		item, ok := c.part(element, key)
		if !ok {
			return nil, false
		}
		all = append(all, item)
	}
	return all, true
}

func constantOf(written *ast.BasicLit) (part, bool) {
	switch written.Kind {
	case token.STRING:
		text, err := literal.Unquote(written.Value)
		return constant{text}, err == nil
	case token.INT:
		number, err := strconv.ParseInt(written.Value, 10, 64)
		return constant{number}, err == nil
	case token.TRUE, token.FALSE:
		return constant{written.Kind == token.TRUE}, true
	}
	return nil, false
}

// defaultOf finds what `*default | type` comes to where nobody else has a say.
func defaultOf(disjunction *ast.BinaryExpr) ast.Expr {
	if disjunction.Op != token.OR {
		return nil
	}
	var chosen ast.Expr
	for _, operand := range []ast.Expr{disjunction.X, disjunction.Y} {
		var found ast.Expr
		switch operand := operand.(type) {
		case *ast.UnaryExpr:
			if operand.Op == token.MUL {
				found = operand.X
			}
		case *ast.BinaryExpr:
			found = defaultOf(operand)
		}
		if found != nil && chosen != nil {
			return nil // there is more than one
		}
		if found != nil {
			chosen = found
		}
	}
	return chosen
}

// referenceOf reads input.a.b or input.a[key].b.
func referenceOf(expression ast.Expr, key *ast.Ident) (reference, bool) {
	steps, ok := inputChain(expression)
	for at := expression; ok; {
		switch x := at.(type) {
		case *ast.SelectorExpr:
			at = x.X
		case *ast.IndexExpr:
			at = x.X
			ok = isKey(x.Index, key)
		default:
			return steps, len(steps) > 0
		}
	}
	return nil, false
}

// isKey tells whether an index is the key of the pattern, or a text.
func isKey(index ast.Expr, key *ast.Ident) bool {
	switch index := index.(type) {
	case *ast.Ident:
		return key != nil && index.Name == key.Name
	case *ast.BasicLit:
		return index.Kind == token.STRING
	}
	return false
}
