package render

import (
	"maps"

	"postgres-operator/names"
)

// serviceAccount decides about the account of the pods: the configured
// definition under the configured name. It is shared by all clusters of a
// namespace, so nothing of a single cluster may reach it.
func (p *policy) serviceAccount() AccountView {
	extra, labels, annotations := definition(p.config.PodServiceAccountDefinition)
	if role := p.config.IRSARoleARN; role != "" {
		annotations = overlaid(annotations, map[string]string{names.RoleARN: role})
	}
	return AccountView{
		Name:        p.config.PodServiceAccountName,
		Labels:      labels,
		Annotations: annotations,
		Extra:       extra,
	}
}

// roleBinding decides what that account may do: by default what the
// ClusterRole of the same name allows, in the namespace of the cluster only.
func (p *policy) roleBinding() RoleBindingView {
	account := p.config.PodServiceAccountName
	given := p.config.PodServiceAccountRoleBindingDefinition
	extra, labels, annotations := definition(given)
	binding := RoleBindingView{
		Name:        account,
		Labels:      labels,
		Annotations: annotations,
		RoleRef:     map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": account},
		Subjects:    []map[string]any{{"kind": "ServiceAccount", "name": account, "namespace": p.manifest.Namespace}},
	}
	if name := metadataText(given, "name"); name != "" {
		binding.Name = name
	}
	if ref, ok := extra["roleRef"].(map[string]any); ok {
		binding.RoleRef = ref
	}
	if list, ok := extra["subjects"].([]any); ok {
		binding.Subjects = subjects(list, p.manifest.Namespace)
	}
	return binding
}

// subjects puts accounts without a namespace into that of the cluster.
func subjects(list []any, namespace string) []map[string]any {
	var completed []map[string]any
	for _, entry := range list {
		subject, ok := entry.(map[string]any)
		if !ok {
			continue
		}
		subject = maps.Clone(subject)
		if _, given := subject["namespace"]; !given && subject["kind"] == "ServiceAccount" {
			subject["namespace"] = namespace
		}
		completed = append(completed, subject)
	}
	return completed
}

// definition takes a configured object apart. Its name and namespace are not
// its own to choose; type and status are not part of what is rendered.
func definition(object map[string]any) (extra map[string]any, labels, annotations map[string]string) {
	extra = maps.Clone(object)
	for _, key := range []string{"apiVersion", "kind", "metadata", "status"} {
		delete(extra, key)
	}
	return extra, metadataMap(object, "labels"), metadataMap(object, "annotations")
}

func metadataMap(object map[string]any, key string) map[string]string {
	metadata, _ := object["metadata"].(map[string]any)
	given, _ := metadata[key].(map[string]any)
	var texts map[string]string
	for key, value := range given {
		if text, ok := value.(string); ok {
			texts = overlaid(texts, map[string]string{key: text})
		}
	}
	return texts
}

func metadataText(object map[string]any, key string) string {
	metadata, _ := object["metadata"].(map[string]any)
	text, _ := metadata[key].(string)
	return text
}
