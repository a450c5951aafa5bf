package render_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postgres-operator/render"
)

// diffObjects says how objects differ from others, one line per value:
//
//   - service/master spec.externalTrafficPolicy: Cluster
//   - statefulset spec.template.spec.volumes[dshm]: {"emptyDir":{"medium":"Memory"}}
//     ~ statefulset spec.replicas: 2 -> 3
//
// A line begins with the id of the object. Items of lists are called by what
// Kubernetes knows them by; an added one says what it stands after. Text that
// is JSON is compared as such, behind a colon in the path.
func diffObjects(old, new []render.Object) string {
	var d differ
	before, after := byID(old), byID(new)
	for _, object := range old {
		if _, stays := after[object.ID]; !stays {
			d.line("-", object.ID, "", object.GetKind()+" "+object.GetName())
		}
	}
	for _, object := range new {
		d.id = object.ID
		if was, existed := before[object.ID]; existed {
			d.compare("", was.Object, object.Object)
		} else {
			d.leaves("", object.Object)
		}
	}
	return d.text.String()
}

func byID(objects []render.Object) map[string]render.Object {
	index := map[string]render.Object{}
	for _, object := range objects {
		index[object.ID] = object
	}
	return index
}

type differ struct {
	id   string
	text strings.Builder
}

func (d *differ) line(sign, id, path, value string) {
	if path != "" {
		id += " " + strings.TrimPrefix(path, ".")
	}
	fmt.Fprintf(&d.text, "%s %s: %s\n", sign, id, value)
}

func (d *differ) compare(path string, old, new any) {
	switch new := new.(type) {
	case map[string]any:
		if old, same := old.(map[string]any); same {
			d.compareMaps(path, old, new)
			return
		}
	case []any:
		if old, same := old.([]any); same && keyed(old) && keyed(new) {
			d.compareLists(path, old, new)
			return
		}
	case string:
		oldText, _ := old.(string)
		oldJSON, newJSON := asJSON(oldText), asJSON(new)
		if oldJSON != nil && newJSON != nil {
			d.compareMaps(path+":", oldJSON, newJSON)
			return
		}
	}
	if was, is := show(old), show(new); was != is {
		d.line("~", d.id, path, was+" -> "+is)
	}
}

func (d *differ) compareMaps(path string, old, new map[string]any) {
	keys := slices.Collect(maps.Keys(new))
	for key := range old {
		if _, stays := new[key]; !stays {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		below := path + "." + key
		if strings.ContainsAny(key, "./") {
			below = path + "[" + key + "]"
		}
		was, before := old[key]
		is, after := new[key]
		switch {
		case before && after:
			d.compare(below, was, is)
		case after:
			d.leaves(below, is)
		default:
			d.line("-", d.id, below, show(was))
		}
	}
}

func (d *differ) compareLists(path string, old, new []any) {
	before, after := indexed(old), indexed(new)
	for _, item := range old {
		if _, stays := after[key(item)]; !stays {
			d.line("-", d.id, path+"["+key(item)+"]", show(item))
		}
	}
	var oldOrder, newOrder []string
	previous := "nothing"
	for _, item := range new {
		name := key(item)
		if was, existed := before[name]; existed {
			d.compare(path+"["+name+"]", was, item)
			newOrder = append(newOrder, name)
		} else {
			d.item(path+"["+name+"]", " after "+previous, item)
		}
		previous = name
	}
	for _, item := range old {
		if _, stays := after[key(item)]; stays {
			oldOrder = append(oldOrder, key(item))
		}
	}
	if !slices.Equal(oldOrder, newOrder) {
		d.line("~", d.id, path, "order "+strings.Join(newOrder, " "))
	}
}

// item prints an added item of a list: in one line, or where it has lists of
// its own, in one line for each of its values.
func (d *differ) item(path, where string, item any) {
	object, _ := item.(map[string]any)
	for _, value := range object {
		list, isList := value.([]any)
		if isList && keyed(list) || object["source"] != nil {
			d.line("+", d.id, path+where, key(item))
			d.leaves(path, item)
			return
		}
	}
	d.line("+", d.id, path+where, show(withoutKey(item)))
}

// leaves prints everything that was added.
func (d *differ) leaves(path string, value any) {
	if list, isList := value.([]any); isList && keyed(list) && len(list) > 0 {
		for _, item := range list {
			d.item(path+"["+key(item)+"]", "", item)
		}
		return
	}
	object, isMap := value.(map[string]any)
	if !isMap || len(object) == 0 {
		d.line("+", d.id, path, show(value))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		below := path + "." + name
		if strings.ContainsAny(name, "./") {
			below = path + "[" + name + "]"
		}
		d.leaves(below, object[name])
	}
}

// key is what identifies an item of a list, empty when nothing does.
func key(item any) string {
	object, _ := item.(map[string]any)
	for _, field := range []string{"mountPath", "name", "containerPort", "uid", "topologyKey"} {
		if value, found := object[field]; found {
			return fmt.Sprint(value)
		}
	}
	if source, isStream := object["source"].(map[string]any); isStream {
		return fmt.Sprint(source["jdbcConnection"].(map[string]any)["slotName"], " ", source["schema"], ".", source["table"].(map[string]any)["name"])
	}
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}

func withoutKey(item any) any {
	object, isMap := item.(map[string]any)
	if !isMap || object["name"] == nil || object["mountPath"] != nil {
		return item
	}
	rest := maps.Clone(object)
	delete(rest, "name")
	return rest
}

func keyed(list []any) bool {
	return len(indexed(list)) == len(list) && !slices.ContainsFunc(list, func(item any) bool { return key(item) == "" })
}

func indexed(list []any) map[string]any {
	index := map[string]any{}
	for _, item := range list {
		index[key(item)] = item
	}
	return index
}

func asJSON(text string) map[string]any {
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil {
		return nil
	}
	return object
}

func show(value any) string {
	if text, isText := value.(string); isText && text != "" && !strings.ContainsAny(text, "\n\"") {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
