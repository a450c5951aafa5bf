package apply

import (
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
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
// Fields that are released and not desired are left to nobody.
func (a *Applier) adopted(live, desired *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	obj := live.DeepCopy()
	if err := csaupgrade.UpgradeManagedFields(obj, sets.New(a.former(live)...), a.options.Manager); err != nil {
		return nil, fmt.Errorf("migrate managedFields: %w", err)
	}
	fields := ownedFields(obj, a.options.Manager)
	for _, path := range released(desired.GroupVersionKind().GroupKind()) {
		if _, wanted, _ := unstructured.NestedFieldNoCopy(desired.Object, path...); !wanted {
			release(fields, path)
		}
	}
	return obj, nil
}

// release removes a path from a set of owned fields.
func release(fields map[string]any, path []string) {
	for _, name := range path[:len(path)-1] {
		fields, _ = fields["f:"+name].(map[string]any)
	}
	delete(fields, "f:"+path[len(path)-1])
}

// adoptionPatch replaces managedFields, provided that the object is still the
// one that was read: a newer one answers with a conflict.
func adoptionPatch(adopted *unstructured.Unstructured) ([]byte, error) {
	entries, _, _ := unstructured.NestedFieldNoCopy(adopted.Object, "metadata", "managedFields")
	return json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": entries},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": adopted.GetResourceVersion()},
	})
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
