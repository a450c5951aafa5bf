package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	smd "sigs.k8s.io/structured-merge-diff/v4/schema"
)

// Problem is one place in an object that Kubernetes would not accept. Message
// never holds the value itself, which may be a secret.
type Problem struct{ Path, Message string }

func (p *Problem) Error() string { return p.Path + ": " + p.Message }

// Check reports the fields that the object's kind does not have, values of a
// wrong type, quantities that do not parse and duplicate items of keyed lists:
// one *Problem each, joined, in the order of their paths. Of kinds outside the
// schema only the metadata is checked.
//
// It asks less than an API server, which also knows which fields are required
// and which values are allowed.
func Check(obj *unstructured.Unstructured) error {
	t, _ := TypeOf(obj.GroupVersionKind())
	var c checker
	c.value(t, obj.Object)
	slices.SortFunc(c.problems, func(a, b *Problem) int {
		return strings.Compare(a.Path+a.Message, b.Path+b.Message)
	})
	errs := make([]error, len(c.problems))
	for i, p := range c.problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// checker walks along an object. The path is put into words only where there
// is a problem: there mostly is none.
type checker struct {
	problems []*Problem
	steps    []step
}

// step is one entry of the path to the value being looked at: a field, or an
// item by its keys, or by its index where it has none.
type step struct {
	field string
	item  bool
	keys  []any
	index int
}

func (c *checker) enter(s step) { c.steps = append(c.steps, s) }

func (c *checker) leave() { c.steps = c.steps[:len(c.steps)-1] }

func (c *checker) path() Path {
	var p Path
	for _, s := range c.steps {
		switch {
		case !s.item:
			p = p.Field(s.field)
		case s.keys != nil:
			p = p.Item(s.keys...)
		default:
			p = p.Index(s.index)
		}
	}
	return p
}

func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, &Problem{c.path().String(), fmt.Sprintf(format, args...)})
}

func (c *checker) value(t Type, v any) {
	switch v := v.(type) {
	case nil: // Null means absent.
	case map[string]any:
		if t.node == nil || t.node.atom.Map == nil {
			c.add("expected %s, got a map", t.expects())
			return
		}
		c.fields(t, v)
	case []any:
		if t.node == nil || t.node.atom.List == nil {
			c.add("expected %s, got a list", t.expects())
			return
		}
		c.items(t, v)
	default:
		c.scalar(t, v)
	}
}

func (c *checker) fields(t Type, m map[string]any) {
	for key, v := range m {
		c.enter(step{field: key})
		if field, declared := t.Field(key); !declared && field.node == nil {
			c.add("%s", unknownField(key, t))
		} else {
			c.value(field, v)
		}
		c.leave()
	}
}

func (c *checker) items(t Type, list []any) {
	shape := t.Shape(list)
	seen := newKeySet(shape, len(list))
	for i, v := range list {
		at := step{item: true, index: i}
		item, isMap := v.(map[string]any)
		missing := ""
		switch {
		case shape == Set:
			at.keys = []any{v}
		case shape == KeyedList && isMap:
			if missing = t.missingKey(item); missing == "" {
				at.keys = t.KeyValues(item)
			}
		}
		c.enter(at)
		if missing != "" {
			c.add("lacks %s, the key of this list", missing)
		}
		if seen.add(at.keys) {
			c.add("appears twice in a list that may hold it once")
		}
		if shape == KeyedList && !isMap {
			c.add("expected a map, got %s", kindOf(v))
		} else {
			c.value(t.Item(), v)
		}
		c.leave()
	}
}

// keySet remembers the keys of the items of one list.
type keySet map[string]bool

func newKeySet(shape Shape, size int) keySet {
	if shape == AtomicList {
		return nil // items have no keys
	}
	return make(keySet, size)
}

// add reports whether the keys were there before.
func (s keySet) add(keys []any) bool {
	if keys == nil {
		return false
	}
	text, single := keys[0].(string)
	if !single || len(keys) > 1 {
		text = fmt.Sprint(keys...)
	}
	if s[text] {
		return true
	}
	s[text] = true
	return false
}

func (c *checker) scalar(t Type, v any) {
	if t.Quantity() {
		if _, err := ParseQuantity(v); err != nil {
			c.add("expected a quantity such as 100m, 2 or 1Gi")
		}
		return
	}
	if !t.holds(v) {
		c.add("expected %s, got %s", t.expects(), kindOf(v))
	}
}

// holds tells whether a scalar has the kind that the type wants.
func (t Type) holds(v any) bool {
	if t.node == nil || t.node.atom.Scalar == nil {
		return false
	}
	_, numeric := number(v)
	_, text := v.(string)
	_, boolean := v.(bool)
	switch *t.node.atom.Scalar {
	case smd.Numeric:
		return numeric
	case smd.String:
		return text
	case smd.Boolean:
		return boolean
	}
	return numeric || text || boolean
}

// missingKey names the first key field that an item has neither a value nor a
// default for. The schema's default for names is the empty string, which
// server-side apply takes for a key and validation then refuses.
func (t Type) missingKey(item map[string]any) string {
	for _, key := range t.Keys() {
		if value, ok := t.KeyValue(item, key); !ok || value == "" {
			return key
		}
	}
	return ""
}

// expects names what may stand at a place, for error messages.
func (t Type) expects() string {
	if t.node == nil {
		return "nothing"
	}
	var words []string
	atom := t.node.atom
	if atom.Scalar != nil {
		words = append(words, scalarName(*atom.Scalar))
	}
	if atom.Map != nil {
		words = append(words, "a map")
	}
	if atom.List != nil {
		words = append(words, "a list")
	}
	return strings.Join(words, " or ")
}

func scalarName(s smd.Scalar) string {
	switch s {
	case smd.Numeric:
		return "a number"
	case smd.String:
		return "a string"
	case smd.Boolean:
		return "true or false"
	}
	return "a scalar"
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	}
	if _, ok := number(v); ok {
		return "a number"
	}
	return fmt.Sprintf("a Go %T", v)
}

// unknownField words that a struct does not have a field.
func unknownField(name string, t Type) string {
	var names []string
	for _, f := range t.node.atom.Map.Fields {
		names = append(names, f.Name)
	}
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("unknown field, did you mean %s?", near)
	}
	return "unknown field"
}

// Nearest is the name that a word differs from in case only, or by one or two
// letters; empty when there is none.
func Nearest(word string, names []string) string {
	best, distance := "", min(3, len(word)-1)
	for _, name := range names {
		if strings.EqualFold(word, name) {
			return name
		}
		if d := editDistance(word, name, distance); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// editDistance is how many letters have to be added, removed or changed to
// make one word of the other; limit when it is that or more.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
