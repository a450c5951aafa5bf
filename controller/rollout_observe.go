package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
	"postgres-operator/patroni"
	"postgres-operator/rollout"
)

// observe collects the facts of the decision. Patroni is asked only when pods are there to ask; that
// none answers is a fact, too.
func (p *rolloutPass) observe(ctx context.Context) (rollout.State, error) {
	live := newObject(statefulSetKind)
	err := p.client.Get(ctx, client.ObjectKey{Namespace: p.pg.Namespace, Name: names.StatefulSet(p.pg.Name)}, live)
	if client.IgnoreNotFound(err) != nil {
		return rollout.State{}, fmt.Errorf("read statefulset %s: %w", p.key(), err)
	}
	if err != nil {
		return rollout.State{}, nil // not observed: a recreation is under way
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
		Patroni:            p.askPatroni(ctx),
		LazyImages:         p.config.EnableLazySpiloUpgrade,
		IgnoredAnnotations: p.config.IgnoredAnnotations,
	}
	if p.pooler, err = p.observePooler(ctx); err != nil {
		return rollout.State{}, err
	}
	leader, _ := state.Leader()
	state.Poolers = p.poolerFacts(ctx, leader)
	for _, pod := range p.pods {
		state.Pods = append(state.Pods, rollout.Pod{Pod: pod})
	}
	return state, nil
}

// trusted tells whether a StatefulSet holds what was rendered, and its controller has looked at it.
// What somebody else made of it is put right by the next pass of Cluster; until then no pod follows it.
func (p *rolloutPass) trusted(set appsv1.StatefulSet) bool {
	return set.Generation == p.pg.Status.StatefulSetGeneration &&
		set.Status.ObservedGeneration == set.Generation && set.Status.UpdateRevision != ""
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

// askPatroni asks the members one after the other until one answers.
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
		return patroniFacts(cluster, p.pg.Spec.Patroni.SynchronousMode)
	}
	return rollout.Patroni{}
}

func patroniFacts(cluster patroni.Cluster, synchronous bool) rollout.Patroni {
	facts := rollout.Patroni{Paused: cluster.Paused, Synchronous: synchronous}
	for _, m := range cluster.Members {
		member := rollout.Member{
			Name: m.Name, Role: m.Role, State: m.State, Timeline: m.Timeline, PendingRestart: m.PendingRestart, Lag: -1,
		}
		if m.Lag.Known {
			member.Lag = m.Lag.Bytes
		}
		member.NoFailover, _ = m.Tags["nofailover"].(bool)
		facts.Members = append(facts.Members, member)
	}
	return facts
}
