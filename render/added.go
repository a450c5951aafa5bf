package render

import (
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"postgres-operator/names"
)

// Added tells whether an object of a cluster is one that an overlay adds to
// those that the operator makes of a manifest.
func (v View) Added(object Object) bool {
	_, builtIn := (&objectSet{view: v}).rules(object.ID)
	return !builtIn
}

// checkAdded looks at an object that an overlay adds, and gives it what the
// operator needs to find and remove it again: labels and owners.
func (o *objectSet) checkAdded(object Object, at func(path string) []string) error {
	wrong := func(field, cause string) error {
		return &TemplateError{Object: object.ID, Field: field, Cause: cause, Positions: at(field)}
	}
	if namespace := object.GetNamespace(); namespace != o.view.Namespace {
		return wrong("metadata.namespace", fmt.Sprintf("it is %q, and an overlay can add objects only to the namespace of the cluster, %q", namespace, o.view.Namespace))
	}
	if object.GroupVersionKind().Group == names.APIGroup {
		return wrong("kind", fmt.Sprintf("%s is what people write: an overlay cannot add it", object.GetKind()))
	}
	for _, other := range o.objects {
		if other.ID != object.ID && identity(other) == identity(object) {
			return wrong("metadata.name", fmt.Sprintf("object %s is this %s already; to change it write override", other.ID, object.GetKind()))
		}
	}
	o.label(object)
	labels := object.GetLabels()
	for key, value := range o.view.Selector {
		if labels[key] != value && key == o.nameKey() {
			return wrong("metadata.labels."+key, fmt.Sprintf("it has to be %q: %s", value, whyFound))
		}
	}
	if object.GetKind() == "Pod" && selects(o.view.Selector, labels) {
		return wrong("metadata.labels", "a pod with these labels would be taken for a member of the cluster: give it another "+names.ApplicationLabel)
	}
	for _, path := range [][]string{{"spec", "template"}, {"spec", "jobTemplate", "spec", "template"}} {
		template, _, _ := unstructured.NestedMap(object.Object, path...)
		pod := unstructured.Unstructured{Object: template}
		if template != nil && selects(o.view.Selector, pod.GetLabels()) {
			return wrong("spec.template.metadata.labels", "pods with these labels would be taken for members of the cluster: leave one of them out")
		}
	}
	return nil
}

// nameKey is the label that holds the name of a cluster.
func (o *objectSet) nameKey() string {
	for key := range o.view.Selector {
		if o.view.Selector[key] == o.view.Name {
			return key
		}
	}
	return ""
}

// label adds the labels of the cluster and the owners of its objects, where
// an object has none of its own.
func (o *objectSet) label(object Object) {
	labels := maps.Clone(o.view.Labels)
	maps.Copy(labels, object.GetLabels())
	object.SetLabels(labels)
	if len(o.view.OwnerReferences) > 0 && len(object.GetOwnerReferences()) == 0 {
		owners := make([]any, 0, len(o.view.OwnerReferences))
		for i := range o.view.OwnerReferences {
			owner, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&o.view.OwnerReferences[i])
			if err != nil {
				panic(err) // a flat struct of strings
			}
			owners = append(owners, owner)
		}
		object.Object["metadata"].(map[string]any)["ownerReferences"] = owners
	}
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}
