package schema

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// PatchDirective is the entry of a map by which a patch says more than its
// values do: `$patch: delete` in an item of a keyed list removes the item. The
// word is that of kubectl's strategic merge patch.
const PatchDirective = "$patch"

// Merge lays a patch over an object and returns the result; neither argument
// is changed. The patch is part of an object of the same kind:
//
//   - maps are merged entry by entry, `null` removes an entry;
//   - items of keyed lists (containers by name, ports by port and protocol) are
//     merged by key, unknown ones are appended, `$patch: delete` removes one;
//   - sets get the values they lack;
//   - atomic maps and lists, such as a Service's selector or a container's
//     args, are replaced, as are scalars.
//
// apiVersion and kind of the patch may be left out; name and namespace are
// merged like any field. Errors name the path: a value that the type does not
// allow there, or an item without its key.
func Merge(base, patch *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	gvk := base.GroupVersionKind()
	if other := patch.GroupVersionKind(); !other.Empty() && other != gvk {
		return nil, fmt.Errorf("merge patch of %s over %s: kinds differ", other, gvk)
	}
	t, _ := TypeOf(gvk)
	merged, err := merge(nil, t, clean(base.Object), patch.Object)
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: merged.(map[string]any)}, nil
}

// merge lays patch over base, which it may change.
func merge(p Path, t Type, base, patch any) (any, error) {
	switch patch := patch.(type) {
	case map[string]any:
		switch t.Shape(patch) {
		case Fields:
			into, _ := base.(map[string]any)
			return mergeFields(p, t, into, patch)
		case AtomicMap:
			return clean(patch), nil
		}
	case []any:
		into, _ := base.([]any)
		switch t.Shape(patch) {
		case KeyedList:
			return mergeItems(p, t, into, patch)
		case Set:
			return mergeSet(into, patch), nil
		case AtomicList:
			return clean(patch), nil
		}
	default:
		if t.Shape(patch) == Scalar {
			return patch, nil
		}
	}
	return nil, &Problem{p.String(), fmt.Sprintf("expected %s, got %s", t.expects(), kindOf(patch))}
}

func mergeFields(p Path, t Type, out, patch map[string]any) (any, error) {
	if out == nil {
		out = map[string]any{}
	}
	for key, v := range patch {
		if v == nil {
			delete(out, key)
			continue
		}
		field, declared := t.Field(key)
		if !declared && field.node == nil {
			return nil, &Problem{p.Field(key).String(), unknownField(key, t)}
		}
		merged, err := merge(p.Field(key), field, out[key], v)
		if err != nil {
			return nil, err
		}
		if _, there := out[key]; there || !emptied(merged, v) {
			out[key] = merged
		}
	}
	return out, nil
}

// emptied tells whether a patch that only removes has met nothing to remove from: that makes no empty map.
func emptied(merged, patch any) bool {
	result, ok := merged.(map[string]any)
	asked, _ := patch.(map[string]any)
	return ok && len(result) == 0 && len(asked) > 0
}

func mergeItems(p Path, t Type, out, patch []any) (any, error) {
	for i, v := range patch {
		item, ok := v.(map[string]any)
		if !ok {
			return nil, &Problem{p.Index(i).String(), "expected a map, got " + kindOf(v)}
		}
		if key := t.missingKey(item); key != "" {
			return nil, &Problem{p.Index(i).String(), "lacks " + key + ", the key of this list"}
		}
		at := t.keyed(p, item)
		have, index := t.Find(out, item, i)
		directive, directed := item[PatchDirective]
		if directed && directive != "delete" {
			return nil, &Problem{at.String(), PatchDirective + " can only be delete"}
		}
		if directed {
			if index >= 0 {
				out = slices.Delete(out, index, index+1)
			}
			continue
		}
		merged, err := merge(at, t.Item(), have, item)
		if err != nil {
			return nil, err
		}
		if index < 0 {
			out = append(out, merged)
		} else {
			out[index] = merged
		}
	}
	return out, nil
}

func mergeSet(out, patch []any) any {
	for _, v := range patch {
		if !slices.ContainsFunc(out, func(have any) bool { return SameScalar(have, v) }) {
			out = append(out, v)
		}
	}
	return out
}

// clean copies a value without its nulls.
func clean(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, child := range v {
			if child != nil {
				out[key] = clean(child)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = clean(child)
		}
		return out
	}
	return v
}
