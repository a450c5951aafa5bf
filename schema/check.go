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
	c.value(nil, t, obj.Object)
	slices.SortFunc(c.problems, func(a, b *Problem) int {
		return strings.Compare(a.Path+a.Message, b.Path+b.Message)
	})
	errs := make([]error, len(c.problems))
	for i, p := range c.problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

type checker struct{ problems []*Problem }

func (c *checker) add(p Path, format string, args ...any) {
	c.problems = append(c.problems, &Problem{p.String(), fmt.Sprintf(format, args...)})
}

func (c *checker) value(p Path, t Type, v any) {
	switch v := v.(type) {
	case nil: // Null means absent.
	case map[string]any:
		if t.node == nil || t.node.atom.Map == nil {
			c.add(p, "expected %s, got a map", t.expects())
			return
		}
		c.fields(p, t, v)
	case []any:
		if t.node == nil || t.node.atom.List == nil {
			c.add(p, "expected %s, got a list", t.expects())
			return
		}
		c.items(p, t, v)
	default:
		c.scalar(p, t, v)
	}
}

func (c *checker) fields(p Path, t Type, m map[string]any) {
	for key, v := range m {
		field, declared := t.Field(key)
		if !declared && field.node == nil {
			c.add(p.Field(key), "unknown field%s", suggestion(key, t.node.atom.Map.Fields))
			continue
		}
		c.value(p.Field(key), field, v)
	}
}

func (c *checker) items(p Path, t Type, list []any) {
	shape := t.Shape(list)
	seen := map[string]bool{}
	for i, v := range list {
		at := p.Index(i)
		switch shape {
		case KeyedList:
			item, ok := v.(map[string]any)
			if !ok {
				c.add(at, "expected a map, got %s", kindOf(v))
				continue
			}
			if key := t.missingKey(item); key != "" {
				c.add(at, "lacks %s, the key of this list", key)
			} else {
				at = t.keyed(p, item)
			}
		case Set:
			at = p.Item(v)
		}
		if shape != AtomicList && seen[at.String()] {
			c.add(at, "appears twice in a list that may hold it once")
		}
		seen[at.String()] = true
		c.value(at, t.Item(), v)
	}
}

func (c *checker) scalar(p Path, t Type, v any) {
	_, numeric := number(v)
	_, text := v.(string)
	_, boolean := v.(bool)
	if t.Quantity() {
		if _, err := ParseQuantity(v); err != nil {
			c.add(p, "expected a quantity such as 100m, 2 or 1Gi")
		}
		return
	}
	var ok bool
	if t.node != nil && t.node.atom.Scalar != nil {
		switch *t.node.atom.Scalar {
		case smd.Numeric:
			ok = numeric
		case smd.String:
			ok = text
		case smd.Boolean:
			ok = boolean
		default:
			ok = numeric || text || boolean
		}
	}
	if !ok {
		c.add(p, "expected %s, got %s", t.expects(), kindOf(v))
	}
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

// suggestion offers the declared field that differs from name in case only or
// by one typing error.
func suggestion(name string, fields []smd.StructField) string {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) || oneEditApart(f.Name, name) {
			return fmt.Sprintf(", did you mean %s?", f.Name)
		}
	}
	return ""
}

// oneEditApart: one letter more, less or other, or two swapped.
func oneEditApart(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 || len(b) < 3 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		return swapped || i < len(a) && a[i+1:] == b[i+1:]
	}
	return a[i+1:] == b[i:]
}
