package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/patroni"
	"postgres-operator/render"
	"postgres-operator/rollout"
	"postgres-operator/window"
)

// observe collects the facts of the decision.
func (p *rolloutPass) observe(ctx context.Context) (rollout.State, error) {
	state, err := p.observeObjects(ctx)
	if err == nil {
		p.observeMembers(ctx, &state)
	}
	return state, err
}

// observeMembers adds what Patroni knows, and what poolers need to know of it.
func (p *rolloutPass) observeMembers(ctx context.Context, state *rollout.State) {
	if p.recorded == nil {
		p.member, p.dynamic = p.readConfiguration(ctx, p.readyMembers())
	}
	state.Patroni = p.askPatroni(ctx)
	leader, _ := state.Leader()
	state.Switching = p.switching(leader)
	state.Poolers = p.poolerFacts(ctx, leader)
}

// observeObjects collects what Kubernetes knows.
func (p *rolloutPass) observeObjects(ctx context.Context) (rollout.State, error) {
	live := newObject(statefulSetKind)
	err := p.client.Get(ctx, client.ObjectKey{Namespace: p.pg.Namespace, Name: names.StatefulSet(p.pg.Name)}, live)
	if client.IgnoreNotFound(err) != nil {
		return rollout.State{}, fmt.Errorf("read statefulset %s: %w", p.key(), err)
	}
	if err != nil {
		return rollout.State{Now: p.now()}, nil // not observed: a recreation is under way
	}
	var set appsv1.StatefulSet
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &set); err != nil {
		return rollout.State{}, fmt.Errorf("decode statefulset %s: %w", p.key(), err)
	}
	if p.pods, err = observePods(ctx, p.client, p.config, p.key()); err != nil {
		return rollout.State{}, err
	}
	revisions, err := p.revisions(ctx, set)
	if err != nil {
		return rollout.State{}, err
	}
	scaleIn, _ := strconv.Atoi(set.Annotations[names.ScaleIn]) // absent or changed by hand: no scaling in
	state := rollout.State{
		ScaleIn:            scaleIn,
		Observed:           p.trusted(set),
		Replicas:           int(*set.Spec.Replicas),
		UpdateRevision:     set.Status.UpdateRevision,
		Template:           set.Spec.Template,
		Revisions:          revisions,
		Container:          names.PostgresContainer,
		LazyImages:         p.config.EnableLazySpiloUpgrade,
		IgnoredAnnotations: p.config.IgnoredAnnotations,
		ReadinessLabels:    p.config.NodeReadinessLabel,
		ClosedUntil:        closedUntil(p.config, p.pg, p.now()),
		Now:                p.now(),
		Since:              unfinishedSince(p.pg),
		Limits: rollout.Limits{
			Object: p.config.ResourceCheckTimeout, Deletion: p.config.PodDeletionWaitTimeout, Member: p.config.PodLabelWaitTimeout,
			Move: p.config.MasterPodMoveTimeout, Retry: p.config.RepairPeriod,
		},
	}
	if p.pooler, err = p.observePooler(ctx); err != nil {
		return rollout.State{}, err
	}
	for _, pod := range p.pods {
		state.Pods = append(state.Pods, rollout.Pod{Pod: pod})
	}
	if state.Nodes, err = p.nodes.of(ctx, p.pods); err != nil {
		return rollout.State{}, err
	}
	if state.Leaving() {
		if state.Nodes, err = p.nodes.all(ctx); err != nil {
			return rollout.State{}, err
		}
	}
	return state, nil
}

// closedUntil is the start of the next maintenance window of a manifest, or of the configuration where
// the manifest names none; zero while there is nothing to wait for.
func closedUntil(c config.Config, pg *apiv1.Postgresql, now time.Time) time.Time {
	windows := render.MaintenanceWindows(pg, &c)
	if window.Open(windows, now) {
		return time.Time{}
	}
	return window.Next(windows, now)
}

// unfinishedSince is when the pods of a cluster ceased to be as they should, as its condition tells;
// zero if they are.
func unfinishedSince(pg *apiv1.Postgresql) time.Time {
	c := meta.FindStatusCondition(pg.Status.Conditions, apiv1.ConditionRolledOut)
	if c == nil || c.Status != metav1.ConditionFalse {
		return time.Time{}
	}
	return c.LastTransitionTime.Time
}

// trusted tells whether a StatefulSet holds what was rendered, and its controller has looked at it.
// What somebody else made of it is put right by the next pass of Cluster; until then no pod follows it.
func (p *rolloutPass) trusted(set appsv1.StatefulSet) bool {
	return conditionTrue(p.pg, apiv1.ConditionApplied) && set.Generation == p.pg.Status.StatefulSetGeneration &&
		set.Status.ObservedGeneration == set.Generation && set.Status.UpdateRevision != ""
}

// rolledOut is the generation of the StatefulSet that all pods ran when they were last seen complete.
type rolledOut struct{ generation int64 }

func (r rolledOut) differs(pg *apiv1.Postgresql) bool {
	return r.generation != pg.Status.RolledOutGeneration
}

func (r rolledOut) fields(*apiv1.Postgresql) map[string]any {
	return map[string]any{"rolledOutGeneration": r.generation}
}

// rolledOut is told apart from the condition, which does not wait for the pod that was recreated last: Cluster
// may not have looked at it yet, and take the former one for ready.
func (p *rolloutPass) rolledOut(s rollout.State, v verdict) rolledOut {
	if v.status == metav1.ConditionTrue && countMembers(p.pods, s.Replicas, p.config).complete() {
		return rolledOut{p.pg.Status.StatefulSetGeneration}
	}
	return rolledOut{p.pg.Status.RolledOutGeneration}
}

// revisions are the templates that the StatefulSet had, by the name that pods carry as label.
func (p *rolloutPass) revisions(ctx context.Context, set appsv1.StatefulSet) (map[string]corev1.PodTemplateSpec, error) {
	var list appsv1.ControllerRevisionList
	err := p.client.List(ctx, &list, client.InNamespace(set.Namespace), client.MatchingLabels{p.config.ClusterNameLabel: p.pg.Name})
	if err != nil {
		return nil, fmt.Errorf("list revisions of statefulset %s: %w", p.key(), err)
	}
	templates := map[string]corev1.PodTemplateSpec{}
	for _, revision := range list.Items {
		var data struct {
			Spec struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if !strings.HasPrefix(revision.Name, set.Name+"-") || json.Unmarshal(revision.Data.Raw, &data) != nil {
			continue // of another set with the same label, or of a shape we do not know: the pod itself is compared
		}
		templates[revision.Name] = data.Spec.Template
	}
	return templates, nil
}

// askPatroni asks the members one after the other until one answers; that none does is a fact, too.
func (p *rolloutPass) askPatroni(ctx context.Context) rollout.Patroni {
	if p.recorded != nil {
		return p.recorded(p.pods)
	}
	for _, pod := range p.pods {
		if pod.Status.PodIP == "" || pod.DeletionTimestamp != nil {
			continue
		}
		c, err := p.patroni(pod.Name)
		if err != nil {
			continue
		}
		cluster, err := c.Cluster(ctx)
		if err != nil {
			p.log.V(1).Info("patroni does not answer", "pod", pod.Name, "error", err.Error())
			continue
		}
		facts := patroniFacts(cluster, p.dynamic)
		if p.dynamic == nil {
			facts.Synchronous = p.pg.Spec.Patroni.SynchronousMode
		}
		return facts
	}
	return rollout.Patroni{}
}

// patroniFacts are what counts of Patroni's answers: its view of the members, and its dynamic configuration.
func patroniFacts(cluster patroni.Cluster, dynamic map[string]any) rollout.Patroni {
	facts := rollout.Patroni{Paused: cluster.Paused, Loop: loopWait(dynamic)}
	switch fmt.Sprint(dynamic["synchronous_mode"]) {
	case "true", "on", "quorum":
		facts.Synchronous = true
	}
	if lag, err := strconv.ParseFloat(fmt.Sprint(dynamic["maximum_lag_on_failover"]), 64); err == nil {
		facts.MaximumLag = int64(lag)
	}
	for _, m := range cluster.Members {
		member := rollout.Member{
			Name: m.Name, Role: m.Role, State: m.State, Timeline: m.Timeline, Lag: -1,
			PendingRestart: m.PendingRestart, PendingReason: map[string]rollout.ParameterChange{},
		}
		for name, change := range m.PendingReason {
			member.PendingReason[name] = rollout.ParameterChange{Old: fmt.Sprint(change.Old), New: fmt.Sprint(change.New)}
		}
		if m.Lag.Known {
			member.Lag = m.Lag.Bytes
		}
		member.NoFailover, _ = m.Tags["nofailover"].(bool)
		member.NoSync, _ = m.Tags["nosync"].(bool)
		facts.Members = append(facts.Members, member)
	}
	return facts
}
