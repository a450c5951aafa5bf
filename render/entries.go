package render

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
)

// Entries is what Kubernetes keeps in a list and templates in a struct:
// containers, volumes, variables, mounts, ports. The order is that of the list
// in the object; the JSON is a struct, in which the order is lost.
type Entries []Entry

// Entry is one item under the key that identifies it in its list.
type Entry struct {
	Key     string
	Content map[string]any // without the field that repeats the key
}

// MarshalJSON writes a struct.
func (e Entries) MarshalJSON() ([]byte, error) { return json.Marshal(e.ToUnstructured()) }

// UnmarshalJSON reads a struct. The entries come in the order of their keys.
func (e *Entries) UnmarshalJSON(text []byte) error {
	var entries map[string]map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &entries); err != nil {
		return err
	}
	*e = nil
	for _, key := range sortedKeys(entries) {
		*e = append(*e, Entry{Key: key, Content: entries[key]})
	}
	return nil
}

// ToUnstructured is the same without the detour by text. The name is that of
// the interface by which Kubernetes' converter finds it.
func (e Entries) ToUnstructured() any {
	object := make(map[string]any, len(e))
	for _, entry := range e {
		content := make(map[string]any, len(entry.Content))
		for field, value := range entry.Content {
			switch value := value.(type) {
			case Entries:
				content[field] = value.ToUnstructured()
			case *ResourcesView:
				content[field] = plain(value)
			default:
				content[field] = value
			}
		}
		object[entry.Key] = content
	}
	return object
}

// keyField is the field of an item that repeats its key, by the name of the
// list; empty where no single field does.
func keyField(list string) string {
	switch list {
	case "volumeMounts":
		return "mountPath"
	case "containers", "initContainers", "volumes", "env":
		return "name"
	}
	return ""
}

// entries takes a list out of a map and makes a struct of it.
func entries(list string, items []any) Entries {
	var result Entries
	field := keyField(list)
	for _, item := range items {
		content, ok := item.(map[string]any)
		if !ok {
			continue
		}
		key := ""
		if field != "" {
			key, _ = content[field].(string)
			delete(content, field)
		} else {
			key = fmt.Sprintf("%v/%v", content["containerPort"], content["protocol"])
		}
		result = append(result, Entry{Key: key, Content: content})
	}
	return result
}

func envEntries(vars []corev1.EnvVar) Entries {
	result := make(Entries, 0, len(vars))
	for _, v := range vars {
		content := map[string]any{}
		if v.Value != "" {
			content["value"] = v.Value
		}
		if v.ValueFrom != nil {
			content["valueFrom"] = plain(v.ValueFrom)
		}
		result = append(result, Entry{Key: v.Name, Content: content})
	}
	return result
}

func mountEntries(mounts []corev1.VolumeMount) Entries {
	result := make(Entries, 0, len(mounts))
	for i := range mounts {
		content := plain(&mounts[i])
		delete(content, "mountPath")
		result = append(result, Entry{Key: mounts[i].MountPath, Content: content})
	}
	return result
}

// containerEntry is a container with its resources in canonical form and with
// structs in place of its lists.
func containerEntry(container corev1.Container, resources *ResourcesView) Entry {
	env, mounts := envEntries(container.Env), mountEntries(container.VolumeMounts)
	container.Resources = corev1.ResourceRequirements{}
	container.Env, container.VolumeMounts = nil, nil
	content := plain(&container)
	delete(content, "name")
	delete(content, "resources")
	if resources != nil {
		content["resources"] = resources
	}
	if len(env) > 0 {
		content["env"] = env
	}
	if len(mounts) > 0 {
		content["volumeMounts"] = mounts
	}
	if ports, ok := content["ports"].([]any); ok {
		content["ports"] = entries("ports", ports)
	}
	return Entry{Key: container.Name, Content: content}
}
