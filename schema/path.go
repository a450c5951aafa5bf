package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// Path is a place in an object, one step per entry: a field name as
// ".name", an item as "[key]". It is used as a stack while walking.
type Path []string

// Field returns the path of an entry of a struct or map. Names with dots or
// slashes, as keys of labels have, are quoted.
func (p Path) Field(name string) Path {
	if strings.ContainsAny(name, "./[]") {
		return append(p, "["+strconv.Quote(name)+"]")
	}
	return append(p, "."+name)
}

// Item returns the path of a list item by the values of its keys.
func (p Path) Item(keys ...any) Path {
	words := make([]string, len(keys))
	for i, key := range keys {
		words[i] = fmt.Sprint(key)
	}
	return append(p, "["+strings.Join(words, ",")+"]")
}

// Index returns the path of the item of an atomic list.
func (p Path) Index(i int) Path { return append(p, "["+strconv.Itoa(i)+"]") }

// String joins the steps: spec.containers[postgres].image.
func (p Path) String() string { return strings.TrimPrefix(strings.Join(p, ""), ".") }

// keyed is the path of an item of a KeyedList.
func (t Type) keyed(p Path, item map[string]any) Path {
	return p.Item(t.KeyValues(item)...)
}

// KeyValues are the values of an item's keys, in the order of Keys.
func (t Type) KeyValues(item map[string]any) []any {
	values := make([]any, len(t.Keys()))
	for i, key := range t.Keys() {
		values[i], _ = t.KeyValue(item, key)
	}
	return values
}
