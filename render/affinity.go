package render

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// affinity says which nodes the members may run on, and keeps them apart.
func (p *policy) affinity() *corev1.Affinity {
	affinity := corev1.Affinity{
		NodeAffinity:    p.nodeAffinity(p.spec.NodeAffinity),
		PodAntiAffinity: p.antiAffinity(p.scheme.Object(p.owner)),
	}
	if affinity.NodeAffinity == nil && affinity.PodAntiAffinity == nil {
		return nil
	}
	return &affinity
}

// nodeAffinity joins the affinity of the manifest with the labels that a node
// has to have to be ready for databases.
func (p *policy) nodeAffinity(given *corev1.NodeAffinity) *corev1.NodeAffinity {
	ready := p.readyNodes()
	if ready == nil {
		return given
	}
	joined := &corev1.NodeAffinity{}
	if given != nil {
		joined = given.DeepCopy()
	}
	required := joined.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil || len(required.NodeSelectorTerms) == 0 {
		joined.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: ready}},
		}
		return joined
	}
	switch p.config.NodeReadinessLabelMerge {
	case "OR":
		required.NodeSelectorTerms = append(required.NodeSelectorTerms, corev1.NodeSelectorTerm{MatchExpressions: ready})
	case "AND":
		for i := range required.NodeSelectorTerms {
			term := &required.NodeSelectorTerms[i]
			term.MatchExpressions = append(term.MatchExpressions, ready...)
		}
	}
	return joined
}

// readyNodes has one expression for every configured label of ready nodes.
func (p *policy) readyNodes() []corev1.NodeSelectorRequirement {
	var expressions []corev1.NodeSelectorRequirement
	labels := p.config.NodeReadinessLabel
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		expressions = append(expressions, corev1.NodeSelectorRequirement{
			Key:      key,
			Operator: corev1.NodeSelectorOpIn,
			Values:   []string{labels[key]},
		})
	}
	return expressions
}

// antiAffinity keeps pods with the same labels off one another's nodes.
func (p *policy) antiAffinity(labels map[string]string) *corev1.PodAntiAffinity {
	if !p.config.EnablePodAntiAffinity {
		return nil
	}
	term := corev1.PodAffinityTerm{
		LabelSelector: &metav1.LabelSelector{MatchLabels: labels},
		TopologyKey:   p.config.PodAntiAffinityTopologyKey,
	}
	if p.config.PodAntiAffinityPreferredDuringScheduling {
		return &corev1.PodAntiAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: term}},
		}
	}
	return &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}
}

// tolerations are those of the manifest, else the configured one.
func (p *policy) tolerations() []corev1.Toleration {
	if len(p.spec.Tolerations) > 0 {
		return p.spec.Tolerations
	}
	t := p.config.PodToleration
	toleration := corev1.Toleration{
		Key:      t["key"],
		Operator: corev1.TolerationOperator(t["operator"]),
		Value:    t["value"],
		Effect:   corev1.TaintEffect(t["effect"]),
	}
	if toleration == (corev1.Toleration{}) {
		return nil
	}
	return []corev1.Toleration{toleration}
}
