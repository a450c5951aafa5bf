package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// difference is one field that differs, in words.
type difference struct {
	text  string
	image bool // it is the image of a container
}

// compare lists what a pod made from next would have other than one made from old. Annotations are not
// looked at: they are patched in place. Values of the environment are not told, they may be secret.
func compare(old, next corev1.PodTemplateSpec) []difference {
	c := &comparison{}
	c.labels(old.Labels, next.Labels)
	from, to := normalised(old.Spec), normalised(next.Spec)
	c.containers("container", from.Containers, to.Containers)
	c.containers("init container", from.InitContainers, to.InitContainers)
	c.keyed("volume ", byName(from.Volumes), byName(to.Volumes))
	c.tolerations(from.Tolerations, to.Tolerations)
	for _, spec := range []*corev1.PodSpec{&from, &to} {
		spec.Containers, spec.InitContainers, spec.Volumes, spec.Tolerations = nil, nil, nil, nil
	}
	c.value("pod: ", "", tree(&from), tree(&to))
	return c.found
}

type comparison struct{ found []difference }

func (c *comparison) add(format string, args ...any) {
	c.found = append(c.found, difference{text: fmt.Sprintf(format, args...)})
}

func (c *comparison) labels(old, next map[string]string) {
	c.keyed("label ", anyMap(old), anyMap(next))
}

func (c *comparison) containers(kind string, old, next []corev1.Container) {
	before, after := map[string]corev1.Container{}, map[string]corev1.Container{}
	for _, container := range old {
		before[container.Name] = container
	}
	for _, container := range next {
		after[container.Name] = container
	}
	for _, name := range union(before, after) {
		from, had := before[name]
		to, has := after[name]
		switch {
		case !had:
			c.add("%s %s: added", kind, name)
		case !has:
			c.add("%s %s: removed", kind, name)
		default:
			c.container(kind+" "+name+": ", from, to)
		}
	}
}

func (c *comparison) container(prefix string, old, next corev1.Container) {
	if old.Image != next.Image {
		c.found = append(c.found, difference{text: fmt.Sprintf("%simage: %s → %s", prefix, old.Image, next.Image), image: true})
	}
	c.environment(prefix, old.Env, next.Env)
	c.keyed(prefix+"mount ", mountsByPath(old.VolumeMounts), mountsByPath(next.VolumeMounts))
	c.keyed(prefix+"port ", portsByNumber(old.Ports), portsByNumber(next.Ports))
	for _, container := range []*corev1.Container{&old, &next} {
		container.Image, container.ImagePullPolicy = "", "" // the policy matters when a pod is made
		container.Env, container.VolumeMounts, container.Ports = nil, nil, nil
	}
	c.value(prefix, "", tree(&old), tree(&next))
}

// spiloConfiguration is the variable with which Spilo writes Patroni's configuration. Its part
// bootstrap.dcs is used once, when a cluster is made; later it is Patroni's REST API that changes it.
const spiloConfiguration = "SPILO_CONFIGURATION"

func (c *comparison) environment(prefix string, old, next []corev1.EnvVar) {
	before, after := map[string]corev1.EnvVar{}, map[string]corev1.EnvVar{}
	for _, env := range old { // of two with one name, Kubernetes takes the last
		before[env.Name] = env
	}
	for _, env := range next {
		after[env.Name] = env
	}
	for _, name := range union(before, after) {
		from, had := before[name]
		to, has := after[name]
		switch {
		case !had:
			c.add("%senv %s: added", prefix, name)
		case !has:
			c.add("%senv %s: removed", prefix, name)
		case name == spiloConfiguration && from.ValueFrom == nil && to.ValueFrom == nil:
			c.spilo(prefix, from.Value, to.Value)
		case !reflect.DeepEqual(tree(&from), tree(&to)):
			c.add("%senv %s: changed", prefix, name)
		}
	}
}

func (c *comparison) spilo(prefix, old, next string) {
	var before, after map[string]any
	if json.Unmarshal([]byte(old), &before) != nil || json.Unmarshal([]byte(next), &after) != nil {
		if old != next {
			c.add("%senv %s: changed", prefix, spiloConfiguration)
		}
		return
	}
	for _, configuration := range []map[string]any{before, after} {
		if bootstrap, ok := configuration["bootstrap"].(map[string]any); ok {
			delete(bootstrap, "dcs")
		}
	}
	inner := &comparison{}
	inner.value("", "", before, after)
	for _, d := range inner.found {
		path, _, _ := strings.Cut(d.text, ": ")
		c.add("%senv %s: %s changed", prefix, spiloConfiguration, path)
	}
}

// tolerations are a set.
func (c *comparison) tolerations(old, next []corev1.Toleration) {
	set := func(all []corev1.Toleration) map[string]any {
		out := map[string]any{}
		for _, t := range all {
			if t.Operator == corev1.TolerationOpEqual {
				t.Operator = ""
			}
			text, _ := json.Marshal(t)
			out[string(text)] = true
		}
		return out
	}
	c.keyed("toleration ", set(old), set(next))
}

// keyed compares maps entry by entry.
func (c *comparison) keyed(prefix string, old, next map[string]any) {
	for _, key := range union(old, next) {
		from, had := old[key]
		to, has := next[key]
		switch {
		case !had:
			c.add("%s%s: added", prefix, key)
		case !has:
			c.add("%s%s: removed", prefix, key)
		default:
			c.value(prefix, key, from, to)
		}
	}
}

// value compares trees of JSON and names the paths that differ, after a heading.
func (c *comparison) value(heading, path string, old, next any) {
	before, wasMap := old.(map[string]any)
	after, isMap := next.(map[string]any)
	_, wasList := old.([]any)
	_, isList := next.([]any)
	switch {
	case wasMap && isMap:
	case reflect.DeepEqual(old, next):
		return
	case isMap && old == nil:
		c.add("%s%s: added", heading, path)
		return
	case wasMap && next == nil:
		c.add("%s%s: removed", heading, path)
		return
	case wasList || isList: // commands, for example, which may hold what is secret
		c.add("%s%s: changed", heading, path)
		return
	default:
		c.add("%s%s: %s → %s", heading, path, short(old), short(next))
		return
	}
	for _, key := range union(before, after) {
		if !empty(before[key]) || !empty(after[key]) {
			c.value(heading, strings.TrimPrefix(path+"."+key, "."), before[key], after[key])
		}
	}
}

// empty values are the same as absent ones.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		for _, value := range v {
			if !empty(value) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	}
	return false
}

func short(v any) string {
	if v == nil {
		return "none"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const limit = 80
	if runes := []rune(string(text)); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return strings.Trim(string(text), `"`)
}

// tree is a Kubernetes value as generic JSON; quantities come out in their canonical notation.
func tree(v any) map[string]any {
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(v)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return out
}

func anyMap(in map[string]string) map[string]any {
	out := map[string]any{}
	for key, value := range in {
		out[key] = value
	}
	return out
}

func byName(volumes []corev1.Volume) map[string]any {
	out := map[string]any{}
	for _, volume := range volumes {
		out[volume.Name] = tree(&volume)
	}
	return out
}

func mountsByPath(mounts []corev1.VolumeMount) map[string]any {
	out := map[string]any{}
	for _, mount := range mounts {
		out[mount.MountPath] = tree(&mount)
	}
	return out
}

func portsByNumber(ports []corev1.ContainerPort) map[string]any {
	out := map[string]any{}
	for _, port := range ports {
		out[fmt.Sprintf("%d/%s", port.ContainerPort, port.Protocol)] = tree(&port)
	}
	return out
}

func union[V any](a, b map[string]V) []string {
	keys := maps.Clone(a)
	if keys == nil {
		keys = map[string]V{}
	}
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}
