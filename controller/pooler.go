package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/apply"
	"postgres-operator/names"
)

// Ids of Secrets that go with the poolers, other than those of roles, which stay. The first is that
// of a user list as it is rendered, the second stands for the credential of the poolers' role.
const (
	poolerSecretID     = "pooler/%s/secret"
	poolerCredentialID = "pooler/credential"
)

func poolerRoles() []string { return []string{names.RoleMaster, names.RoleReplica} }

// poolerOfSecret is the role whose pooler has this Secret for its user list; empty for any other Secret.
func poolerOfSecret(secret, cluster string) string {
	for _, role := range poolerRoles() {
		if secret == names.PoolerSecret(names.Pooler(cluster, role)) {
			return role
		}
	}
	return ""
}

// previous names what earlier passes applied. Live objects do not say what they are for; where a policy
// depends on it, their names do.
func (p *clusterPass) previous() []apply.Ref {
	refs := apply.Managed(p.observed.objects, names.ManagerCluster)
	primary, replica := p.pg.Spec.Poolers()
	credential := names.Secret(string(p.config.SecretNameTemplate), p.config.ConnectionPoolerUser, p.pg.Name)
	for i := range refs {
		if slices.ContainsFunc(p.observed.objects, func(o *unstructured.Unstructured) bool { return isAdded(o) && apply.RefOf("", o) == refs[i] }) {
			refs[i].ID = addedID
			continue
		}
		if refs[i].Kind != secretKind.Kind {
			continue
		}
		if role := poolerOfSecret(refs[i].Name, p.pg.Name); role != "" {
			refs[i].ID = fmt.Sprintf(poolerSecretID, role)
		} else if refs[i].Name == credential && !primary && !replica {
			refs[i].ID = poolerCredentialID
		}
	}
	return refs
}

// userLists tells by role which user list the first pods of a pooler have read.
func (p *clusterPass) userLists() map[string]string {
	lists := map[string]string{}
	for _, o := range p.observed.objects {
		for _, role := range poolerRoles() {
			if o.GetKind() == deploymentKind.Kind && o.GetName() == names.Pooler(p.pg.Name, role) {
				lists[role] = o.GetAnnotations()[names.UserListDigest]
			}
		}
	}
	return lists
}

// restartPoolers deletes the pods of poolers that somebody has marked for it: their Deployment makes
// new ones at once, and no other pod waits for them.
func (p *clusterPass) restartPoolers(ctx context.Context) error {
	pods, err := p.poolerPods(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for i := range pods {
		pod := &pods[i]
		if pod.DeletionTimestamp != nil || pod.Annotations[names.RollingUpdateRequired] != "true" {
			continue
		}
		err := p.client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("delete pod %s/%s: %w", pod.Namespace, pod.Name, err))
			continue
		}
		p.log.Info("pooler pod deleted, as its annotation asks", "pod", pod.Name)
	}
	return errors.Join(errs...)
}

// poolerPods lists from the cache the pods of a cluster's poolers.
func (p *clusterPass) poolerPods(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := p.client.List(ctx, &pods, client.InNamespace(p.pg.Namespace),
		client.MatchingLabels{p.config.ClusterNameLabel: p.pg.Name}, client.HasLabels{names.PoolerLabel})
	if err != nil {
		return nil, fmt.Errorf("list pooler pods of cluster %s: %w", p.key(), err)
	}
	return pods.Items, nil
}

// poolerState is how a cluster's poolers are, in words; empty where all is well.
type poolerState struct {
	starting string // not all pods are there yet
	failing  string // and Kubernetes has given up waiting, or there were pods, and now is none
}

func (p *clusterPass) observePoolers(ctx context.Context) poolerState {
	var state poolerState
	for _, d := range p.poolerDeployments() {
		if deploymentComplete(d) {
			continue
		}
		text := describePooler(d)
		if why := p.poolerTrouble(ctx, d.Name); why != "" {
			text += "; " + why
		}
		state.starting = joined(state.starting, text)
		if deploymentFails(d) {
			state.failing = joined(state.failing, text)
		}
	}
	return state
}

func describePooler(d appsv1.Deployment) string {
	current := min(d.Status.UpdatedReplicas, d.Status.AvailableReplicas)
	if d.Status.ObservedGeneration < d.Generation {
		current = 0
	}
	text := fmt.Sprintf("connection pooler %s has %d of %d pods up to date and available", d.Name, current, replicasWanted(d))
	if old := d.Status.Replicas - d.Status.UpdatedReplicas; old > 0 {
		text += fmt.Sprintf(", and %d of an older template", old)
	}
	return text
}

func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "; ")
}

func (p *clusterPass) poolerDeployments() []appsv1.Deployment {
	var found []appsv1.Deployment
	for _, o := range p.observed.objects {
		if o.GetKind() != deploymentKind.Kind || o.GetLabels()[names.PoolerLabel] == "" || o.GetDeletionTimestamp() != nil {
			continue
		}
		var d appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err == nil {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b appsv1.Deployment) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// poolerTrouble says what keeps the first pod of a pooler that is not ready from being so. Such pods
// have random names, which do not belong into a condition.
func (p *clusterPass) poolerTrouble(ctx context.Context, pooler string) string {
	pods, err := p.poolerPods(ctx)
	if err != nil {
		return ""
	}
	var all []string
	for i := range pods {
		if pods[i].Labels[names.PoolerLabel] == pooler && pods[i].DeletionTimestamp == nil && !podReady(&pods[i]) {
			all = append(all, podTrouble(&pods[i], "a pod"))
		}
	}
	slices.Sort(all)
	return joined(all[:min(len(all), 1)]...)
}

func replicasWanted(d appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// deploymentComplete tells whether every pod is there, available, and of the present template.
func deploymentComplete(d appsv1.Deployment) bool {
	wanted, s := replicasWanted(d), d.Status
	return s.ObservedGeneration >= d.Generation && s.Replicas == wanted && s.UpdatedReplicas == wanted && s.AvailableReplicas == wanted
}

// deploymentFails tells a Deployment that a person has to look at from one that takes its time.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
func deploymentFails(d appsv1.Deployment) bool {
	for _, c := range d.Status.Conditions {
		if c.Type != appsv1.DeploymentProgressing {
			continue
		}
		return c.Status == corev1.ConditionFalse ||
			c.Reason == "NewReplicaSetAvailable" && d.Status.AvailableReplicas == 0 && d.Status.ObservedGeneration >= d.Generation
	}
	return false
}
