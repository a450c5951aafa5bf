package apply

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/schema"
)

// group are fields of one struct of which some exclude others.
//
// Server-side apply removes fields that are ours and leaves all others. That
// is not enough where somebody else has set what must not be there, or where
// the API server has filled in defaults below a field of ours, which stay when
// ours goes: a volume that turns from a Secret into a ConfigMap would keep
// secret.defaultMode and be refused as being both.
//
// Such fields are displaced by a plain update before the object is applied.
type group struct {
	members []string // all fields that depend on each other
	rivals  []string // live ones that must go
}

// groupOf finds the group of a struct; without rivals there is nothing to do.
func groupOf(t schema.Type, want, live map[string]any) group {
	var g group
	switch t.Name() {
	case "io.k8s.api.core.v1.ServiceSpec":
		// No selector is an opinion: the endpoints are written by hand, and with a
		// selector the endpoint controller would overwrite them.
		g.members = []string{"selector"}
		g.rivals = g.members
	case "io.k8s.api.core.v1.Volume":
		for name := range live {
			if name != "name" {
				g.members = append(g.members, name)
			}
		}
		for name := range want {
			if name != "name" {
				g.members = append(g.members, name)
				g.rivals = g.members
			}
		}
	case "io.k8s.api.core.v1.Probe", "io.k8s.api.core.v1.LifecycleHandler":
		g.members = []string{"exec", "grpc", "httpGet", "sleep", "tcpSocket"}
		if slices.ContainsFunc(g.members, func(name string) bool { return want[name] != nil }) {
			g.rivals = g.members
		}
	case "io.k8s.api.apps.v1.DeploymentStrategy", "io.k8s.api.apps.v1.StatefulSetUpdateStrategy",
		"io.k8s.api.apps.v1.DaemonSetUpdateStrategy":
		g.members = []string{"rollingUpdate", "type"}
		if kind := want["type"]; kind != nil && kind != "RollingUpdate" {
			g.rivals = []string{"rollingUpdate"}
		}
	}
	g.rivals = slices.DeleteFunc(slices.Clone(g.rivals), func(name string) bool {
		return want[name] != nil || live[name] == nil
	})
	slices.Sort(g.rivals)
	return g
}

// operation is one step of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// displacement is the patch that puts the desired fields of every group with
// rivals into the place of the live ones, provided that the object is still the
// one that was read.
func displacement(desired, live *unstructured.Unstructured) []operation {
	t, _ := schema.TypeOf(desired.GroupVersionKind())
	patch := displace(nil, "", t, desired.Object, live.Object)
	return append(patch, operation{"replace", "/metadata/resourceVersion", live.GetResourceVersion()})
}

func displace(patch []operation, at string, t schema.Type, want, live any) []operation {
	switch t.Shape(want) {
	case schema.Fields:
		want, live := asMap(want), asMap(live)
		g := groupOf(t, want, live)
		for _, name := range g.rivals {
			patch = append(patch, operation{Op: "remove", Path: at + "/" + pointer(name)})
		}
		for name, v := range want {
			if len(g.rivals) > 0 && slices.Contains(g.members, name) {
				patch = append(patch, operation{"add", at + "/" + pointer(name), v})
				continue
			}
			field, _ := t.Field(name)
			patch = displace(patch, at+"/"+pointer(name), field, v, live[name])
		}
	case schema.KeyedList:
		list, _ := live.([]any)
		for i, v := range want.([]any) {
			if found, index := t.Find(list, asMap(v), i); index >= 0 {
				patch = displace(patch, at+"/"+strconv.Itoa(index), t.Item(), v, found)
			}
		}
	}
	return patch
}

// pointer spells a field name for a JSON pointer (RFC 6901).
func pointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
