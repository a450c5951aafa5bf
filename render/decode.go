package render

import (
	"fmt"
	"maps"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// decoder reads values off an evaluation, whole numbers as int64. What is
// nothing but a reference to the input is copied from there: to read a field
// off an evaluation takes longer than to evaluate it.
type decoder struct {
	input     map[string]any
	parts     []fields // cut out of the templates
	keepNulls bool     // for overrides, where null removes
	*withheld
}

// decode reads one value. A null means that there is no opinion about a field:
// it is left out.
func (d decoder) decode(v cue.Value) (any, error) {
	switch v.Kind() {
	case cue.StructKind:
		if known, ok := d.referenced(v); ok {
			return withoutNulls(known), nil
		}
		return d.decodeStruct(v)
	case cue.ListKind:
		if known, ok := d.referenced(v); ok {
			return withoutNulls(known), nil
		}
		return d.decodeList(v)
	case cue.NullKind:
		return nil, nil
	case cue.StringKind:
		return v.String()
	case cue.IntKind:
		return v.Int64()
	case cue.BoolKind:
		return v.Bool()
	case cue.FloatKind, cue.NumberKind:
		return v.Float64()
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	if chosen, ok := v.Default(); ok && chosen.Kind() != cue.BottomKind {
		return d.decode(chosen)
	}
	// Not a value yet, such as the type of a field that nobody has set.
	if err := v.Validate(cue.Concrete(true)); err != nil {
		return nil, err
	}
	return nil, &TemplateError{Field: v.Path().String(), Cause: fmt.Sprintf("no value, only %v", v)}
}

func (d decoder) decodeStruct(v cue.Value) (any, error) {
	fields, err := v.Fields()
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	var marked []partAt
	nulls := false
	for fields.Next() {
		value, err := d.decode(fields.Value())
		if err != nil {
			return nil, err
		}
		name := fields.Selector().Unquoted()
		if at, isMark := d.partAt(name, value); isMark {
			marked = append(marked, at)
			continue
		}
		object[name] = value
		nulls = nulls || value == nil
	}
	if err := d.putBack(object); err != nil {
		return nil, err
	}
	if err := d.fillIn(object, marked); err != nil {
		return nil, err
	}
	if nulls && !d.keepNulls {
		maps.DeleteFunc(object, func(_ string, value any) bool { return value == nil })
	}
	return object, nil
}

func (d decoder) decodeList(v cue.Value) (any, error) {
	items, err := v.List()
	if err != nil {
		return nil, err
	}
	list := []any{}
	for items.Next() {
		value, err := d.decode(items.Value())
		if err != nil {
			return nil, err
		}
		if value != nil {
			list = append(list, value)
		}
	}
	return d.list(list), nil
}

// referenced finds the part of the input that a value stands for. There is
// none where the value has anything of its own, such as what an overlay adds.
func (d decoder) referenced(v cue.Value) (any, bool) {
	source := v.Source() // nil unless one expression alone makes the value
	if field, ok := source.(*ast.Field); ok {
		source = field.Value
	}
	switch source.(type) {
	case *ast.SelectorExpr, *ast.IndexExpr:
	default:
		return nil, false
	}
	steps, known := inputChain(source)
	if !known || slices.Contains(steps, anyKey) {
		if steps, known = inputPath(v); !known {
			return nil, false
		}
	}
	return reference(steps).find(d.input, anyKey)
}

// inputPath asks the evaluation which part of the input a value refers to,
// which takes long, but knows what an index came to.
func inputPath(v cue.Value) ([]string, bool) {
	_, path := v.ReferencePath()
	selectors := path.Selectors()
	if len(selectors) == 0 || selectors[0] != inputField {
		return nil, false
	}
	var steps []string
	for _, selector := range selectors[1:] {
		if selector.LabelType() != cue.StringLabel {
			return nil, false
		}
		steps = append(steps, selector.Unquoted())
	}
	return steps, true
}

// withoutNulls copies a plain value and leaves out what is null.
func withoutNulls(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, item := range value {
			if item != nil {
				copied[key] = withoutNulls(item)
			}
		}
		return copied
	case []any:
		copied := make([]any, 0, len(value))
		for _, item := range value {
			if item != nil {
				copied = append(copied, withoutNulls(item))
			}
		}
		return copied
	}
	return value
}
