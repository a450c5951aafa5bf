package schema

import (
	"sync"

	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	smd "sigs.k8s.io/structured-merge-diff/v4/schema"
)

// Shape says how a value is compared, merged and owned.
type Shape int

// The shapes of server-side apply.
const (
	// Mismatch: the type allows no value of this kind, for example a list where
	// a map belongs.
	Mismatch Shape = iota
	// Scalar is a string, number, boolean or null.
	Scalar
	// Fields is a struct or a map, each of whose entries stands alone.
	Fields
	// AtomicMap is a struct or a map that is one value.
	AtomicMap
	// KeyedList is a list of structs that some of their fields identify.
	KeyedList
	// Set is a list of scalars, each of which is its own key.
	Set
	// AtomicList is a list that is one value.
	AtomicList
)

// Type is the type of one place in an object. Walk along an object by Field
// and Item. The zero value knows nothing: every value mismatches.
type Type struct{ node *node }

// node is a type with all references followed, so that walking along an object
// takes one look-up per step.
type node struct {
	name     string // of the definition; empty when inlined
	atom     smd.Atom
	fields   map[string]*node
	defaults map[string]any // by field
	element  *node          // of a map with free keys
	item     *node          // of a list
}

// types are the nodes of all named types.
var types = sync.OnceValue(func() map[string]*node {
	parsed := &Parser().Schema
	named := make(map[string]*node, len(parsed.Types))
	for _, def := range parsed.Types {
		named[def.Name] = &node{name: def.Name}
	}
	for _, def := range parsed.Types {
		link(named[def.Name], def.Atom, named)
	}
	return named
})

// link fills a node with what its definition refers to.
func link(n *node, atom smd.Atom, named map[string]*node) {
	follow := func(ref smd.TypeRef) *node {
		switch {
		case ref == smd.TypeRef{}:
			return nil
		case ref.NamedType == nil:
			inlined := &node{}
			link(inlined, ref.Inlined, named)
			return inlined
		case ref.ElementRelationship == nil:
			return named[*ref.NamedType]
		}
		// The reference makes one value of a type that is otherwise not.
		own := &node{name: *ref.NamedType}
		resolved, _ := Parser().Schema.Resolve(ref)
		link(own, resolved, named)
		return own
	}
	n.atom = atom
	if atom.List != nil {
		n.item = follow(atom.List.ElementType)
	}
	if atom.Map == nil {
		return
	}
	n.element = follow(atom.Map.ElementType)
	n.fields = make(map[string]*node, len(atom.Map.Fields))
	for _, f := range atom.Map.Fields {
		n.fields[f.Name] = follow(f.Type)
		if f.Default != nil {
			if n.defaults == nil {
				n.defaults = map[string]any{}
			}
			n.defaults[f.Name] = f.Default
		}
	}
}

// custom is the type of an object whose kind is not in the schema.
var custom = sync.OnceValue(func() *node {
	return &node{
		name:    deducedName,
		atom:    smd.Atom{Map: &smd.Map{}},
		fields:  map[string]*node{"metadata": types()["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]},
		element: types()[deducedName],
	}
})

// TypeOf returns the type of a kind. known is false for kinds outside the
// schema: their metadata is typed and the rest is deduced.
func TypeOf(gvk runtimeschema.GroupVersionKind) (t Type, known bool) {
	if n, ok := types()[typeName(gvk)]; ok {
		return Type{n}, true
	}
	return Type{custom()}, false
}

// Name is the type's name in Kubernetes' OpenAPI document, such as
// io.k8s.api.core.v1.Container; empty for types without one.
func (t Type) Name() string {
	if t.node == nil {
		return ""
	}
	return t.node.name
}

// Deduced reports whether nothing is known of this place but the value.
func (t Type) Deduced() bool { return t.Name() == deducedName || t.Name() == "__untyped_atomic_" }

// Quantity reports whether values are resource quantities, which can be
// written in several ways (1, "1", 1000m).
func (t Type) Quantity() bool { return t.Name() == "io.k8s.apimachinery.pkg.api.resource.Quantity" }

// Struct reports whether the type names its fields, unlike a map with free
// keys such as labels.
func (t Type) Struct() bool { return t.node != nil && len(t.node.fields) > 0 }

// Shape tells what the value is by this type.
func (t Type) Shape(value any) Shape {
	if t.node == nil {
		return Mismatch
	}
	atom := &t.node.atom
	switch value.(type) {
	case map[string]any:
		switch {
		case atom.Map == nil:
			return Mismatch
		case atom.Map.ElementRelationship == smd.Atomic:
			return AtomicMap
		}
		return Fields
	case []any:
		switch {
		case atom.List == nil:
			return Mismatch
		case atom.List.ElementRelationship == smd.Atomic:
			return AtomicList
		case len(atom.List.Keys) == 0:
			return Set
		}
		return KeyedList
	case nil:
		return Scalar
	}
	if atom.Scalar == nil {
		return Mismatch
	}
	return Scalar
}

// Field is the type of an entry of a struct or map. declared is true where the
// schema names the field, false for the keys of a free map; for a name that
// the schema does not allow, the zero Type and false.
func (t Type) Field(name string) (field Type, declared bool) {
	if t.node == nil {
		return Type{}, false
	}
	if f, ok := t.node.fields[name]; ok {
		return Type{f}, true
	}
	return Type{t.node.element}, false
}

// Item is the type of the items of a list.
func (t Type) Item() Type {
	if t.node == nil {
		return Type{}
	}
	return Type{t.node.item}
}

// Keys are the names of the fields that identify an item of a KeyedList.
func (t Type) Keys() []string {
	if t.node == nil || t.node.atom.List == nil {
		return nil
	}
	return t.node.atom.List.Keys
}

// KeyValue is the value of a key field in an item of a KeyedList, or its
// default: the protocol of a port is TCP when it is not written. ok is false
// when there is neither.
func (t Type) KeyValue(item map[string]any, key string) (value any, ok bool) {
	if value, ok = item[key]; ok && value != nil {
		return value, true
	}
	if t.node == nil || t.node.item == nil {
		return nil, false
	}
	value, ok = t.node.item.defaults[key]
	return value, ok
}

// Find returns the item of a KeyedList in list that has the same keys as item,
// and its index, -1 when there is none. It looks at the index hint first,
// where a list in the same order has it.
func (t Type) Find(list []any, item map[string]any, hint int) (found map[string]any, index int) {
	if hint < len(list) {
		if m, ok := list[hint].(map[string]any); ok && t.SameKeys(m, item) {
			return m, hint
		}
	}
	for i, other := range list {
		if m, ok := other.(map[string]any); ok && t.SameKeys(m, item) {
			return m, i
		}
	}
	return nil, -1
}

// SameKeys reports whether two items of a KeyedList are the same item.
func (t Type) SameKeys(a, b map[string]any) bool {
	for _, key := range t.Keys() {
		va, okA := t.KeyValue(a, key)
		vb, okB := t.KeyValue(b, key)
		if okA != okB || !SameScalar(va, vb) {
			return false
		}
	}
	return true
}

// SameScalar compares two scalars, whole numbers by value whatever Go type
// they were decoded into.
func SameScalar(a, b any) bool {
	if na, ok := number(a); ok {
		nb, ok := number(b)
		return ok && na == nb
	}
	switch a.(type) {
	case map[string]any, []any:
		return false
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

// number reads what decoders make of numbers.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case int32:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
