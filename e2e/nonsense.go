//go:build e2e

package e2e

import (
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	apiv1 "postgres-operator/api/v1"
)

// nonsense makes manifests that nobody would write. The same seed makes the same ones.
//
// Half of what it puts in has the type that the field asks for, so that the API server lets much of
// it pass and the operator gets to see it.
type nonsense struct{ *rand.Rand }

func newNonsense(seed uint64) nonsense { return nonsense{rand.New(rand.NewPCG(seed, seed))} }

// spoil changes a few places of a manifest.
func (n nonsense) spoil(manifest map[string]any) {
	spec := manifest["spec"].(map[string]any)
	fields := reflect.TypeFor[apiv1.PostgresSpec]()
	for range 1 + n.IntN(4) {
		field := fields.Field(n.IntN(fields.NumField()))
		name, typ := jsonName(field), field.Type
		switch n.IntN(10) {
		case 0, 1, 2, 3, 4:
			spec[name] = n.typed(typ, 4)
		case 5, 6:
			spec[name] = n.anything(3)
		case 7:
			n.spoilBelow(spec, 3)
		case 8:
			spec[n.word()] = n.anything(3)
		case 9:
			metadata := manifest["metadata"].(map[string]any)
			metadata[n.pick("labels", "annotations", "ownerReferences")] = n.anything(2)
		}
	}
	if n.IntN(20) == 0 {
		spec[n.word()] = deep(500)
	}
}

// spoilBelow replaces one value somewhere below an object.
func (n nonsense) spoilBelow(object map[string]any, depth int) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if below, ok := object[key].(map[string]any); ok && depth > 0 && n.IntN(2) == 0 {
			n.spoilBelow(below, depth-1)
			return
		}
		if n.IntN(3) == 0 {
			object[key] = n.anything(2)
			return
		}
	}
}

// typed makes a value of a Go type as JSON has it.
func (n nonsense) typed(typ reflect.Type, depth int) any {
	if depth == 0 {
		return nil
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return n.typed(typ.Elem(), depth)
	case reflect.Bool:
		return n.IntN(2) == 0
	case reflect.Int, reflect.Int32, reflect.Int64:
		return n.integer()
	case reflect.Float32, reflect.Float64:
		return n.number()
	case reflect.String:
		return n.word()
	case reflect.Slice:
		list := []any{}
		for range n.IntN(4) {
			list = append(list, n.typed(typ.Elem(), depth-1))
		}
		return list
	case reflect.Map:
		object := map[string]any{}
		for range n.IntN(4) {
			object[n.word()] = n.typed(typ.Elem(), depth-1)
		}
		return object
	case reflect.Struct:
		object := map[string]any{}
		for i := range typ.NumField() {
			if name := jsonName(typ.Field(i)); name != "" && n.IntN(3) > 0 {
				object[name] = n.typed(typ.Field(i).Type, depth-1)
			}
		}
		return object
	}
	return n.anything(depth - 1)
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return strings.TrimPrefix(name, "-")
}

// anything makes a value of any type.
func (n nonsense) anything(depth int) any {
	switch n.IntN(8) {
	case 0:
		return nil
	case 1:
		return n.IntN(2) == 0
	case 2:
		return n.integer()
	case 3:
		return n.number()
	case 4:
		list := []any{}
		for range n.IntN(4) * min(depth, 1) {
			list = append(list, n.anything(depth-1))
		}
		return list
	case 5:
		object := map[string]any{}
		for range n.IntN(4) * min(depth, 1) {
			object[n.word()] = n.anything(depth - 1)
		}
		return object
	}
	return n.word()
}

func (n nonsense) integer() any {
	return []any{int64(0), int64(-1), int64(1), int64(7), int64(math.MaxInt32), int64(math.MinInt32),
		int64(math.MaxInt64), int64(math.MinInt64)}[n.IntN(8)]
}

func (n nonsense) number() any {
	return []any{0.5, math.Copysign(0, -1), 1e-300, math.MaxFloat64, 1e30}[n.IntN(5)]
}

// word makes text: some that means something here, some that means something elsewhere.
func (n nonsense) word() string {
	words := []string{
		"", " ", "a", "-", ".", "..", "/", "$(SCOPE)", "${HOME}", "{{ .Name }}", "\\(input)", "'; DROP ROLE postgres; --", "\"", "\x00", "\n", "\t",
		"true", "null", "0", "-1", "1e999Gi", "1Gi", "100m", "0x7f", "NaN", "postgres", "standby", "admin", "bar_owner", "pg_catalog", "acid", "Ä€𝕏", "\u202e",
		"a.b.c", "a/b", "a/b/c", "UPPER", "under_score", "Mon:00:00-99:99", "* * * * *", "9999-12-31T23:59:59Z", "10.0.0.0/8", "superuser", "nologin",
		"application", "cluster-name", "spilo-role", "pgdata", strings.Repeat("x", 64), strings.Repeat("long ", 60_000/5),
	}
	return words[n.IntN(len(words))]
}

func (n nonsense) pick(from ...string) string { return from[n.IntN(len(from))] }

// deep nests objects and lists in one another.
func deep(levels int) any {
	var value any = "bottom"
	for i := range levels {
		if i%2 == 0 {
			value = map[string]any{"deeper": value}
			continue
		}
		value = []any{value}
	}
	return value
}

// withoutPods takes back every number of instances that would start something.
func withoutPods(value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			if n, ok := below.(int64); ok && key == "numberOfInstances" && n > 0 {
				v[key] = int64(0)
			}
			withoutPods(below)
		}
	case []any:
		for _, below := range v {
			withoutPods(below)
		}
	}
}
