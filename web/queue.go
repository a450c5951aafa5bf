package web

import (
	"cmp"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// The events of Zalando's operator that a task may be due to.
const (
	eventSync   = "SYNC"
	eventUpdate = "UPDATE"
	eventRepair = "REPAIR"
)

// queue is a queue of a reconciler whose coming and going is recorded.
type queue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	recorder   *Recorder
	reconciler string
}

// NewQueue makes the queues of a reconciler, as controller.Options ask for it.
func (r *Recorder) NewQueue(reconciler string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	inner := priorityqueue.New(reconciler, func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter })
	return &queue{PriorityQueue: inner, recorder: r, reconciler: reconciler}
}

// AddWithOpts implements priorityqueue.PriorityQueue.
func (q *queue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	w := wait{event: eventUpdate}
	switch low := o.Priority != nil && *o.Priority <= handler.LowPriority; {
	case o.RateLimited:
		w.event = eventRepair
	case low:
		w.event, w.idle = eventSync, o.After > 0
	}
	for _, request := range requests {
		q.recorder.waits(task{q.reconciler, request.NamespacedName}, w)
	}
	q.PriorityQueue.AddWithOpts(o, requests...)
}

// Add implements workqueue.TypedInterface.
func (q *queue) Add(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{}, request)
}

// AddAfter implements workqueue.TypedDelayingInterface.
func (q *queue) AddAfter(request reconcile.Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, request)
}

// AddRateLimited implements workqueue.TypedRateLimitingInterface.
func (q *queue) AddRateLimited(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request)
}

// GetWithPriority implements priorityqueue.PriorityQueue.
func (q *queue) GetWithPriority() (reconcile.Request, int, bool) {
	request, priority, shutdown := q.PriorityQueue.GetWithPriority()
	if !shutdown {
		q.recorder.begins(task{q.reconciler, request.NamespacedName})
	}
	return request, priority, shutdown
}

// Get implements workqueue.TypedInterface.
func (q *queue) Get() (reconcile.Request, bool) {
	request, _, shutdown := q.GetWithPriority()
	return request, shutdown
}

// Done implements workqueue.TypedInterface.
func (q *queue) Done(request reconcile.Request) {
	q.recorder.ends(task{q.reconciler, request.NamespacedName})
	q.PriorityQueue.Done(request)
}

func compareTasks(a, b task) int {
	return cmp.Or(cmp.Compare(a.cluster.String(), b.cluster.String()), cmp.Compare(a.reconciler, b.reconciler))
}
