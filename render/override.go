package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/schema"
)

// overrideName is the field at the top level of an overlay that holds, by id of
// an object, what is merged over it when it is finished.
const overrideName = "override"

// overrideField is where the override of an overlay stands in the compiled
// templates. Each overlay has its own: merged one after the other, a later one
// wins, where unified they would contradict each other.
func overrideField(layer int) string { return fmt.Sprintf("%s %d", overrideName, layer) }

// nameOverride renames the field override of a file, and tells whether there
// is one. A pattern in it, such as [=~"^service/"], stands for every object.
func nameOverride(file *ast.File, layer int) bool {
	found, pattern := false, false
	for _, field := range fieldsOf(file) {
		if fieldName(field) != overrideName {
			continue
		}
		label := ast.NewString(overrideField(layer))
		ast.SetPos(label, field.Label.Pos())
		field.Label = label
		found = true
		if below, ok := field.Value.(*ast.StructLit); ok {
			pattern = pattern || slices.ContainsFunc(below.Elts, isPattern)
		}
	}
	if pattern {
		file.Decls = append(file.Decls, everyObject(overrideField(layer)))
	}
	return found
}

func isPattern(declaration ast.Decl) bool {
	field, ok := declaration.(*ast.Field)
	if !ok {
		return false
	}
	_, ok = field.Label.(*ast.ListLit)
	return ok
}

// everyObject is `name: {for id, _ in objects {(id): _}}`.
func everyObject(name string) ast.Decl {
	id := ast.NewIdent("id")
	entries := ast.NewStruct(&ast.Field{Label: &ast.ParenExpr{X: ast.NewIdent("id")}, Value: ast.NewIdent("_")})
	each := &ast.ForClause{Key: id, Value: ast.NewIdent("_"), Source: ast.NewIdent(objectsField.Unquoted())}
	return &ast.Field{
		Label: ast.NewString(name),
		Value: &ast.StructLit{Elts: []ast.Decl{&ast.Comprehension{Clauses: []ast.Clause{each}, Value: entries}}},
	}
}

// patch is what an overlay lays over one object.
type patch struct {
	id      string
	content map[string]any             // may hold nulls
	removes bool                       // the object as a whole
	at      func(path string) []string // the position of a field
}

// readOverrides reads the overrides of an overlay off an evaluation.
func (d decoder) readOverrides(evaluated cue.Value, layer int) ([]patch, error) {
	value := evaluated.LookupPath(cue.MakePath(cue.Str(overrideField(layer))))
	fields, err := value.Fields()
	if err != nil {
		return nil, templateError(err)
	}
	d.keepNulls = true
	var patches []patch
	for fields.Next() {
		value := fields.Value()
		if value.IncompleteKind() == cue.TopKind {
			continue // no pattern is about this object
		}
		content, err := d.decode(value)
		if err != nil {
			return nil, templateError(err)
		}
		p := patch{id: fields.Selector().Unquoted(), at: positionIn(value)}
		switch content := content.(type) {
		case nil:
			p.removes = true
		case map[string]any:
			p.content = content
		default:
			return nil, &TemplateError{Object: p.id, Cause: "an override is a struct, or null to leave the object out", Positions: p.at("")}
		}
		patches = append(patches, p)
	}
	return patches, nil
}

func positionIn(value cue.Value) func(string) []string {
	return func(path string) []string {
		if pos := nearest(value, path); pos != token.NoPos {
			return []string{pos.String()}
		}
		return nil
	}
}

// lay merges a patch over the object with its id.
func (o *objectSet) lay(p patch) error {
	i := o.index(p.id)
	switch {
	case i < 0 && o.mayExist(p.id):
		return nil // not in this cluster
	case i < 0:
		return &TemplateError{
			Object: p.id, Cause: "there is no object with this id to override",
			Positions: p.at(""), Hint: didYouMean(p.id, o.ids()),
		}
	case p.removes:
		return o.remove(i, p)
	}
	object := o.objects[i]
	over := Object{ID: p.id, Unstructured: &unstructured.Unstructured{Object: p.content}}
	if _, ok := p.content["kind"]; !ok {
		p.content["kind"] = object.GetKind() // for makeLists, which goes by it
		defer delete(p.content, "kind")
	}
	listOrder{}.makeLists(over)
	content := maps.Clone(p.content)
	delete(content, "kind")
	delete(content, "apiVersion")
	if err := o.checkIdentity(object, p); err != nil {
		return err
	}
	merged, err := schema.Merge(object.Unstructured, &unstructured.Unstructured{Object: content})
	if err == nil {
		err = schema.Check(merged)
	}
	if err != nil {
		return schemaError(p.id, err, p.at)
	}
	o.objects[i].Unstructured = merged
	o.touched[p.id] = p.at
	o.tell(patch{id: p.id, content: content, at: p.at})
	return nil
}

// checkIdentity: an object that was called otherwise would be another one.
func (o *objectSet) checkIdentity(object Object, p patch) error {
	for _, field := range [][]string{{"apiVersion"}, {"kind"}, {"metadata", "name"}, {"metadata", "namespace"}} {
		have, _, _ := unstructured.NestedString(object.Object, field...)
		want, found, err := unstructured.NestedFieldNoCopy(p.content, field...)
		if !found && err == nil || want == have {
			continue
		}
		path := strings.Join(field, ".")
		return &TemplateError{
			Object: p.id, Field: path, Positions: p.at(path),
			Cause: fmt.Sprintf("it is %q and cannot be changed: it is what this object is known by", have),
		}
	}
	return nil
}

// schemaError words what the schema says about an object, with the place that
// at gives to its path.
func schemaError(id string, err error, at func(string) []string) error {
	var problem *schema.Problem
	if !errors.As(err, &problem) {
		return &TemplateError{Object: id, Cause: oneLine(err.Error()), Positions: at("")}
	}
	cause, hint, _ := strings.Cut(problem.Message, ", did you mean ")
	wrong := &TemplateError{
		Object: id, Field: problem.Path, Cause: cause, Positions: at(problem.Path),
		More: strings.Count(err.Error(), "\n"),
	}
	if hint != "" {
		wrong.Hint = "did you mean " + hint
	}
	return wrong
}
