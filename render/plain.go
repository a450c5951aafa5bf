package render

import "k8s.io/apimachinery/pkg/runtime"

// plain turns a Kubernetes struct into the map that its JSON would decode to,
// with whole numbers as int64.
func plain(object any) map[string]any {
	converted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		panic(err) // Kubernetes types always convert
	}
	return converted
}
