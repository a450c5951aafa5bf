package apply

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"

	"postgres-operator/schema"
)

// beforeFirstApply is the manager to which an API server ascribes all fields
// of an object that has no managedFields when it is first applied.
const beforeFirstApply = "before-first-apply"

// former lists the managers of an object whose updates are ours to take over.
// Our own name is among them: objects with the policy CreateOnly are created
// by a plain request.
func (a *Applier) former(obj *unstructured.Unstructured) []string {
	var names []string
	for _, entry := range entriesOf(obj) {
		name, _ := entry["manager"].(string)
		if entry["operation"] == "Update" && entry["subresource"] == nil &&
			slices.Contains(takenOver(a.options.Manager, a.options.Legacy), name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (a *Applier) adoptable(obj *unstructured.Unstructured) bool { return len(a.former(obj)) > 0 }

func takenOver(manager string, legacy []string) []string {
	return append([]string{manager, beforeFirstApply}, legacy...)
}

// adopted is a live object with the entries of its former managers made ours.
//
// A former manager owns more than it had an opinion on: a plain update records
// the defaults that the API server filled in, too. Most of that may go, and be
// filled in anew. Not so fields that cannot change and those that are somebody
// else's by now: of them only what is desired becomes ours, the rest is left to
// nobody.
func (a *Applier) adopted(live, desired *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	obj := live.DeepCopy()
	if err := csaupgrade.UpgradeManagedFields(obj, sets.New(a.former(live)...), a.options.Manager); err != nil {
		return nil, fmt.Errorf("migrate managedFields: %w", err)
	}
	gvk := desired.GroupVersionKind()
	t, _ := schema.TypeOf(gvk)
	for _, path := range slices.Concat(released(gvk.GroupKind()), immutable(gvk.GroupKind())) {
		release(t, ownedFields(obj, a.options.Manager), desired.Object, strings.Split(path, "."))
	}
	return obj, nil
}

// release removes from a set of owned fields what is not desired at and below a
// path.
func release(t schema.Type, fields map[string]any, want any, path []string) {
	key, wanted := "f:"+path[0], asMap(want)[path[0]]
	below, _ := fields[key].(map[string]any)
	field, _ := t.Field(path[0])
	switch {
	case len(path) > 1:
		release(field, below, wanted, path[1:])
	case wanted == nil:
		delete(fields, key)
	default:
		keepDesired(field, below, wanted)
	}
}

// keepDesired removes from a set of owned fields what is not desired.
func keepDesired(t schema.Type, fields map[string]any, want any) {
	items := map[string]any{}
	if list, ok := want.([]any); ok && t.Shape(want) == schema.KeyedList {
		for _, item := range list {
			items[itemKey(t, asMap(item))] = item
		}
	}
	for key, v := range fields {
		below, _ := v.(map[string]any)
		name, isField := strings.CutPrefix(key, "f:")
		child, wanted := asMap(want)[name]
		field, _ := t.Field(name)
		if !isField {
			child, wanted = items[key]
			field = t.Item()
		}
		switch {
		case key == ".":
		case !wanted:
			delete(fields, key)
		default:
			keepDesired(field, below, child)
		}
	}
}

// adoption is the patch that replaces managedFields, provided that the object
// is still the one that was read: a newer one answers with a conflict.
func adoption(adopted *unstructured.Unstructured) []operation {
	entries, _, _ := unstructured.NestedFieldNoCopy(adopted.Object, "metadata", "managedFields")
	return []operation{
		{"replace", "/metadata/managedFields", entries},
		{"replace", "/metadata/resourceVersion", adopted.GetResourceVersion()},
	}
}

// Strip returns a transform for caches that drops the managedFields entries an
// Applier never reads, which are most of many objects: those of other
// managers. An object that has still to be taken over keeps all of them,
// because the takeover writes the whole list back.
//
// It is a k8s.io/client-go/tools/cache.TransformFunc.
func Strip(manager string, legacy ...string) func(any) (any, error) {
	taken := takenOver(manager, legacy)
	return func(obj any) (any, error) {
		if _, isObject := obj.(runtime.Object); !isObject {
			return obj, nil // A tombstone of a deleted object.
		}
		accessor, ok := obj.(metav1.Object)
		if !ok {
			return obj, nil
		}
		entries := accessor.GetManagedFields()
		pending := slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
			return e.Operation == metav1.ManagedFieldsOperationUpdate && e.Subresource == "" && slices.Contains(taken, e.Manager)
		})
		if !pending {
			accessor.SetManagedFields(slices.DeleteFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
				return e.Manager != manager
			}))
		}
		return obj, nil
	}
}
