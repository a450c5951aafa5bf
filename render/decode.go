package render

import (
	"encoding/json"
	"fmt"

	"cuelang.org/go/cue"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// templateInput turns a View into plain maps and lists, as its JSON would
// have them: this is what the fields of input.cue are called after.
func templateInput(view View) (map[string]any, error) {
	text, err := json.Marshal(view)
	if err != nil {
		return nil, fmt.Errorf("encode the view of %s/%s: %w", view.Namespace, view.Name, err)
	}
	input := map[string]any{}
	if err := utiljson.Unmarshal(text, &input); err != nil {
		return nil, fmt.Errorf("encode the view of %s/%s: %w", view.Namespace, view.Name, err)
	}
	return input, nil
}

// decode reads a value off an evaluation, whole numbers as int64. A null means
// that there is no opinion about a field: it is left out.
func decode(v cue.Value) (any, error) {
	switch v.Kind() {
	case cue.StructKind:
		return decodeStruct(v)
	case cue.ListKind:
		return decodeList(v)
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
	if d, ok := v.Default(); ok && d.Kind() != cue.BottomKind {
		return decode(d)
	}
	// Not a value yet, such as the type of a field that nobody has set.
	if err := v.Validate(cue.Concrete(true)); err != nil {
		return nil, err
	}
	return nil, &TemplateError{Field: v.Path().String(), Cause: fmt.Sprintf("no value, only %v", v)}
}

func decodeStruct(v cue.Value) (any, error) {
	fields, err := v.Fields()
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	for fields.Next() {
		value, err := decode(fields.Value())
		if err != nil {
			return nil, err
		}
		if value != nil {
			object[fields.Selector().Unquoted()] = value
		}
	}
	return object, nil
}

func decodeList(v cue.Value) (any, error) {
	items, err := v.List()
	if err != nil {
		return nil, err
	}
	list := []any{}
	for items.Next() {
		value, err := decode(items.Value())
		if err != nil {
			return nil, err
		}
		if value != nil {
			list = append(list, value)
		}
	}
	return list, nil
}
