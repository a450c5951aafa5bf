package render

import (
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"

	"postgres-operator/schema"
)

// checkWith finds what Kubernetes would not accept in an object: unknown
// fields and values of a wrong type. The error names the place that at gives to
// the field: the line of the template or overlay that the value comes from.
func checkWith(object Object, at func(path string) []string) error {
	if err := schema.Check(object.Unstructured); err != nil {
		return schemaError(object.ID, err, at)
	}
	return nil
}

// nearest is the position of the value at a path of an object, or of the
// deepest value above it.
func nearest(value cue.Value, path string) token.Pos {
	keys := steps(path)
	for length := len(keys); length > 0; length-- {
		if found, ok := lookup(value, keys[:length]); ok {
			return found.Pos()
		}
	}
	return value.Pos()
}

// lookup walks down by keys. An item of a list stands in a struct here, mostly
// under the key that the path has for it; where it does not, the entry is taken
// that has the rest of the path.
func lookup(value cue.Value, keys []string) (cue.Value, bool) {
	if len(keys) == 0 {
		return value, true
	}
	below := value.LookupPath(cue.MakePath(cue.Str(keys[0])))
	if below.Exists() {
		return lookup(below, keys[1:])
	}
	if value.IncompleteKind() == cue.ListKind {
		return lookupItem(value, keys)
	}
	entries, err := value.Fields()
	if err != nil || len(keys) == 1 {
		return value, false
	}
	for entries.Next() {
		if found, ok := lookup(entries.Value(), keys[1:]); ok {
			return found, true
		}
	}
	return value, false
}

// lookupItem walks into the item of a list: the one that has the key in one of
// its fields and the rest of the path below it.
func lookupItem(value cue.Value, keys []string) (cue.Value, bool) {
	items, err := value.List()
	if err != nil {
		return value, false
	}
	for index := 0; items.Next(); index++ {
		item := items.Value()
		if keys[0] != strconv.Itoa(index) && !hasKey(item, keys[0]) {
			continue
		}
		if found, ok := lookup(item, keys[1:]); ok {
			return found, true
		}
	}
	return value, false
}

func hasKey(item cue.Value, key string) bool {
	fields, err := item.Fields()
	if err != nil {
		return false
	}
	for fields.Next() {
		text := fmt.Sprint(fields.Value())
		if strings.Trim(text, `"`) == key || strings.HasPrefix(key, text+"/") {
			return true
		}
	}
	return false
}

// steps splits a path such as spec.ports[80,TCP].name or
// metadata.labels["a/b"] into keys, as templates write them.
func steps(path string) []string {
	var keys []string
	for path != "" {
		path = strings.TrimPrefix(path, ".")
		end := strings.IndexAny(path, ".[")
		if strings.HasPrefix(path, "[") {
			end = strings.Index(path, "]") + 1
		}
		if end <= 0 {
			end = len(path)
		}
		key := strings.Trim(path[:end], `[]"`)
		keys = append(keys, strings.Replace(key, ",", "/", 1))
		path = path[end:]
	}
	return keys
}
