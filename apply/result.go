package apply

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v4/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v4/typed"

	"postgres-operator/schema"
)

// Result is what the object of a planned change will be, as far as that can be told without the API
// server: desired fields laid over the live object, less the fields that are ours and no longer desired.
// Defaults and what webhooks add are missing where the live object does not have them. nil when there
// will be no object.
func (c Change) Result() (*unstructured.Unstructured, error) {
	switch c.Verb {
	case Delete:
		return nil, nil
	case Unchanged, Skip:
		return c.live, nil
	case Create, Recreate:
		return c.desired, nil
	}
	kept, err := withoutLeft(c.compared, c.desired, c.manager)
	if err != nil {
		return nil, fmt.Errorf("tell what becomes of %s: %w", c.Ref, err)
	}
	merged, err := schema.Merge(kept, c.desired)
	if err != nil {
		return nil, fmt.Errorf("tell what becomes of %s: %w", c.Ref, err)
	}
	return merged, nil
}

// withoutLeft takes from a live object what the manager alone owns and no longer desires, as the API
// server does when it applies.
func withoutLeft(live, desired *unstructured.Unstructured, manager string) (*unstructured.Unstructured, error) {
	ours, err := ownedSet(live, func(name string) bool { return name == manager })
	if err != nil {
		return nil, err
	}
	others, err := ownedSet(live, func(name string) bool { return name != manager })
	if err != nil {
		return nil, err
	}
	kind, _ := schema.TypeFor(live.GroupVersionKind())
	want, err := kind.FromUnstructured(desired.Object)
	if err != nil {
		return nil, err
	}
	wanted, err := want.ToFieldSet()
	if err != nil {
		return nil, err
	}
	have, err := kind.FromUnstructured(live.Object, typed.AllowDuplicates)
	if err != nil {
		return nil, err
	}
	left := have.RemoveItems(ours.Difference(wanted).Difference(others)).AsValue().Unstructured()
	return &unstructured.Unstructured{Object: left.(map[string]any)}, nil
}

// ownedSet is what the managers that are meant own of an object.
func ownedSet(obj *unstructured.Unstructured, meant func(manager string) bool) (*fieldpath.Set, error) {
	all := fieldpath.NewSet()
	for _, entry := range entriesOf(obj) {
		name, _ := entry["manager"].(string)
		if !meant(name) || entry["fieldsV1"] == nil || entry["subresource"] != nil {
			continue
		}
		raw, err := json.Marshal(entry["fieldsV1"])
		if err != nil {
			return nil, err
		}
		var set fieldpath.Set
		if err := set.FromJSON(bytes.NewReader(raw)); err != nil {
			return nil, fmt.Errorf("read managedFields of %s: %w", name, err)
		}
		all = all.Union(&set)
	}
	return all, nil
}
