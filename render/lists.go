package render

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// listOrder knows the order that the View gives to what templates hold in
// structs, by place: "containers", or "postgres.env" for the variables of the
// container postgres. Order matters: a pod template that differs in nothing
// but order restarts pods, and a variable can only refer to earlier ones.
type listOrder map[string][]string

func newListOrder(view View) listOrder {
	order := listOrder{
		"containers":     {"postgres"},
		"postgres.ports": {"8008/TCP", "5432/TCP", "8080/TCP"},
	}
	for _, v := range view.Postgres.Env {
		order.add("postgres.env", v.Name)
	}
	for _, m := range view.Postgres.VolumeMounts {
		order.add("postgres.volumeMounts", m.MountPath)
	}
	for _, v := range view.Pod.Volumes {
		order.add("volumes", fmt.Sprint(v["name"]))
	}
	for _, c := range view.Pod.Sidecars {
		order.addContainer("containers", c)
	}
	for _, c := range view.Pod.InitContainers {
		order.addContainer("initContainers", c)
	}
	return order
}

func (o listOrder) add(place, key string) { o[place] = append(o[place], key) }

func (o listOrder) addContainer(place string, container map[string]any) {
	name := fmt.Sprint(container["name"])
	o.add(place, name)
	for list, key := range map[string]func(map[string]any) string{
		"env":          func(item map[string]any) string { return fmt.Sprint(item["name"]) },
		"volumeMounts": func(item map[string]any) string { return fmt.Sprint(item["mountPath"]) },
		"ports":        func(item map[string]any) string { return fmt.Sprintf("%v/%v", item["containerPort"], item["protocol"]) },
	} {
		items, _ := container[list].([]any)
		for _, item := range items {
			if item, ok := item.(map[string]any); ok {
				o.add(name+"."+list, key(item))
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
			o.makeList(spec, "ports", "service.ports")
		}
	case "CronJob":
		o.makePodLists(object.Object, "spec", "jobTemplate", "spec", "template", "spec")
	case "Pod":
		o.makePodLists(object.Object, "spec")
	default:
		o.makePodLists(object.Object, "spec", "template", "spec")
	}
}

func (o listOrder) makePodLists(object map[string]any, path ...string) {
	found, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	spec, ok := found.(map[string]any)
	if !ok {
		return
	}
	o.makeList(spec, "volumes", "volumes")
	for _, list := range []string{"initContainers", "containers"} {
		containers, ok := spec[list].(map[string]any)
		if !ok {
			continue
		}
		for name, container := range containers {
			if container, ok := container.(map[string]any); ok {
				o.makeList(container, "env", name+".env")
				o.makeList(container, "volumeMounts", name+".volumeMounts")
				o.makeList(container, "ports", name+".ports")
			}
		}
		o.makeList(spec, list, list)
	}
}

// makeList puts what the View knows in its order first, and then what overlays
// add, by key. An empty list is left out.
func (o listOrder) makeList(parent map[string]any, field, place string) {
	keyed, ok := parent[field].(map[string]any)
	if !ok {
		return
	}
	list := make([]any, 0, len(keyed))
	for _, key := range o[place] {
		if item, found := keyed[key]; found {
			list = append(list, item)
		}
	}
	added := slices.DeleteFunc(slices.Sorted(maps.Keys(keyed)), func(key string) bool {
		return slices.Contains(o[place], key)
	})
	for _, key := range added {
		list = append(list, keyed[key])
	}
	if len(list) == 0 {
		delete(parent, field)
		return
	}
	parent[field] = list
}
