package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	apiv1 "postgres-operator/api/v1"
)

// Reasons of conditions that are looked at elsewhere.
const (
	reasonUnfinished   = "WaitingForDeletion" // a manifest waits until the cluster that had its name before is gone
	reasonScaledToZero = "ScaledToZero"
)

// report writes what a pass saw into the manifest's status, and an event for what is new.
func (p *clusterPass) report(ctx context.Context, failure error) error {
	members := countMembers(p.observed.pods, p.wantedReplicas(), p.config)
	verdicts := []verdict{p.renderedVerdict(failure), p.appliedVerdict(failure), p.readyVerdict(failure, members)}
	settled := failure == nil && members.complete() && conditionTrue(p.pg, apiv1.ConditionRolledOut) && !changing(p.pg)
	word := p.word(failure, settled)
	poolers := p.observePoolers(ctx)
	verdicts = append(verdicts, p.progressing(settled, failure, members, poolers), p.degraded(verdicts, poolers))
	said := summary{
		word: word, statefulSetGeneration: p.generation,
		rendered: p.pg.Status.Rendered, held: p.pg.Status.Held, observedFleet: p.pg.Status.ObservedFleet,
	}
	if p.applied {
		said.rendered, said.held, said.observedFleet = &p.holding.from, p.heldChange(), p.holding.fleet
	}
	if v := p.heldVerdict(); p.holding.closable {
		p.announceHeld(v)
		verdicts = append(verdicts, v)
	}
	p.announce(word, failure, verdicts)
	return p.status.write(ctx, p.pg, &said, verdicts)
}

func (p *clusterPass) renderedVerdict(failure error) verdict {
	switch {
	case p.rendered && len(p.warnings) > 0:
		return good(apiv1.ConditionRendered, "RenderedWithWarnings", p.warned())
	case p.rendered:
		return good(apiv1.ConditionRendered, "Rendered", "the manifest became objects")
	case isInvalid(failure):
		return bad(apiv1.ConditionRendered, "InvalidManifest", oneLine(failure))
	case errors.Is(failure, errUnfinished):
		return unknown(apiv1.ConditionRendered, reasonUnfinished, oneLine(failure))
	}
	return bad(apiv1.ConditionRendered, "RenderFailed", oneLine(failure))
}

// readyVerdict is about the cluster that runs, whatever is wrong with its manifest by now.
func (p *clusterPass) readyVerdict(failure error, m members) verdict {
	if isInvalid(failure) && p.statefulSet() == nil {
		return bad(apiv1.ConditionReady, "InvalidManifest", "there is no cluster: its manifest was never valid")
	}
	return m.ready()
}

func (p *clusterPass) appliedVerdict(failure error) verdict {
	switch {
	case p.applied:
		return good(apiv1.ConditionApplied, "Applied", "the API server has every object as rendered")
	case !p.rendered:
		return unknown(apiv1.ConditionApplied, "NotRendered", "there is nothing to apply; objects that exist stay as they are")
	}
	return bad(apiv1.ConditionApplied, "ApplyFailed", oneLine(failure))
}

// warned is what of a manifest has no or not the expected effect, sorted.
func (p *clusterPass) warned() string {
	var texts []string
	for _, w := range p.warnings {
		texts = append(texts, w.Message)
	}
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), "; ")
}

// warn writes an event for each warning that the condition did not have before.
func (p *clusterPass) warn() {
	known := ""
	if c := meta.FindStatusCondition(p.pg.Status.Conditions, apiv1.ConditionRendered); c != nil {
		known = c.Message
	}
	for _, w := range p.warnings {
		if !strings.Contains(known, w.Message) {
			p.events.warn(p.pg, w.Reason, w.Message)
		}
	}
}

// degraded sums up what a person has to look at, this pass's verdicts first, then those of the
// other reconcilers.
func (p *clusterPass) degraded(verdicts []verdict, poolers poolerState) verdict {
	var why []string
	for _, v := range verdicts {
		if (v.condition == apiv1.ConditionRendered || v.condition == apiv1.ConditionApplied) && v.status == metav1.ConditionFalse {
			why = append(why, v.condition+": "+v.message)
		}
	}
	if c := meta.FindStatusCondition(p.pg.Status.Conditions, apiv1.ConditionRolesSynced); c != nil && c.Status == metav1.ConditionFalse {
		why = append(why, c.Type+": "+c.Message)
	}
	if c := meta.FindStatusCondition(p.pg.Status.Conditions, apiv1.ConditionRolledOut); c != nil && c.Reason == reasonStuck {
		why = append(why, c.Type+": "+c.Message)
	}
	if c := meta.FindStatusCondition(p.pg.Status.Conditions, apiv1.ConditionConfigured); c != nil && c.Reason == reasonRefused {
		why = append(why, c.Type+": "+c.Message)
	}
	if text, bad := volumesNeedPerson(p.pg); bad {
		why = append(why, text)
	}
	if c := meta.FindStatusCondition(p.pg.Status.Conditions, apiv1.ConditionUpgraded); c != nil && upgradeFailed(*c) {
		why = append(why, c.Type+": "+c.Message)
	}
	if poolers.failing != "" {
		why = append(why, poolers.failing)
	}
	if len(why) == 0 {
		return bad(apiv1.ConditionDegraded, "AsExpected", "nothing needs attention")
	}
	return good(apiv1.ConditionDegraded, "NeedsAttention", strings.Join(why, "; "))
}

func (p *clusterPass) progressing(settled bool, failure error, m members, poolers poolerState) verdict {
	switch {
	case settled && poolers.starting != "":
		return good(apiv1.ConditionProgressing, "PoolerStarting", poolers.starting)
	case settled:
		return bad(apiv1.ConditionProgressing, "AsDesired", "nothing is changing")
	case errors.Is(failure, errUnfinished):
		return good(apiv1.ConditionProgressing, reasonUnfinished, oneLine(failure))
	case failure != nil:
		return bad(apiv1.ConditionProgressing, "Failed", "the last pass failed; it is tried again unless the manifest is invalid")
	case !m.complete():
		return good(apiv1.ConditionProgressing, "MembersStarting", m.ready().message)
	}
	return good(apiv1.ConditionProgressing, "RollingOut", "pods follow their StatefulSet")
}

// word is the one word of the status. Until a cluster ran for the first time it is being created.
func (p *clusterPass) word(failure error, settled bool) string {
	before := p.pg.Status.PostgresClusterStatus
	creating := slices.Contains([]string{apiv1.ClusterStatusUnknown, apiv1.ClusterStatusCreating, apiv1.ClusterStatusCreateFailed}, before) ||
		before == apiv1.ClusterStatusInvalid && p.statefulSet() == nil
	changed := p.pg.Status.ObservedGeneration != 0 && p.pg.Generation != p.pg.Status.ObservedGeneration
	updating := changed || slices.Contains([]string{apiv1.ClusterStatusUpdating, apiv1.ClusterStatusUpdateFailed}, before)
	switch {
	case isInvalid(failure):
		return apiv1.ClusterStatusInvalid
	case errors.Is(failure, errUnfinished):
		return apiv1.ClusterStatusCreating
	case failure != nil && creating:
		return apiv1.ClusterStatusCreateFailed
	case failure != nil && updating:
		return apiv1.ClusterStatusUpdateFailed
	case failure != nil:
		return apiv1.ClusterStatusSyncFailed
	case settled:
		return apiv1.ClusterStatusRunning
	case creating:
		return apiv1.ClusterStatusCreating
	case updating, before != apiv1.ClusterStatusRunning:
		return apiv1.ClusterStatusUpdating
	}
	return before // it runs; what a lost pod means stands in the conditions
}

// announce writes events for what this pass changed; a failure that repeats is not news.
func (p *clusterPass) announce(word string, failure error, verdicts []verdict) {
	before := p.pg.Status.PostgresClusterStatus
	if before == apiv1.ClusterStatusUnknown && failure == nil {
		p.events.note(p.pg, "Create", "cluster creation started")
	}
	if word == apiv1.ClusterStatusRunning && before != word {
		p.events.note(p.pg, "Running", runningNote(p.wantedReplicas()))
	}
	p.warn()
	if failure == nil {
		return
	}
	for _, v := range verdicts {
		if v.condition != apiv1.ConditionRendered && v.condition != apiv1.ConditionApplied || v.status != metav1.ConditionFalse {
			continue
		}
		if c := meta.FindStatusCondition(p.pg.Status.Conditions, v.condition); c == nil || c.Message != shorten(v.message) {
			p.events.warn(p.pg, failureReason(word), v.message)
		}
	}
}

func runningNote(members int) string {
	if members == 0 {
		return "cluster is scaled to zero"
	}
	return "cluster runs with every member"
}

// failureReason is the reason of the event for a failure: what the operator was doing.
func failureReason(word string) string {
	switch word {
	case apiv1.ClusterStatusCreateFailed:
		return "Create"
	case apiv1.ClusterStatusUpdateFailed:
		return "Update"
	case apiv1.ClusterStatusInvalid:
		return "Invalid"
	}
	return "Sync"
}

// wantedReplicas is what was rendered, or what the live StatefulSet has if nothing was.
func (p *clusterPass) wantedReplicas() int {
	for _, o := range p.desired {
		if o.GetKind() == statefulSetKind.Kind {
			return replicasOf(o.Unstructured)
		}
	}
	if live := p.statefulSet(); live != nil {
		return replicasOf(live)
	}
	return int(p.pg.Spec.NumberOfInstances)
}

func replicasOf(o *unstructured.Unstructured) int {
	n, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	return int(n)
}

// podTrouble says what keeps a pod from being ready, as far as Kubernetes tells.
func podTrouble(pod *corev1.Pod, called string) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return fmt.Sprintf("%s is not scheduled: %s", called, condition.Message)
		}
	}
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := status.State.Waiting; w != nil && w.Reason != "PodInitializing" {
			return fmt.Sprintf("container %s of %s waits: %s", status.Name, called, steadyReason(w.Reason))
		}
	}
	return ""
}

// steadyReason gives the two reasons between which the kubelet alternates one name, so that the
// condition does not flap.
func steadyReason(reason string) string {
	if reason == "ErrImagePull" {
		return "ImagePullBackOff"
	}
	return reason
}
