package apply

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v4/fieldpath"
)

// Owner is a field manager that has set a value of a live object.
type Owner struct {
	Manager     string
	Operation   string // Apply or Update
	Subresource string // empty for the object itself
	Part        bool   // it has set some of what is below, not all
}

// Owners are the field managers of the value at a path, in the order in which
// the API server has them. A value without any was never sent: it is a default
// of the API server, or its own.
func Owners(live *unstructured.Unstructured, path fieldpath.Path) ([]Owner, error) {
	var owners []Owner
	for _, entry := range entriesOf(live) {
		fields, err := json.Marshal(entry["fieldsV1"])
		if err != nil {
			return nil, fmt.Errorf("read managedFields: %w", err)
		}
		set := &fieldpath.Set{}
		if err := set.FromJSON(bytes.NewReader(fields)); err != nil {
			return nil, fmt.Errorf("read managedFields: %w", err)
		}
		part := hasBelow(set, path)
		if !part && (len(path) == 0 || !set.Has(path)) {
			continue
		}
		var owner Owner
		owner.Manager, _ = entry["manager"].(string)
		owner.Operation, _ = entry["operation"].(string)
		owner.Subresource, _ = entry["subresource"].(string)
		owner.Part = part
		owners = append(owners, owner)
	}
	return owners, nil
}

func hasBelow(set *fieldpath.Set, path fieldpath.Path) bool {
	for _, step := range path {
		set = set.WithPrefix(step)
	}
	return !set.Empty()
}
