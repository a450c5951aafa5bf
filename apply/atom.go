package apply

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"postgres-operator/schema"
)

// atom compares a place that is one value: a scalar, or a map or list that is
// replaced as a whole. In such a map the live object may hold what the API
// server fills in; anything else that is not desired is a difference.
func (c *comparer) atom(t schema.Type, want, have any) {
	switch want := want.(type) {
	case map[string]any:
		live, ok := have.(map[string]any)
		if !ok && (have != nil || len(want) > 0) {
			c.add(value, have, want)
			return
		}
		for name, v := range want {
			field, _ := t.Field(name)
			c.enter(step{field: name})
			c.atom(field, v, live[name])
			c.leave()
		}
		for name, v := range live {
			if _, wanted := want[name]; wanted || filledIn(t, name, v) {
				continue
			}
			c.enter(step{field: name})
			c.add(value, v, nil)
			c.leave()
		}
	case []any:
		live, _ := have.([]any)
		if len(live) != len(want) {
			c.add(value, have, want)
			return
		}
		for i, v := range want {
			c.enter(step{value: i})
			c.atom(t.Item(), v, live[i])
			c.leave()
		}
	default:
		if !sameScalar(t, want, have) {
			c.add(value, have, want)
		}
	}
}

// sameScalar: the API server spells quantities its own way and drops zero
// values from fields that may be empty.
func sameScalar(t schema.Type, want, have any) bool {
	if schema.SameScalar(want, have) {
		return true
	}
	if have == nil {
		return want == "" || want == false || want == int64(0)
	}
	if !t.Quantity() {
		return false
	}
	a, errA := schema.ParseQuantity(want)
	b, errB := schema.ParseQuantity(have)
	return errA == nil && errB == nil && a.Cmp(b) == 0
}

// filledIn reports whether the API server adds this field by itself inside a
// map or list that is one value. The defaults are those of Kubernetes'
// pkg/apis/*/v1/defaults.go; what is missing here costs one dry run per object
// and process.
func filledIn(t schema.Type, name string, v any) bool {
	if v == nil {
		return true
	}
	var filled any
	switch strings.TrimPrefix(t.Name(), "io.k8s.") + "." + name {
	case "apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp",
		"api.core.v1.PersistentVolumeClaim.status":
		return true
	case "api.core.v1.PersistentVolumeClaim.apiVersion", "api.core.v1.ObjectFieldSelector.apiVersion":
		filled = "v1"
	case "api.core.v1.PersistentVolumeClaim.kind":
		filled = "PersistentVolumeClaim"
	case "api.core.v1.PersistentVolumeClaimSpec.volumeMode":
		filled = "Filesystem"
	case "api.core.v1.ResourceFieldSelector.divisor":
		filled = "0"
	case "api.core.v1.ServiceAccountTokenProjection.expirationSeconds":
		filled = int64(3600)
	case "api.core.v1.EndpointPort.protocol", "api.networking.v1.NetworkPolicyPort.protocol",
		"api.discovery.v1.EndpointPort.protocol":
		filled = "TCP"
	case "api.rbac.v1.RoleRef.apiGroup", "api.rbac.v1.Subject.apiGroup":
		filled = "rbac.authorization.k8s.io"
	default:
		m, isMap := v.(map[string]any)
		return isMap && len(m) == 0
	}
	return schema.SameScalar(v, filled)
}

// itemKey is the key by which managedFields names an item of a keyed list:
// k:{"containerPort":5432,"protocol":"TCP"}.
func itemKey(t schema.Type, item map[string]any) string {
	names := t.Keys()
	if !slices.IsSorted(names) {
		names = slices.Sorted(slices.Values(names))
	}
	key := make([]byte, 0, 64)
	key = append(key, "k:{"...)
	for _, name := range names {
		v, ok := t.KeyValue(item, name)
		if !ok {
			continue
		}
		if key[len(key)-1] != '{' {
			key = append(key, ',')
		}
		key = append(key, '"')
		key = append(key, name...)
		key = append(key, `":`...)
		key = appendJSON(key, v)
	}
	return string(append(key, '}'))
}

// valueKey is the key by which managedFields names a value of a set.
func valueKey(v any) string { return string(appendJSON([]byte("v:"), v)) }

// appendJSON writes a scalar as managedFields has it, where <, > and & are not
// escaped.
func appendJSON(to []byte, v any) []byte {
	text, ok := v.(string)
	if !ok {
		return fmt.Append(to, v)
	}
	if plain(text) {
		to = append(to, '"')
		to = append(to, text...)
		return append(to, '"')
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // Strings always encode.
	return append(to, strings.TrimSuffix(b.String(), "\n")...)
}

// plain reports whether JSON writes a string as it is, as it does almost all
// names.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// keyFields reads an item's key fields back from its key in managedFields.
func keyFields(key string) map[string]any {
	var fields map[string]any
	_ = json.Unmarshal([]byte(strings.TrimPrefix(key, "k:")), &fields) // A foreign notation matches no item.
	return fields
}

// keysOf lists the keys of a keyed list's items, in order.
func keysOf(t schema.Type, list []any) []any {
	keys := make([]any, 0, len(list))
	for _, v := range list {
		item, _ := v.(map[string]any)
		keys = append(keys, strings.Trim(schema.Path{}.Item(t.KeyValues(item)...).String(), "[]"))
	}
	return keys
}

// asAny keeps a nil map from becoming a value that is not nil.
func asAny(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}
