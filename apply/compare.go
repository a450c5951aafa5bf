package apply

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/schema"
)

// difference is one place where a live object is not what is desired.
type difference struct {
	path schema.Path
	// old and new are the live and the desired value; nil where there is none.
	old, new any
	kind     differenceKind
}

type differenceKind int

const (
	// value: it differs from ours, although we own it.
	value differenceKind = iota
	// taken: it differs from ours, and somebody else owns it.
	taken
	// disowned: the value is right, but we are not recorded as its owner.
	disowned
	// left: we own it and no longer desire it.
	left
	// forbidden: it must not be there, whoever put it there.
	forbidden
)

// compare lists the differences between a desired object in normal form and a
// live one, sorted by path. Without any, applying would change nothing.
//
// It walks along the desired object, the live one and our field manager's
// entry in managedFields at once, which is what makes an idle pass cheap.
func compare(desired, live *unstructured.Unstructured, manager string) []difference {
	t, _ := schema.TypeOf(desired.GroupVersionKind())
	c := comparer{steps: make([]step, 0, 16)}
	own := owned{fields: ownedFields(live, manager)}
	own.known = own.fields != nil
	own.present = own.known
	body := bodyOf(desired.Object)
	if !own.known && len(body) > 0 { // The server records nothing of an object that is but a name.
		c.add(disowned, nil, nil)
	}
	c.fields(t, body, live.Object, own)
	slices.SortFunc(c.found, func(a, b difference) int { return slices.Compare(a.path, b.path) })
	return c.found
}

// ownedFields is the manager's set of applied fields in the notation of
// managedFields: f:name for a field, k:{…} for an item of a keyed list, v:… for
// one of a set, "." for the item itself. nil when it has applied nothing, or in
// another version of the API.
func ownedFields(live *unstructured.Unstructured, manager string) map[string]any {
	meta, _ := live.Object["metadata"].(map[string]any)
	entries, _ := meta["managedFields"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		if entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"] == nil &&
			entry["apiVersion"] == live.Object["apiVersion"] {
			fields, _ := entry["fieldsV1"].(map[string]any)
			return fields
		}
	}
	return nil
}

// owned is what we own at one place.
type owned struct {
	fields  map[string]any
	present bool // we own this place or something below it
	known   bool // false: ownership has been dealt with further up
}

// child is what we own one step down.
func (o owned) child(key string) owned {
	if !o.known || !o.present {
		return owned{}
	}
	v, present := o.fields[key]
	fields, _ := v.(map[string]any)
	return owned{fields, present, true}
}

type comparer struct {
	steps []step
	found []difference
}

// step is one step of the way to where the comparer is. It is only spelled out
// for places that differ, which on most passes are none.
type step struct {
	field string         // of a struct or map; else:
	item  map[string]any // of a keyed list
	list  schema.Type    // that keyed list
	value any            // of a set, or an index
}

func (c *comparer) enter(s step) { c.steps = append(c.steps, s) }
func (c *comparer) leave()       { c.steps = c.steps[:len(c.steps)-1] }

func (c *comparer) add(kind differenceKind, old, new any) {
	path := make(schema.Path, 0, len(c.steps))
	for _, s := range c.steps {
		switch {
		case s.item != nil:
			path = path.Item(s.list.KeyValues(s.item)...)
		case s.value != nil:
			path = path.Item(s.value)
		default:
			path = path.Field(s.field)
		}
	}
	c.found = append(c.found, difference{path, old, new, kind})
}

// bodyOf is a desired object without what names it, which the server keeps out
// of managedFields.
func bodyOf(desired map[string]any) map[string]any {
	body := make(map[string]any, len(desired))
	for key, v := range desired {
		switch key {
		case "apiVersion", "kind":
		case "metadata":
			meta := maps.Clone(asMap(v))
			delete(meta, "name")
			delete(meta, "namespace")
			if len(meta) > 0 {
				body[key] = meta
			}
		default:
			body[key] = v
		}
	}
	return body
}

// value compares one place of any shape.
func (c *comparer) value(t schema.Type, want, have any, own owned) {
	switch t.Shape(want) {
	case schema.Fields:
		c.fields(t, want.(map[string]any), have, own)
	case schema.KeyedList:
		c.items(t, want.([]any), have, own)
	case schema.Set:
		c.set(t, want.([]any), have, own)
	default:
		before := len(c.found)
		c.atom(t, want, have)
		if own.known && !own.present {
			c.lost(before, have, want)
		}
	}
}

// lost marks what was found at a place since before as owned by somebody else.
func (c *comparer) lost(before int, have, want any) {
	if len(c.found) == before {
		c.add(disowned, have, want)
		return
	}
	for i := range c.found[before:] {
		c.found[before+i].kind = taken
	}
}

// missing reports an item that the live list lacks.
func (c *comparer) missing(item any, own owned) {
	if own.known && !own.present {
		c.add(taken, nil, item)
		return
	}
	c.add(value, nil, item)
}

// entered reports a container of which we own nothing, once, and tells what is
// owned below it. What our schema does not know the server may hold to be one
// value: then owning it is owning all below.
func (c *comparer) entered(t schema.Type, have any, own owned) owned {
	switch {
	case !own.known || own.present && len(own.fields) == 0 && t.Deduced():
		return owned{}
	case !own.present:
		c.add(disowned, have, nil)
		return owned{}
	}
	return own
}

func (c *comparer) fields(t schema.Type, want map[string]any, have any, own owned) {
	live, ok := have.(map[string]any)
	if !ok && have != nil {
		c.add(value, have, want)
		return
	}
	if own = c.entered(t, have, own); len(want) == 0 && live == nil {
		return // An empty struct: the server may or may not keep it.
	}
	excluded := c.excluded(t, want, live, own)
	seen := 0
	for name, v := range want {
		field, _ := t.Field(name)
		below := own.child("f:" + name)
		if below.present {
			seen++
		}
		c.enter(step{field: name})
		c.value(field, v, live[name], below)
		c.leave()
	}
	if own.present && seen < own.entries() {
		for key, v := range own.fields {
			name, isField := strings.CutPrefix(key, "f:")
			if _, wanted := want[name]; !isField || wanted || slices.Contains(excluded, name) {
				continue
			}
			field, _ := t.Field(name)
			c.enter(step{field: name})
			c.left(field, v, live[name])
			c.leave()
		}
	}
}

// excluded reports the fields that must not be there beside what is desired. A
// field that is wholly ours is no case of it: applying without it removes it.
func (c *comparer) excluded(t schema.Type, want, live map[string]any, own owned) []string {
	var names []string
	for _, name := range groupOf(t, want, live).rivals {
		if below := own.child("f:" + name); below.present && len(below.fields) == 0 {
			continue
		}
		names = append(names, name)
		c.enter(step{field: name})
		c.add(forbidden, live[name], nil)
		c.leave()
	}
	return names
}

// entries counts what we own below a place.
func (o owned) entries() int {
	if _, self := o.fields["."]; self {
		return len(o.fields) - 1
	}
	return len(o.fields)
}

func (c *comparer) items(t schema.Type, want []any, have any, own owned) {
	live, ok := have.([]any)
	if !ok && have != nil {
		c.add(value, have, want)
		return
	}
	own = c.entered(t, have, own)
	var matched map[string]bool
	if own.present {
		matched = make(map[string]bool, len(want))
	}
	last, ordered := -1, true
	for i, v := range want {
		item, _ := v.(map[string]any)
		found, at := t.Find(live, item, i)
		c.enter(step{list: t, item: item})
		below := owned{}
		if own.present {
			key := itemKey(t, item)
			matched[key] = true
			below = own.child(key)
		}
		if at < 0 {
			c.missing(item, below)
		} else {
			ordered, last = ordered && at > last, at
			c.value(t.Item(), item, found, below)
		}
		c.leave()
	}
	if !ordered {
		c.add(value, keysOf(t, live), keysOf(t, want))
	}
	for key, v := range own.fields {
		if matched[key] || !strings.HasPrefix(key, "k:") {
			continue
		}
		item, _ := t.Find(live, keyFields(key), len(live))
		c.enter(step{list: t, item: keyFields(key)})
		c.left(t.Item(), v, asAny(item))
		c.leave()
	}
}

func (c *comparer) set(t schema.Type, want []any, have any, own owned) {
	live, ok := have.([]any)
	if !ok && have != nil {
		c.add(value, have, want)
		return
	}
	own = c.entered(t, have, own)
	matched := make(map[string]bool, len(want))
	for _, v := range want {
		key := valueKey(v)
		matched[key] = true
		c.enter(step{value: v})
		if !slices.ContainsFunc(live, func(other any) bool { return schema.SameScalar(other, v) }) {
			c.missing(v, own.child(key))
		} else if own.present && !own.child(key).present {
			c.add(disowned, v, v)
		}
		c.leave()
	}
	for key := range own.fields {
		if strings.HasPrefix(key, "v:") && !matched[key] {
			c.enter(step{value: key[2:]})
			c.add(left, key[2:], nil)
			c.leave()
		}
	}
}

// left reports what we own below a place that is no longer desired, as few
// places as name it all: an item of a keyed list as one, a struct field by field.
func (c *comparer) left(t schema.Type, own, have any) {
	fields, _ := own.(map[string]any)
	live, isMap := have.(map[string]any)
	if _, self := fields["."]; self || len(fields) == 0 || !isMap {
		c.add(left, have, nil)
		return
	}
	for key, v := range fields {
		name := strings.TrimPrefix(key, "f:")
		field, _ := t.Field(name)
		c.enter(step{field: name})
		c.left(field, v, live[name])
		c.leave()
	}
}
