package render

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// plain turns a Kubernetes struct into the map that its JSON would decode to,
// with whole numbers as int64.
func plain(object any) map[string]any {
	converted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		panic(err) // Kubernetes types always convert
	}
	return converted
}

// containerMap is a container with its resources in canonical form.
func containerMap(container corev1.Container, resources *ResourcesView) map[string]any {
	container.Resources = corev1.ResourceRequirements{}
	converted := plain(&container)
	delete(converted, "resources")
	if resources != nil {
		converted["resources"] = plain(resources)
	}
	return converted
}
