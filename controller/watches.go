package controller

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"postgres-operator/names"
	"postgres-operator/web"
)

// firstRetry is the pause after the first failure; it doubles up to repair_period.
const firstRetry = 500 * time.Millisecond

// queueOptions are the same for each reconciler: as many clusters at a time as configured, failures
// tried again after pauses that grow up to repair_period, and log lines that name the cluster once.
func queueOptions(s *settings, log logr.Logger) controller.Options {
	o := controller.Options{
		MaxConcurrentReconciles: int(s.get().Workers),
		RateLimiter: repairs{
			TypedRateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, 24*time.Hour),
			settings:         s,
		},
		LogConstructor: func(req *reconcile.Request) logr.Logger {
			if req == nil {
				return log
			}
			return log.WithValues(web.ClusterKey, req.String())
		},
	}
	if s.recorder != nil {
		o.NewQueue = s.recorder.NewQueue
	}
	return o
}

// repairs bounds the pauses between retries by the repair_period that is in force.
type repairs struct {
	workqueue.TypedRateLimiter[reconcile.Request]
	settings *settings
}

// When implements workqueue.TypedRateLimiter.
func (r repairs) When(request reconcile.Request) time.Duration {
	return min(r.TypedRateLimiter.When(request), r.settings.get().RepairPeriod)
}

// onConfigurationChange brings every cluster into a reconciler's queue.
func onConfigurationChange(changes <-chan event.GenericEvent, reader client.Reader) source.Source {
	return source.Channel(changes, everyCluster(reader))
}

// podChanged lets through what matters to a cluster. Patroni writes an annotation on every pod
// every few seconds, which does not.
func podChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, isPod := e.ObjectOld.(*corev1.Pod)
		after, isPodToo := e.ObjectNew.(*corev1.Pod)
		return !isPod || !isPodToo || !reflect.DeepEqual(podFacts(before), podFacts(after))
	}}
}

type facts struct {
	labels             map[string]string
	rolling, ip, node  string
	phase              corev1.PodPhase
	ready, deleted     bool
	images, containers []string
	trouble            string // as the condition Ready tells it
}

func podFacts(p *corev1.Pod) facts {
	f := facts{
		labels:  maps.Clone(p.Labels),
		rolling: p.Annotations[names.RollingUpdateRequired],
		ip:      p.Status.PodIP,
		node:    p.Spec.NodeName,
		phase:   p.Status.Phase,
		ready:   podReady(p),
		deleted: p.DeletionTimestamp != nil,
		trouble: podTrouble(p, "pod"),
	}
	for _, container := range p.Spec.Containers {
		f.images = append(f.images, container.Image)
	}
	for _, status := range p.Status.ContainerStatuses {
		f.containers = append(f.containers, status.ContainerID)
		if status.State.Waiting != nil {
			f.containers = append(f.containers, status.State.Waiting.Reason)
		}
	}
	return f
}

// objectChanged lets through every event but the updates by which Patroni keeps its leader lock:
// of the kinds that it writes to, only labels and owners are ours.
func objectChanged(k kind) predicate.Predicate {
	patronis := slices.Contains([]string{configMapKind.Kind, endpointsKind.Kind}, k.Kind)
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return !patronis || isAdded(e.ObjectNew) || !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) ||
			!equality.Semantic.DeepEqual(e.ObjectOld.GetOwnerReferences(), e.ObjectNew.GetOwnerReferences())
	}}
}
