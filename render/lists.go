package render

import (
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/names"
	"postgres-operator/schema"
)

// listOrder knows the order that the View gives to what templates hold in
// structs, by place: "containers", or "postgres.env" for the variables of the
// container postgres. Places in pods of backups have "backup/" before them,
// those in pods of poolers "pooler/" and the role.
// Order matters: a pod template that differs in nothing but order restarts
// pods, and a variable can only refer to earlier ones.
type listOrder map[string][]string

func newListOrder(view View) listOrder {
	order := listOrder{
		"containers":     {"postgres"},
		"postgres.ports": {"8008/TCP", "5432/TCP", "8080/TCP"},
	}
	order.add("volumes", view.Pod.Volumes)
	order.add("postgres.env", view.Postgres.Env)
	order.add("postgres.volumeMounts", view.Postgres.VolumeMounts)
	order.addContainers("containers", view.Pod.Sidecars)
	order.addContainers("initContainers", view.Pod.InitContainers)
	order.addBackup(view.Backup)
	for role, pooler := range view.Poolers {
		order.addPooler(role, pooler)
	}
	return order
}

func (o listOrder) addBackup(view *BackupView) {
	if view == nil {
		return
	}
	container := backupPlace + names.BackupContainer
	o[container+".ports"] = o["postgres.ports"]
	o.add(container+".env", view.Container.Env)
	o.add(container+".volumeMounts", view.Container.VolumeMounts)
}

func (o listOrder) addPooler(role string, view PoolerView) {
	place := poolerPlace + role + "/"
	o.add(place+"volumes", view.Pod.Volumes)
	o.add(place+names.PoolerContainer+".env", view.Container.Env)
	o.add(place+names.PoolerContainer+".volumeMounts", view.Container.VolumeMounts)
}

// backupPlace and poolerPlace begin the places in pods of backups and poolers:
// the containers of members may have any name.
const (
	backupPlace = "backup/"
	poolerPlace = "pooler/"
)

func (o listOrder) add(place string, entries Entries) {
	for _, entry := range entries {
		o[place] = append(o[place], entry.Key)
	}
}

func (o listOrder) addContainers(place string, containers Entries) {
	o.add(place, containers)
	for _, container := range containers {
		for field, content := range container.Content {
			if list, ok := content.(Entries); ok {
				o.add(container.Key+"."+field, list)
			}
		}
	}
}

// makeLists turns the structs of an object into the lists that Kubernetes has
// in their place. What is a list already stays one.
func (o listOrder) makeLists(object Object) {
	switch object.GetKind() {
	case "Service":
		if spec, ok := object.Object["spec"].(map[string]any); ok {
			o.makeList(spec, "ports", "name", "service.ports")
		}
	case "CronJob":
		o.makePodLists(object.Object, backupPlace, "spec", "jobTemplate", "spec", "template", "spec")
	case "Pod":
		o.makePodLists(object.Object, "", "spec")
	case "Deployment":
		place := ""
		if strings.HasPrefix(object.ID, poolerPlace) {
			place = path.Dir(object.ID) + "/"
		}
		o.makePodLists(object.Object, place, "spec", "template", "spec")
	default:
		o.makePodLists(object.Object, "", "spec", "template", "spec")
	}
}

func (o listOrder) makePodLists(object map[string]any, place string, fields ...string) {
	found, _, _ := unstructured.NestedFieldNoCopy(object, fields...)
	spec, ok := found.(map[string]any)
	if !ok {
		return
	}
	for _, field := range []string{"initContainers", "containers"} {
		containers, _ := spec[field].(map[string]any)
		for name, container := range containers {
			if container, ok := container.(map[string]any); ok {
				for _, list := range []string{"env", "volumeMounts", "ports"} {
					o.makeList(container, list, keyField(list), place+name+"."+list)
				}
			}
		}
		o.makeList(spec, field, keyField(field), place+field)
	}
	o.makeList(spec, "volumes", keyField("volumes"), place+"volumes")
}

// makeList puts what the View knows in its order first, and then what overlays
// add, by key. The key becomes a field of the item, unless the item has that
// field. An empty list is left out.
func (o listOrder) makeList(parent map[string]any, field, keyField, place string) {
	keyed, ok := parent[field].(map[string]any)
	if !ok {
		return
	}
	order := slices.DeleteFunc(slices.Clone(o[place]), func(key string) bool { return keyed[key] == nil })
	for _, key := range slices.Sorted(maps.Keys(keyed)) {
		if !slices.Contains(o[place], key) {
			order = append(order, key)
		}
	}
	list := make([]any, 0, len(order))
	for _, key := range order {
		if keyed[key] == nil && keyField != "" { // in an override
			keyed[key] = map[string]any{schema.PatchDirective: "delete"}
		}
		if item, isMap := keyed[key].(map[string]any); isMap && keyField != "" && item[keyField] == nil {
			item[keyField] = key
		}
		list = append(list, keyed[key])
	}
	if len(list) == 0 {
		delete(parent, field)
		return
	}
	parent[field] = list
}
