package render

import (
	"cuelang.org/go/cue"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// evaluator is a compiled copy of the templates.
type evaluator struct {
	context   *cue.Context
	templates cue.Value
	attention attention
	parts     []fields // cut out of the templates
	overrides []int    // the overlays that have some
	renders   int
}

// inputField and objectsField are where the templates begin and end.
var (
	inputField   = cue.Str("input")
	objectsField = cue.Str("objects")
)

// render unifies the templates with the input and reads the objects off. The
// input goes in as a Go value: compiled text would stay in the evaluator for
// ever.
func (e *evaluator) render(input map[string]any, order listOrder) (evaluation, error) {
	e.renders++
	kept := &withheld{attention: e.attention}
	facts := map[string]any{inputField.Unquoted(): e.withLists(kept.from(input))}
	evaluated := e.templates.Unify(e.context.Encode(facts, cue.NilIsAny(false)))
	if err := evaluated.Err(); err != nil {
		return evaluation{}, templateError(err)
	}
	fields, err := evaluated.LookupPath(cue.MakePath(objectsField)).Fields()
	if err != nil {
		return evaluation{}, templateError(err)
	}
	result := evaluation{at: map[string]func(string) []string{}, values: map[string]cue.Value{}, overrides: map[int][]patch{}}
	read := decoder{input: input, parts: e.parts, withheld: kept}
	for fields.Next() {
		object, err := read.object(fields.Selector().Unquoted(), fields.Value())
		if err != nil {
			return evaluation{}, err
		}
		order.makeLists(object)
		at := positionIn(fields.Value())
		if err := checkWith(object, at); err != nil {
			return evaluation{}, err
		}
		result.objects = append(result.objects, object)
		result.at[object.ID] = at
		result.values[object.ID] = fields.Value()
	}
	for _, layer := range e.overrides {
		if result.overrides[layer], err = read.readOverrides(evaluated, layer); err != nil {
			return evaluation{}, err
		}
	}
	return result, nil
}

// withLists returns a value with lists of structs replaced by values of CUE:
// encoded as Go values, their items would be lost in CUE 0.17 wherever a
// template refers to an item and adds to it.
func (e *evaluator) withLists(value any) any {
	switch value := value.(type) {
	case map[string]any:
		replaced := make(map[string]any, len(value))
		for key, item := range value {
			replaced[key] = e.withLists(item)
		}
		return replaced
	case []any:
		items := make([]cue.Value, len(value))
		for i, item := range value {
			if _, isStruct := item.(map[string]any); !isStruct {
				return value
			}
			items[i] = e.context.Encode(e.withLists(item), cue.NilIsAny(false))
		}
		return e.context.NewList(items...)
	}
	return value
}

// object reads one object off, and checks that it is one.
func (d decoder) object(id string, value cue.Value) (Object, error) {
	content, err := d.decode(value)
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
