package apply

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"postgres-operator/schema"
)

// Owned is the part of a live object that is ours, or becomes ours when it is taken over: applied again
// as it is, it changes no value. A caller that wants one of its fields to stay as it is desires
// what Owned has there. Empty values that the API server does not keep are not part of it.
func (a *Applier) Owned(live *unstructured.Unstructured) map[string]any {
	former, fields := a.former(live), map[string]any{}
	for _, entry := range entriesOf(live) {
		if entry["subresource"] != nil || entry["apiVersion"] != live.GetAPIVersion() {
			continue
		}
		name, _ := entry["manager"].(string)
		ours := entry["operation"] == "Apply" && name == a.options.Manager
		if ours || entry["operation"] == "Update" && slices.Contains(former, name) {
			set, _ := entry["fieldsV1"].(map[string]any)
			fields = joined(fields, set)
		}
	}
	t, _ := schema.TypeOf(live.GroupVersionKind())
	content, _ := owns(t, live.Object, fields).(map[string]any)
	return content
}

// joined is the union of two sets of fields.
func joined(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	for key, v := range b {
		below, _ := v.(map[string]any)
		known, _ := all[key].(map[string]any)
		if known == nil {
			known = map[string]any{}
		}
		all[key] = joined(known, below)
	}
	return all
}

// owns is the part of a value that a set of fields names; nil for none.
func owns(t schema.Type, have any, fields map[string]any) any {
	if len(fields) == 0 { // a leaf: the value as a whole
		return runtime.DeepCopyJSONValue(have)
	}
	switch t.Shape(have) {
	case schema.Fields:
		out := map[string]any{}
		for key, v := range fields {
			name, isField := strings.CutPrefix(key, "f:")
			value, there := asMap(have)[name]
			if !isField || !there {
				continue
			}
			below, _ := v.(map[string]any)
			field, _ := t.Field(name)
			out[name] = owns(field, value, below)
		}
		return out
	case schema.KeyedList:
		out := []any{}
		for _, item := range have.([]any) {
			if set, ours := fields[itemKey(t, asMap(item))].(map[string]any); ours {
				out = append(out, withKeys(t, asMap(item), owns(t.Item(), item, set)))
			}
		}
		return out
	case schema.Set:
		return slices.DeleteFunc(slices.Clone(have.([]any)), func(v any) bool { _, ours := fields[valueKey(v)]; return !ours })
	}
	return runtime.DeepCopyJSONValue(have)
}

// withKeys is an item's part together with what identifies the item, but for what goes without saying.
func withKeys(t schema.Type, item map[string]any, part any) any {
	out := asMap(part)
	for _, key := range t.Keys() {
		standard, _ := t.KeyValue(nil, key)
		if value, there := item[key]; there && out != nil && !schema.SameScalar(value, standard) {
			out[key] = value
		}
	}
	return out
}
