package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"postgres-operator/names"
)

// Action is what a pod needs, the mildest first.
type Action string

// The actions.
const (
	// Keep: the pod is up to date.
	Keep Action = "keep"

	// Later: only images differ, and pods get them when they restart anyway.
	Later Action = "later"

	// Patch: only annotations differ.
	Patch Action = "annotate"

	// Restart: Postgres needs a restart in place.
	Restart Action = "restart"

	// Held: Postgres needs a restart in place, which is of no use before the leader has had its own.
	Held Action = "restart after the leader"

	// Tried: Postgres was restarted in place, and Patroni reports that it needs it still.
	Tried Action = "restarted in vain"

	// Replace: the pod has to be recreated.
	Replace Action = "recreate"
)

// Verdict says what one pod needs, and why.
type Verdict struct {
	Pod    string
	Action Action
	Reason string

	annotations map[string]*string
}

// Check looks for one kind of difference; an empty reason means that there is none.
type Check func(State, Pod) (action Action, reason string)

// Checks in the order of priority: the first that finds something decides.
func Checks() []Check {
	return []Check{marked, different, pendingRestart}
}

// Inspect gives the verdict on every pod, by ordinal.
func Inspect(s State) []Verdict {
	var out []Verdict
	for _, pod := range s.pods() {
		out = append(out, s.inspect(pod))
	}
	return out
}

func (s State) inspect(pod Pod) Verdict {
	later := Verdict{Pod: pod.Name, Action: Keep}
	for _, check := range Checks() {
		switch action, reason := check(s, pod); {
		case reason == "":
		case action == Later || action == Held || action == Tried: // something else may still be due
			later.Action, later.Reason = action, reason
		default:
			return Verdict{Pod: pod.Name, Action: action, Reason: reason}
		}
	}
	if annotations := s.annotationsToPatch(pod); len(annotations) > 0 {
		keys := strings.Join(slices.Sorted(maps.Keys(annotations)), ", ")
		return Verdict{Pod: pod.Name, Action: Patch, Reason: "annotations differ: " + keys, annotations: annotations}
	}
	return later
}

// marked pods carry the annotation by which a person or Zalando's operator asks for their recreation.
// Of a mark of our own the template decides: it may have changed back.
func marked(_ State, pod Pod) (Action, string) {
	if pod.Annotations[names.RollingUpdateRequired] == "true" && pod.Annotations[names.RollingUpdateFor] == "" {
		return Replace, "annotation " + names.RollingUpdateRequired + " is true"
	}
	return Keep, ""
}

// different pods were made from another template, and differ in what a running pod is.
func different(s State, pod Pod) (Action, string) {
	revision := pod.Labels[RevisionLabel]
	if revision == s.UpdateRevision {
		return Keep, ""
	}
	var found []difference
	if old, ok := s.Revisions[revision]; ok {
		found = compare(old, s.Template)
	} else {
		found = compare(asTemplate(pod, s.Template), s.Template)
	}
	if len(found) == 0 {
		return Keep, ""
	}
	action := Replace
	if s.LazyImages && !slices.ContainsFunc(found, func(d difference) bool { return !d.image }) {
		action = Later
	}
	return action, describe(found)
}

// describe names the first differences and counts the others.
func describe(found []difference) string {
	const shown = 3
	var texts []string
	for _, d := range found[:min(shown, len(found))] {
		texts = append(texts, d.text)
	}
	if more := len(found) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// annotationsToPatch are those of the template that the pod lacks, and as nil those that its old
// template had and the new one has not. What others put on the pod stays.
func (s State) annotationsToPatch(pod Pod) map[string]*string {
	revision := pod.Labels[RevisionLabel]
	patch := map[string]*string{}
	if action, _ := different(s, pod); action != Replace && pod.Annotations[names.RollingUpdateFor] != "" {
		patch[names.RollingUpdateRequired], patch[names.RollingUpdateFor] = nil, nil
	}
	for key, value := range s.Template.Annotations {
		if pod.Annotations[key] != value && !slices.Contains(s.IgnoredAnnotations, key) {
			patch[key] = &value
		}
	}
	for key := range s.Revisions[revision].Annotations {
		_, wanted := s.Template.Annotations[key]
		if _, there := pod.Annotations[key]; there && !wanted && !slices.Contains(s.IgnoredAnnotations, key) {
			patch[key] = nil
		}
	}
	return patch
}

// asTemplate takes away from a pod what it did not get from its template: what the StatefulSet
// controller, the API server and its admission plugins add to every pod.
func asTemplate(pod Pod, wanted corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	spec := *pod.Spec.DeepCopy()
	spec.NodeName, spec.Hostname, spec.Subdomain = wanted.Spec.NodeName, wanted.Spec.Hostname, wanted.Spec.Subdomain
	spec.Priority, spec.PreemptionPolicy = wanted.Spec.Priority, wanted.Spec.PreemptionPolicy
	if wanted.Spec.EnableServiceLinks == nil {
		spec.EnableServiceLinks = nil
	}
	if len(wanted.Spec.ImagePullSecrets) == 0 { // of the service account
		spec.ImagePullSecrets = nil
	}
	spec.EphemeralContainers = nil
	spec.Tolerations = slices.DeleteFunc(spec.Tolerations, func(t corev1.Toleration) bool {
		return t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable || t.Key == corev1.TaintNodeMemoryPressure
	})
	injected := map[string]bool{}
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool {
		claim := v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == v.Name+"-"+pod.Name
		token := v.Projected != nil && (strings.HasPrefix(v.Name, "kube-api-access-") || v.Name == "aws-iam-token")
		injected[v.Name] = token
		return claim || token
	})
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			containers[i].VolumeMounts = slices.DeleteFunc(containers[i].VolumeMounts,
				func(m corev1.VolumeMount) bool { return injected[m.Name] })
			containers[i].Env = slices.DeleteFunc(containers[i].Env, func(e corev1.EnvVar) bool { return injectedEnv(e.Name, injected) })
		}
	}
	labels := maps.Clone(pod.Labels)
	for key := range labels { // Patroni and the StatefulSet controller write labels of their own
		if _, ok := wanted.Labels[key]; !ok {
			delete(labels, key)
		}
	}
	out := corev1.PodTemplateSpec{Spec: spec}
	out.Labels = labels
	return out
}

// injectedEnv tells whether the EKS pod identity webhook added a variable. It does so together with a
// volume. https://github.com/aws/amazon-eks-pod-identity-webhook
func injectedEnv(name string, volumes map[string]bool) bool {
	switch name {
	case "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_REGION", "AWS_DEFAULT_REGION":
		return volumes["aws-iam-token"]
	}
	return false
}
