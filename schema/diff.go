package schema

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Difference is one place in which two objects differ. Old is nil where the
// second object adds the place, New is nil where it removes it.
type Difference struct {
	Path     string
	Old, New any
}

// Diff lists where two objects of one kind differ, sorted by path. Added and
// removed structs are listed as one difference; items of keyed lists are
// compared by key, wherever they stand, those of atomic lists by index when
// the lists have one length, else the list is one difference. Quantities are
// compared as they are written: 1000m is not 1.
//
// Values are those of the objects, secrets included: mask before printing.
func Diff(before, after *unstructured.Unstructured) []Difference {
	t, _ := TypeOf(after.GroupVersionKind())
	var d differ
	d.value(nil, t, before.Object, after.Object)
	slices.SortFunc(d.found, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return d.found
}

type differ struct{ found []Difference }

func (d *differ) value(p Path, t Type, before, after any) {
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			d.fields(p, t, b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok {
			d.items(p, t, b, a)
			return
		}
	}
	if !SameScalar(before, after) {
		d.found = append(d.found, Difference{p.String(), before, after})
	}
}

func (d *differ) fields(p Path, t Type, before, after map[string]any) {
	for key, b := range before {
		field, _ := t.Field(key)
		d.value(p.Field(key), field, b, after[key])
	}
	for key, a := range after {
		if _, both := before[key]; !both {
			field, _ := t.Field(key)
			d.value(p.Field(key), field, nil, a)
		}
	}
}

func (d *differ) items(p Path, t Type, before, after []any) {
	switch {
	case t.Shape(before) == KeyedList:
		d.keyed(p, t, before, after)
	case len(before) == len(after):
		for i := range before {
			d.value(p.Index(i), t.Item(), before[i], after[i])
		}
	default:
		d.found = append(d.found, Difference{p.String(), before, after})
	}
}

func (d *differ) keyed(p Path, t Type, before, after []any) {
	for i, v := range before {
		if b, ok := v.(map[string]any); ok {
			if a, index := t.Find(after, b, i); index >= 0 {
				d.value(t.keyed(p, b), t.Item(), b, a)
			} else {
				d.value(t.keyed(p, b), t.Item(), b, nil)
			}
		}
	}
	for i, v := range after {
		if a, ok := v.(map[string]any); ok {
			if _, index := t.Find(before, a, i); index < 0 {
				d.value(t.keyed(p, a), t.Item(), nil, a)
			}
		}
	}
}
