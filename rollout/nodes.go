package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// NodeChanged tells whether a node may keep or take other pods than before.
func NodeChanged(before, after corev1.Node) bool {
	return before.Spec.Unschedulable != after.Spec.Unschedulable || !maps.Equal(before.Labels, after.Labels) ||
		!slices.EqualFunc(before.Spec.Taints, after.Spec.Taints, func(a, b corev1.Taint) bool { return a.MatchTaint(&b) && a.Value == b.Value })
}

// Leaving tells whether any pod is on a node that is about to go.
func (s State) Leaving() bool {
	return slices.ContainsFunc(s.Pods, func(pod Pod) bool { return s.leaving(pod) != "" })
}

// leaving says why a pod's node is about to go, empty when it stays. A node that is not known stays.
func (s State) leaving(pod Pod) string {
	node, known := s.Nodes[pod.Spec.NodeName]
	if !known {
		return ""
	}
	return s.unwilling(node, pod)
}

// unwilling says why a node does not keep a pod that runs on it.
func (s State) unwilling(node corev1.Node, pod Pod) string {
	if node.Labels["master"] == "true" { // Zalando's operator leaves such nodes alone
		return ""
	}
	if node.Spec.Unschedulable {
		return fmt.Sprintf("node %s is cordoned", node.Name)
	}
	for _, key := range slices.Sorted(maps.Keys(s.ReadinessLabels)) {
		if node.Labels[key] != s.ReadinessLabels[key] {
			return fmt.Sprintf("node %s has lost the label %s=%s", node.Name, key, s.ReadinessLabels[key])
		}
	}
	for _, taint := range node.Spec.Taints {
		if !passing(taint) && repels(taint) && !tolerated(pod, taint) {
			return fmt.Sprintf("node %s has the taint %s:%s", node.Name, taint.Key, taint.Effect)
		}
	}
	return ""
}

// passing taints are those that Kubernetes sets and removes by itself as the state of a node changes.
// When a node fails it is Patroni that fails over, and a short trouble is no reason to move.
// https://kubernetes.io/docs/reference/labels-annotations-taints/
func passing(taint corev1.Taint) bool {
	return strings.HasPrefix(taint.Key, "node.kubernetes.io/") || strings.HasPrefix(taint.Key, "node.cloudprovider.kubernetes.io/")
}

func repels(taint corev1.Taint) bool { return taint.Effect != corev1.TaintEffectPreferNoSchedule }

func tolerated(pod Pod, taint corev1.Taint) bool {
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
		return t.ToleratesTaint(klog.Logger{}, &taint, false)
	})
}

// takes tells whether the scheduler may put a pod on a node.
func takes(node corev1.Node, pod Pod) bool {
	if node.Spec.Unschedulable && !tolerated(pod, corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}) {
		return false
	}
	for _, taint := range node.Spec.Taints {
		if repels(taint) && !tolerated(pod, taint) {
			return false
		}
	}
	matches, err := nodeaffinity.GetRequiredNodeAffinity(&pod.Pod).Match(&node)
	return matches && err == nil
}

// stranded says why a pod on a node that goes would not come up elsewhere, empty when it would, or when
// its node stays. Deleting it would take a member down for nothing.
func (s State) stranded(pod Pod) string {
	if why := s.leaving(pod); why != "" && takes(s.Nodes[pod.Spec.NodeName], s.successor()) {
		return fmt.Sprintf("%s, but pod %s would come back to it", why, pod.Name)
	}
	return s.homeless(pod)
}

// homeless says why a pod on a node that goes would not come up at all.
func (s State) homeless(pod Pod) string {
	why, next := s.leaving(pod), s.successor()
	if why == "" {
		return ""
	}
	for _, node := range s.Nodes {
		if takes(node, next) && (node.Name == pod.Spec.NodeName || s.unwilling(node, next) == "") {
			return ""
		}
	}
	return fmt.Sprintf("%s, and no other node takes pod %s", why, pod.Name)
}

// successor is what the StatefulSet makes of a pod that is deleted, as far as it matters to nodes.
func (s State) successor() Pod { return Pod{Pod: corev1.Pod{Spec: s.Template.Spec}} }

// move gets the leadership off a node that goes. It needs one healthy member on a node that stays,
// whatever is the matter with the others: what the node takes with it would be worse. A member that
// could take over, but sits on such a node itself, is moved first.
func (p *planner) move() (Step, bool) {
	primary, found := p.primary()
	why := p.leaving(primary)
	if !found || why == "" {
		return Step{}, false
	}
	step := Step{Kind: Wait, Pod: primary.Name, UID: primary.UID, Reason: why}
	switch {
	case p.Patroni.Paused:
		step.Waiting = waitsForResume
		return step, true
	case !p.ClosedUntil.IsZero():
		step.Waiting, step.Until = p.forWindow(), p.ClosedUntil
		return step, true
	}
	if p.Replicas == 1 {
		if step.Waiting = p.stranded(primary); step.Waiting == "" {
			step.Kind = Recreate
		}
		return p.limited(step), true
	}
	candidate, waiting := p.candidateAmong(primary, func(pod Pod) string { return firstOf(p.down(pod), p.leaving(pod)) })
	if candidate != "" {
		step.Kind, step.Candidate = Switchover, candidate
		return step, true
	}
	if replica, ok := p.movableReplica(primary); ok {
		step.Kind, step.Pod, step.UID = Recreate, replica.Name, replica.UID
		step.Reason = fmt.Sprintf("%s; it has to take over from %s, of which %s", p.leaving(replica), primary.Name, why)
		return step, true
	}
	step.Waiting = waiting
	return p.limited(step), true
}

// limited gives a move its time.
func (p *planner) limited(step Step) Step {
	if step.Kind == Wait {
		step.Stuck = p.over(p.Since, p.Limits.Move)
	}
	return step
}

// movableReplica is one that could lead if it were on another node. It goes only while all others are there.
func (p *planner) movableReplica(primary Pod) (Pod, bool) {
	leader, _ := p.leader()
	var candidates []Pod
	for _, pod := range p.pods() {
		if pod.Name != primary.Name && p.staysInScale(pod) && p.leaving(pod) != "" && p.stranded(pod) == "" &&
			p.down(pod) == "" && p.unfit(pod, leader) == "" {
			candidates = append(candidates, pod)
		}
	}
	if len(candidates) == 0 {
		return Pod{}, false
	}
	best := slices.MinFunc(candidates, p.byFitness)
	return best, len(p.pods()) == p.Replicas && p.othersDown(best) == ""
}

// staysInScale tells whether a pod remains when the StatefulSet is scaled in.
func (p *planner) staysInScale(pod Pod) bool { return p.ScaleIn <= 0 || ordinal(pod.Name) < p.ScaleIn }

// primary is the leader's pod, if it is one of those that stay.
func (p *planner) primary() (Pod, bool) {
	leader, led := p.leader()
	for _, pod := range p.pods() {
		if led && pod.Name == leader.Name {
			return pod, true
		}
	}
	return Pod{}, false
}

func firstOf(reasons ...string) string {
	for _, reason := range reasons {
		if reason != "" {
			return reason
		}
	}
	return ""
}
