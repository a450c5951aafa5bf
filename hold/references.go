package hold

import corev1 "k8s.io/api/core/v1"

// Reference names an object in the cluster's namespace.
type Reference struct{ Kind, Name string }

// References are the objects without which a pod of a template does not start.
func References(t Template) []Reference {
	var template corev1.PodTemplateSpec
	if decode(t, &template) != nil {
		return nil // the API server refuses it anyway
	}
	spec := template.Spec
	refs := []Reference{{"ServiceAccount", spec.ServiceAccountName}}
	add := func(kind, name string) { refs = append(refs, Reference{kind, name}) }
	for _, v := range spec.Volumes {
		switch {
		case v.ConfigMap != nil:
			add("ConfigMap", v.ConfigMap.Name)
		case v.Secret != nil:
			add("Secret", v.Secret.SecretName)
		case v.PersistentVolumeClaim != nil:
			add("PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName)
		case v.Projected != nil:
			for _, source := range v.Projected.Sources {
				if source.ConfigMap != nil {
					add("ConfigMap", source.ConfigMap.Name)
				}
				if source.Secret != nil {
					add("Secret", source.Secret.Name)
				}
			}
		}
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, c := range containers {
			for _, env := range c.Env {
				if env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil {
					add("ConfigMap", env.ValueFrom.ConfigMapKeyRef.Name)
				}
				if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
					add("Secret", env.ValueFrom.SecretKeyRef.Name)
				}
			}
			for _, from := range c.EnvFrom {
				if from.ConfigMapRef != nil {
					add("ConfigMap", from.ConfigMapRef.Name)
				}
				if from.SecretRef != nil {
					add("Secret", from.SecretRef.Name)
				}
			}
		}
	}
	return refs
}
