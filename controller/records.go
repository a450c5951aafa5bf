package controller

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"postgres-operator/names"
	"postgres-operator/patroni"
	"postgres-operator/rollout"
)

// records are what Patroni keeps in Kubernetes about a cluster. They tell nearly what its REST API does,
// from wherever the API server can be reached, and from saved objects. The lag of replicas is not in
// them: one that streams is taken to be close behind.
// https://patroni.readthedocs.io/en/latest/kubernetes.html
type records struct {
	configuration map[string]any // shared by all members; nil if there is none
	primary       string         // name of the pod
	synchronous   bool
}

// Annotations that Patroni writes.
const (
	recordOfConfiguration = "config" // on the Endpoints or ConfigMap that ends in -config
	recordOfMember        = "status" // on pods
)

func recordsOf(p *clusterPass) records {
	r := records{synchronous: p.pg.Spec.Patroni.SynchronousMode}
	for _, o := range p.observed.objects {
		kind := o.GetKind()
		if (kind != endpointsKind.Kind && kind != configMapKind.Kind) || o.GetName() != names.PatroniConfigService(p.pg.Name) {
			continue
		}
		var configuration map[string]any
		if json.Unmarshal([]byte(o.GetAnnotations()[recordOfConfiguration]), &configuration) == nil {
			r.configuration = configuration
		}
	}
	if primary := primaryOf(p.observed.pods, p.config); primary != nil {
		r.primary = primary.Name
	}
	return r
}

// patroni is what the records say of pods.
func (r records) patroni(pods []corev1.Pod) rollout.Patroni {
	facts := rollout.Patroni{Synchronous: r.synchronous}
	facts.Paused, _ = r.configuration["pause"].(bool)
	for _, pod := range pods {
		if pod.Annotations[recordOfMember] == "" && !podReady(&pod) {
			continue // it has not joined
		}
		facts.Members = append(facts.Members, r.member(pod))
	}
	return facts
}

func (r records) member(pod corev1.Pod) rollout.Member {
	var status patroni.Status
	member := rollout.Member{Name: pod.Name, Role: "replica", State: "streaming"}
	if text := pod.Annotations[recordOfMember]; text != "" && json.Unmarshal([]byte(text), &status) == nil {
		member.State, member.Timeline, member.PendingRestart = status.State, status.Timeline, status.PendingRestart
		if status.State == "running" && status.ReplicationState != "" {
			member.State = status.ReplicationState
		}
		member.NoFailover, _ = status.Tags["nofailover"].(bool)
		member.NoSync, _ = status.Tags["nosync"].(bool)
		for name, change := range status.PendingReason {
			if member.PendingReason == nil {
				member.PendingReason = map[string]rollout.ParameterChange{}
			}
			member.PendingReason[name] = rollout.ParameterChange{Old: fmt.Sprint(change.Old), New: fmt.Sprint(change.New)}
		}
	}
	if pod.Name == r.primary {
		member.Role = "leader"
	}
	return member
}
