package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/config"
	"postgres-operator/names"
)

// teardown deletes what belongs to a cluster whose manifest is gone or going, as far as the
// configuration allows. It is level-based: each call looks at what is left and does the next thing.
//
//  1. what makes pods or works with them: StatefulSet, poolers, backup job, event streams
//  2. once the pods are gone: everything else. Patroni's own objects only now, because a member
//     that is still alive writes them again; left over, their `initialize` key would make the next
//     cluster of this name wait for a leader for ever.
//  3. last the primary's Service: until it is gone, the clean-up is known to be unfinished.
type teardown struct {
	client client.Client
	config config.Config
	key    types.NamespacedName
}

// left is what a cluster still has.
type left struct {
	objects []*unstructured.Unstructured
	pods    []corev1.Pod
	streams bool // event streams are installed, and those of the cluster among the objects
}

func madeByUs(o client.Object) bool { return writtenBy(o, names.ManagerCluster) }

// writtenBy tells whether any of these field managers has written an object.
func writtenBy(o client.Object, managers ...string) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return slices.Contains(managers, e.Manager)
	})
}

// pending tells whether there is anything that the operator with this id made and may delete.
// Objects that merely carry the same labels are not a reason to delete anything. Neither are Secrets
// and volumes by themselves: they outlived a deletion that came to its end, as was configured then.
func (t teardown) pending(l left, controllerID string) bool {
	return slices.ContainsFunc(l.objects, func(o *unstructured.Unstructured) bool {
		data := o.GetKind() == secretKind.Kind || o.GetKind() == volumeClaimKind.Kind
		return !data && madeByUs(o) && ownedBy(o, controllerID) && t.deletable(o)
	})
}

// next does the next step and tells whether the cluster is gone.
func (t teardown) next(ctx context.Context, l left) (done bool, err error) {
	if err := t.mark(ctx, l); err != nil {
		return false, err
	}
	var first, then, last []*unstructured.Unstructured
	for _, o := range l.objects {
		switch {
		case !t.deletable(o):
		case makesPods(o), o.GetKind() == streamKind.Kind:
			first = append(first, o)
		case o.GetKind() == serviceKind.Kind && o.GetName() == names.Service(t.key.Name, names.RoleMaster):
			last = append(last, o)
		default:
			then = append(then, o)
		}
	}
	for _, step := range [][]*unstructured.Unstructured{first, then, last} {
		if len(step) > 0 {
			return false, t.remove(ctx, step)
		}
		if len(l.pods) > 0 {
			return false, t.removePods(ctx, l.pods) // an event of the last pod continues here
		}
	}
	return true, nil
}

// removePods deletes what a StatefulSet left behind that was deleted without its pods, to be made anew
// or by a user.
func (t teardown) removePods(ctx context.Context, pods []corev1.Pod) error {
	var errs []error
	for i := range pods {
		if pods[i].DeletionTimestamp != nil {
			continue
		}
		err := t.client.Delete(ctx, &pods[i], client.Preconditions{UID: &pods[i].UID})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("delete pod %s/%s: %w", pods[i].Namespace, pods[i].Name, err))
		}
	}
	return errors.Join(errs...)
}

func makesPods(o *unstructured.Unstructured) bool {
	return slices.Contains([]string{statefulSetKind.Kind, deploymentKind.Kind, cronJobKind.Kind}, o.GetKind())
}

// deletable tells whether an object goes with its cluster. Volumes and credentials follow their
// switches, user lists of poolers do not; what neither we nor Patroni made stays.
func (t teardown) deletable(o *unstructured.Unstructured) bool {
	switch o.GetKind() {
	case volumeClaimKind.Kind:
		return t.config.EnablePersistentVolumeClaimDeletion && strings.HasPrefix(o.GetName(), names.DataVolume+"-"+t.key.Name+"-")
	case secretKind.Kind:
		return madeByUs(o) && (t.config.EnableSecretsDeletion || poolerOfSecret(o.GetName(), t.key.Name) != "")
	case configMapKind.Kind:
		return t.patronis(o.GetName())
	case endpointsKind.Kind, serviceKind.Kind:
		return madeByUs(o) || t.patronis(o.GetName())
	}
	return madeByUs(o)
}

func (t teardown) patronis(name string) bool {
	return name == names.PatroniConfigService(t.key.Name) || slices.Contains(names.PatroniObjects(t.key.Name), name)
}

func (t teardown) remove(ctx context.Context, objects []*unstructured.Unstructured) error {
	log := logr.FromContextOrDiscard(ctx)
	var errs []error
	for _, o := range objects {
		if o.GetDeletionTimestamp() != nil {
			continue
		}
		uid, policy := o.GetUID(), metav1.DeletePropagationBackground
		if makesPods(o) {
			policy = metav1.DeletePropagationForeground // it stays until its pods are gone
		}
		err := t.client.Delete(ctx, o, client.PropagationPolicy(policy), client.Preconditions{UID: &uid})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("delete %s %s/%s: %w", strings.ToLower(o.GetKind()), o.GetNamespace(), o.GetName(), err))
			continue
		}
		log.Info("deleted", "kind", o.GetKind(), "namespace", o.GetNamespace(), "name", o.GetName())
	}
	return errors.Join(errs...)
}
