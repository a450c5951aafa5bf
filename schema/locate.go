package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v4/fieldpath"
	smd "sigs.k8s.io/structured-merge-diff/v4/value"
)

// Place is one value of an object.
type Place struct {
	Path  Path // in full, however it was written
	Value any

	// Owned is what a field manager owns when it owns the value. It ends where
	// the schema makes one value of all that is below.
	Owned fieldpath.Path
}

// ErrNoSuchPlace is what a path comes to that an object does not have.
var ErrNoSuchPlace = errors.New("there is no such field")

// Locate finds the value at a path as paths are printed: spec.ports[80,TCP].name.
// Names may stand in brackets or behind dots, with quotes or without.
func Locate(obj *unstructured.Unstructured, path string) (Place, error) {
	t, _ := TypeOf(obj.GroupVersionKind())
	at := Place{Value: obj.Object}
	whole := false
	for _, word := range words(path) {
		entries, atomic := t.entries(at, whole)
		found, ok := entries[word]
		if !ok {
			return at, notThere(path, word, at.Path, slices.Sorted(maps.Keys(entries)))
		}
		at, t, whole = found.Place, found.Type, atomic
	}
	return at, nil
}

func notThere(path, word string, above Path, names []string) error {
	in := above.String()
	if in == "" {
		in = "the object"
	}
	switch near := Nearest(word, names); {
	case len(names) == 0:
		return fmt.Errorf("%s: %w: %s holds nothing by name", path, ErrNoSuchPlace, in)
	case near != "":
		return fmt.Errorf("%s: %w as %s in %s: did you mean %s?", path, ErrNoSuchPlace, word, in, near)
	}
	return fmt.Errorf("%s: %w as %s in %s: there are %s", path, ErrNoSuchPlace, word, in, strings.Join(names, ", "))
}

// entry is a value below another.
type entry struct {
	Place
	Type
}

// entries are the values right below a place, by the word that a path has for
// each. atomic tells that nobody owns one of them alone.
func (t Type) entries(at Place, whole bool) (below map[string]entry, atomic bool) {
	below = map[string]entry{}
	shape := t.Shape(at.Value)
	atomic = whole || shape != Fields && shape != KeyedList
	put := func(path Path, value any, t Type, step fieldpath.PathElement) {
		owned := at.Owned
		if !atomic {
			owned = append(slices.Clone(owned), step)
		}
		below[word(path[len(path)-1])] = entry{Place{Path: path, Value: value, Owned: owned}, t}
	}
	switch value := at.Value.(type) {
	case map[string]any:
		for name, v := range value {
			field, _ := t.Field(name)
			put(slices.Clone(at.Path).Field(name), v, field, fieldpath.PathElement{FieldName: &name})
		}
	case []any:
		for i, v := range value {
			item, isStruct := v.(map[string]any)
			if shape != KeyedList || !isStruct {
				put(slices.Clone(at.Path).Index(i), v, t.Item(), fieldpath.PathElement{})
				continue
			}
			put(t.keyed(slices.Clone(at.Path), item), v, t.Item(), fieldpath.PathElement{Key: t.key(item)})
		}
	}
	return below, atomic
}

func (t Type) key(item map[string]any) *smd.FieldList {
	var list smd.FieldList
	for _, name := range t.Keys() {
		if v, ok := t.KeyValue(item, name); ok {
			list = append(list, smd.Field{Name: name, Value: smd.NewValueInterface(v)})
		}
	}
	list.Sort()
	return &list
}

// words takes a path apart.
func words(path string) []string {
	var list []string
	for path != "" {
		path = strings.TrimPrefix(path, ".")
		end := strings.IndexAny(path, ".[")
		switch {
		case strings.HasPrefix(path, `["`):
			end = strings.Index(path, `"]`) + 2
		case strings.HasPrefix(path, "["):
			end = strings.Index(path, "]") + 1
		}
		if end <= 0 || end == 1 && path[0] == '[' {
			end = len(path)
		}
		list = append(list, word(path[:end]))
		path = path[end:]
	}
	return list
}

// word is a step of a path without what is around it.
func word(step string) string { return strings.Trim(strings.Trim(step, ".[]"), `"`) }
