package apply

import (
	"encoding/base64"
	"maps"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/schema"
)

// normal returns a desired object as the API server would spell it, so that
// comparing it needs no special cases: without nulls, empty lists, empty
// labels and the like, which the server drops; whole numbers as int64, as
// decoders of live objects have them; a Secret's stringData as data. Empty
// structs stay: emptyDir: {} says something. What only the server writes
// (status, uid …) is removed.
//
// The result shares with the argument what needed no change, and neither may
// be changed afterwards.
func normal(desired *unstructured.Unstructured) *unstructured.Unstructured {
	t, _ := schema.TypeOf(desired.GroupVersionKind())
	v, _ := normalMap(t, desired.Object)
	obj := maps.Clone(v.(map[string]any))
	delete(obj, "status")
	if meta, ok := obj["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		for _, key := range []string{"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
			"generation", "managedFields", "resourceVersion", "selfLink", "uid"} {
			delete(meta, key)
		}
		obj["metadata"] = meta
	}
	if isSecret(desired) {
		normalSecret(obj)
	}
	return &unstructured.Unstructured{Object: obj}
}

// normalValue returns a value in normal form and whether it is another one; nil
// for one that is to be left out.
func normalValue(t schema.Type, v any) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		return normalMap(t, v)
	case []any:
		return normalList(t, v)
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case float32:
		return float64(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), true
		}
	}
	return v, false
}

func normalMap(t schema.Type, m map[string]any) (any, bool) {
	out, changed := m, false
	for key, v := range m {
		field, _ := t.Field(key)
		v, other := normalValue(field, v)
		if !other && v != nil {
			continue
		}
		if !changed {
			out, changed = maps.Clone(m), true
		}
		if v == nil {
			delete(out, key)
		} else {
			out[key] = v
		}
	}
	if len(out) == 0 && dropped(t, m) && !t.Struct() {
		return nil, true
	}
	return out, changed
}

func normalList(t schema.Type, list []any) (any, bool) {
	if len(list) == 0 && dropped(t, list) {
		return nil, true
	}
	out, changed := list, false
	for i, v := range list {
		v, other := normalValue(t.Item(), v)
		if !other {
			continue
		}
		if !changed {
			out, changed = slices.Clone(list), true
		}
		out[i] = v
	}
	return out, changed
}

// dropped reports whether the server keeps no empty value at a place. What the
// schema does not know or allow stays, to be checked.
func dropped(t schema.Type, empty any) bool {
	return !t.Deduced() && t.Shape(empty) != schema.Mismatch
}

func isSecret(obj *unstructured.Unstructured) bool {
	return obj.GetKind() == "Secret" && obj.GetAPIVersion() == "v1"
}

// normalSecret moves stringData into data, where the server puts it, and
// respells base64 as the server does. Text that is not base64 stays, for the
// server to refuse.
func normalSecret(obj map[string]any) {
	data, isMap := obj["data"].(map[string]any)
	plain, isPlain := obj["stringData"].(map[string]any)
	if (obj["data"] != nil && !isMap) || (obj["stringData"] != nil && !isPlain) {
		return // Left for schema.Check to report.
	}
	all := make(map[string]any, len(data)+len(plain))
	for key, v := range data {
		all[key] = v
		if text, ok := v.(string); ok {
			if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
				all[key] = base64.StdEncoding.EncodeToString(raw)
			}
		}
	}
	for key, v := range plain {
		text, ok := v.(string)
		if !ok {
			return
		}
		all[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	delete(obj, "stringData")
	if len(all) > 0 {
		obj["data"] = all
	}
}
