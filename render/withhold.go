package render

import (
	"strconv"
	"strings"
)

// What goes into an object as it is need not go through an evaluation: to
// unify sixty variables of a container takes longer than to copy them. So the
// entries that no overlay names are withheld, a mark stands for them, and
// whoever reads the object off puts them where the mark has come to.

// mark is the key that stands for withheld entries, with their number as
// value. A withheld list has one item, the mark and the number.
const mark = "postgres-operator/withheld/"

// withheld are entries of maps, and whole lists, by number.
type withheld struct {
	attention
	kept []any
}

// namesakeError: templates have a field of their own beside a withheld one.
type namesakeError struct{ field string }

func (e namesakeError) Error() string {
	return e.field + " is set although the input has it"
}

// from returns what of the input an evaluation has to see.
func (w *withheld) from(input map[string]any) map[string]any {
	if w.all {
		return input
	}
	seen, _ := w.value(input, w.input).(map[string]any)
	return seen
}

func (w *withheld) value(value any, look *lookups) any {
	if look.exact {
		return value
	}
	switch value := value.(type) {
	case map[string]any:
		return w.fields(value, look)
	case []any:
		if look.passed && look.each == nil && !w.lists && len(value) > 0 {
			return []any{mark + strconv.Itoa(w.keep(value))}
		}
	}
	return value
}

func (w *withheld) fields(all map[string]any, look *lookups) map[string]any {
	seen := make(map[string]any, len(all))
	var kept map[string]any
	for key, value := range all {
		below := look.at(key)
		switch {
		case below != nil && look.passed:
			seen[key] = w.value(value, below.with(&lookups{passed: true}))
		case below != nil:
			seen[key] = w.value(value, below)
		case !look.passed: // nobody looks at it
		case w.names[key]:
			seen[key] = w.value(value, &lookups{passed: true})
		default:
			if kept == nil {
				kept = make(map[string]any, len(all))
			}
			kept[key] = value
		}
	}
	if kept != nil {
		seen[mark] = w.keep(kept)
	}
	return seen
}

func (w *withheld) keep(value any) int {
	w.kept = append(w.kept, value)
	return len(w.kept) - 1
}

// putBack adds the entries of a mark to what was read off beside it.
func (w *withheld) putBack(object map[string]any) error {
	number, marked := object[mark].(int64)
	if !marked || number < 0 || number >= int64(len(w.kept)) {
		return nil
	}
	delete(object, mark)
	entries, _ := w.kept[number].(map[string]any)
	for key, value := range entries {
		if _, twice := object[key]; twice {
			return namesakeError{key}
		}
		if value != nil {
			object[key] = withoutNulls(value)
		}
	}
	return nil
}

// list returns the list that a list of one mark stands for.
func (w *withheld) list(items []any) []any {
	if len(items) != 1 {
		return items
	}
	text, _ := items[0].(string)
	digits, marked := strings.CutPrefix(text, mark)
	if !marked {
		return items
	}
	number, err := strconv.Atoi(digits)
	if err != nil || number < 0 || number >= len(w.kept) {
		return items
	}
	kept, _ := withoutNulls(w.kept[number]).([]any)
	return kept
}
