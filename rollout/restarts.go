package rollout

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Restarts says, field by field, why pods would have to be recreated if their template changed from old to
// next; empty when they would not. lazyImages is as in State: a change of images alone waits for the next
// restart.
func Restarts(old, next corev1.PodTemplateSpec, lazyImages bool) []string {
	found := compare(old, next)
	if lazyImages && !slices.ContainsFunc(found, func(d difference) bool { return !d.image }) {
		return nil
	}
	var texts []string
	for _, d := range found {
		texts = append(texts, d.text)
	}
	return texts
}
