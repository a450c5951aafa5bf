package overlay

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// How a ConfigMap says that it is an overlay, and which clusters it is for.
const (
	// Label on a ConfigMap in the operator's namespace makes it an overlay,
	// whatever its value.
	Label = "acid.zalan.do/overlay"
	// NamespacesAnnotation lists namespaces, or patterns such as team-*,
	// separated by commas.
	NamespacesAnnotation = "acid.zalan.do/overlay-namespaces"
	// SelectorAnnotation selects clusters by the labels of their manifests.
	SelectorAnnotation = "acid.zalan.do/overlay-selector"
)

// FromConfigMaps makes an overlay of each ConfigMap, in the order of their names.
func FromConfigMaps(maps []corev1.ConfigMap) (Set, error) {
	maps = slices.Clone(maps)
	slices.SortFunc(maps, func(a, b corev1.ConfigMap) int { return strings.Compare(a.Name, b.Name) })
	var set Set
	for i := range maps {
		o, err := fromConfigMap(&maps[i])
		if err != nil {
			return nil, err
		}
		set = append(set, o)
	}
	return set, nil
}

func fromConfigMap(m *corev1.ConfigMap) (Overlay, error) {
	files := map[string][]byte{}
	for name, text := range m.Data {
		files[name] = []byte(text)
	}
	for name, content := range m.BinaryData {
		files[name] = content
	}
	o, err := New(m.Name, fmt.Sprintf("ConfigMap %s/%s", m.Namespace, m.Name), files)
	if err != nil {
		return Overlay{}, err
	}
	namespaces, selector := m.Annotations[NamespacesAnnotation], m.Annotations[SelectorAnnotation]
	if namespaces == "" && selector == "" {
		return o, nil
	}
	if o.Scope, err = NewScope(namespaces, selector); err != nil {
		return Overlay{}, &Error{Overlay: o.Name, Cause: "annotation of the scope: " + err.Error()}
	}
	return o, nil
}
