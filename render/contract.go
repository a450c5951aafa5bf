package render

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"

	"postgres-operator/templates"
)

// ContractVersion is that of the structure of the input, which templates read as input.version. The second
// number counts what was added; the first changes when something was taken away or means something else.
const ContractVersion = "1.0"

// Contract is the structure of the input, as templates/input.cue states it.
type Contract struct {
	Definitions []ContractDefinition
}

// ContractDefinition is #Input or what it refers to.
type ContractDefinition struct {
	Name   string // #Input
	Doc    string
	Type   string // of a definition that is no struct of named fields
	Fields []ContractField
}

// ContractField is one field, at its path below the definition. An entry under any key is called *.
type ContractField struct {
	Path       []string
	Type       string // empty for a struct whose fields follow
	Optional   bool
	Doc        string
	Deprecated string // what to use in its place
}

// deprecatedMark begins the line of a comment that says what to use in place of a field.
const deprecatedMark = "Deprecated: "

// ReadContract reads the built-in contract.
func ReadContract() (Contract, error) {
	content, err := fs.ReadFile(templates.FS, path.Base(contractFile))
	if err != nil {
		return Contract{}, fmt.Errorf("read the contract of the input: %w", err)
	}
	return ParseContract(content)
}

// ParseContract reads a contract from its text.
func ParseContract(content []byte) (Contract, error) {
	file, err := parse(source{name: contractFile, content: content})
	if err != nil {
		return Contract{}, err
	}
	var c Contract
	for _, field := range fieldsOf(file) {
		name := fieldName(field)
		if !strings.HasPrefix(name, "#") {
			continue
		}
		d := ContractDefinition{Name: name, Doc: commentsOf(field)}
		if body, ok := field.Value.(*ast.StructLit); ok {
			d.add(nil, body)
		}
		if len(d.Fields) == 0 {
			d.Type = typeText(field.Value)
		}
		c.Definitions = append(c.Definitions, d)
	}
	return c, nil
}

// add notes the fields of a struct, and those below them.
func (d *ContractDefinition) add(above []string, body *ast.StructLit) {
	for _, declaration := range body.Elts {
		if embedded, ok := declaration.(*ast.EmbedDecl); ok {
			if text := typeText(embedded.Expr); strings.HasPrefix(text, "#") {
				d.Fields = append(d.Fields, ContractField{Path: append(slices.Clone(above), "…"), Type: text})
			}
			continue
		}
		field, ok := declaration.(*ast.Field)
		if !ok {
			continue
		}
		name := fieldName(field)
		if _, pattern := field.Label.(*ast.ListLit); pattern {
			name = "*"
		}
		if len(above) == 0 && name == "*" {
			return // a map, not a struct of named fields
		}
		f := ContractField{Path: append(slices.Clone(above), name), Optional: field.Constraint == token.OPTION}
		f.Doc, f.Deprecated = splitDeprecated(commentsOf(field))
		below, isStruct := field.Value.(*ast.StructLit)
		named := isStruct && len(fieldsOfStruct(below)) > 0
		if !named {
			f.Type = typeText(field.Value)
		}
		d.Fields = append(d.Fields, f)
		if named {
			d.add(f.Path, below)
		}
	}
}

func fieldsOfStruct(body *ast.StructLit) []*ast.Field {
	var fields []*ast.Field
	for _, declaration := range body.Elts {
		if field, ok := declaration.(*ast.Field); ok {
			fields = append(fields, field)
		}
	}
	return fields
}

// commentsOf are the comments above a field and behind it, as one text.
func commentsOf(field *ast.Field) string {
	var lines []string
	for _, group := range ast.Comments(field) {
		lines = append(lines, strings.TrimSpace(group.Text()))
	}
	for _, group := range ast.Comments(field.Value) {
		lines = append(lines, strings.TrimSpace(group.Text()))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func splitDeprecated(doc string) (text, deprecated string) {
	text, deprecated, _ = strings.Cut(doc, deprecatedMark)
	return oneLine(text), oneLine(deprecated)
}

// typeText writes a type on one line.
func typeText(expression ast.Expr) string {
	ast.Walk(expression, func(node ast.Node) bool { ast.SetComments(node, nil); return true }, nil)
	text, err := format.Node(expression, format.Simplify())
	if err != nil {
		return "_"
	}
	return oneLine(string(text))
}

// Deprecated are the fields of #Input that are deprecated.
func (c Contract) Deprecated() []ContractField {
	var found []ContractField
	for _, d := range c.Definitions {
		for _, f := range d.Fields {
			if d.Name == "#Input" && f.Deprecated != "" {
				found = append(found, f)
			}
		}
	}
	return found
}
