package apply

import (
	"encoding/base64"
	"math"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/schema"
)

// normal returns a desired object as the API server would spell it, so that
// comparing it needs no special cases: without nulls, empty lists, empty
// labels and the like, which the server drops; whole numbers as int64, as
// decoders of live objects have them; a Secret's stringData as data. Empty
// structs stay: emptyDir: {} says something. What only the server writes
// (status, uid …) is removed.
func normal(desired *unstructured.Unstructured) *unstructured.Unstructured {
	t, _ := schema.TypeOf(desired.GroupVersionKind())
	obj, _ := normalMap(t, desired.Object).(map[string]any)
	delete(obj, "status")
	if meta, ok := obj["metadata"].(map[string]any); ok {
		for _, key := range []string{"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
			"generation", "managedFields", "resourceVersion", "selfLink", "uid"} {
			delete(meta, key)
		}
	}
	if isSecret(desired) {
		normalSecret(obj)
	}
	return &unstructured.Unstructured{Object: obj}
}

func normalValue(t schema.Type, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return normalMap(t, v)
	case []any:
		return normalList(t, v)
	case int:
		return int64(v)
	case int32:
		return int64(v)
	case float32:
		return float64(v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	}
	return v
}

// normalMap returns nil for an empty map with free keys.
func normalMap(t schema.Type, m map[string]any) any {
	out := make(map[string]any, len(m))
	for key, v := range m {
		field, _ := t.Field(key)
		if v = normalValue(field, v); v != nil {
			out[key] = v
		}
	}
	if len(out) == 0 && !t.Struct() && !t.Deduced() {
		return nil
	}
	return out
}

func normalList(t schema.Type, list []any) any {
	if len(list) == 0 && !t.Deduced() {
		return nil
	}
	out := make([]any, 0, len(list))
	for _, v := range list {
		out = append(out, normalValue(t.Item(), v))
	}
	return out
}

func isSecret(obj *unstructured.Unstructured) bool {
	return obj.GetKind() == "Secret" && obj.GetAPIVersion() == "v1"
}

// normalSecret moves stringData into data, where the server puts it, and
// respells base64 as the server does. Text that is not base64 stays, for the
// server to refuse.
func normalSecret(obj map[string]any) {
	data, _ := obj["data"].(map[string]any)
	for key, v := range data {
		if text, ok := v.(string); ok {
			if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
				data[key] = base64.StdEncoding.EncodeToString(raw)
			}
		}
	}
	plain, _ := obj["stringData"].(map[string]any)
	for key, v := range plain {
		text, ok := v.(string)
		if !ok {
			return // Left for schema.Check to report.
		}
		if data == nil {
			data = map[string]any{}
			obj["data"] = data
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	delete(obj, "stringData")
}
