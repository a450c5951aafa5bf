package render

import (
	"strconv"
	"strings"
)

// What a template says by constants and references to the input alone needs no
// evaluation either. Where no overlay names such fields, they are cut out of
// the built-in templates as those are compiled. A mark stands for them, and
// whoever reads the object off fills them in from the input.

// partMark begins the name of the field that stands for a part, before its
// number. The value is the key that the pattern around it was applied to.
const partMark = "postgres-operator/part/"

// part is something in a template that can be filled in from the input.
type part interface {
	fill(input map[string]any, key string) (any, error)
}

// Kinds of parts. A constant is a text, a whole number or a boolean.
type (
	constant  struct{ value any }
	reference []string // steps below the input; anyKey stands for the key
	items     []part
	fields    []partField
)

// partField is a field that is there always, or only if the input has something.
type partField struct {
	name  string
	value part
	when  reference
}

// missingError: a template refers to what the input does not have.
type missingError struct{ path reference }

func (e missingError) Error() string { return "input." + strings.Join(e.path, ".") + " is missing" }

func (c constant) fill(map[string]any, string) (any, error) { return c.value, nil }

func (r reference) fill(input map[string]any, key string) (any, error) {
	value, ok := r.find(input, key)
	if !ok {
		return nil, missingError{r}
	}
	return withoutNulls(value), nil
}

func (r reference) find(input map[string]any, key string) (any, bool) {
	var at any = input
	for _, step := range r {
		if step == anyKey {
			step = key
		}
		below, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = below[step]; !ok {
			return nil, false
		}
	}
	return at, true
}

func (l items) fill(input map[string]any, key string) (any, error) {
	filled := make([]any, 0, len(l))
	for _, item := range l {
		value, err := item.fill(input, key)
		if err != nil {
			return nil, err
		}
		if value != nil {
			filled = append(filled, value)
		}
	}
	return filled, nil
}

func (f fields) fill(input map[string]any, key string) (any, error) {
	filled := make(map[string]any, len(f))
	return filled, f.into(filled, input, key)
}

// into adds the fields to an object.
func (f fields) into(object, input map[string]any, key string) error {
	for _, field := range f {
		if _, there := field.when.find(input, key); !there {
			continue
		}
		value, err := field.value.fill(input, key)
		if err == nil && value != nil {
			err = join(object, field.name, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// join adds a field to an object. Two structs become one.
func join(object map[string]any, name string, value any) error {
	there, twice := object[name]
	if !twice {
		object[name] = value
		return nil
	}
	into, isStruct := there.(map[string]any)
	from, both := value.(map[string]any)
	if !isStruct || !both {
		return namesakeError{name}
	}
	for key, item := range from {
		if err := join(into, key, item); err != nil {
			return err
		}
	}
	return nil
}

// partAt is a part that an evaluation has a mark for.
type partAt struct {
	number int
	key    string
}

// partAt reads the mark that a field may be.
func (d decoder) partAt(field string, value any) (partAt, bool) {
	digits, marked := strings.CutPrefix(field, partMark)
	if !marked {
		return partAt{}, false
	}
	number, err := strconv.Atoi(digits)
	key, isText := value.(string)
	return partAt{number, key}, err == nil && isText && number >= 0 && number < len(d.parts)
}

// fillIn adds the parts of a struct to what was read off beside their marks.
func (d decoder) fillIn(object map[string]any, marked []partAt) error {
	for _, at := range marked {
		if err := d.parts[at.number].into(object, d.input, at.key); err != nil {
			return err
		}
	}
	return nil
}
