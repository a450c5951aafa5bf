package rollout

import "time"

// Limits are how long things may take until they count as stuck; 0 is for ever. Nothing is forced when
// the time is over: people are told.
type Limits struct {
	// Object is for objects that Kubernetes has to make or to look at (resource_check_timeout).
	Object time.Duration

	// Deletion is for a deleted pod to disappear (pod_deletion_wait_timeout).
	Deletion time.Duration

	// Member is for a pod to become a healthy member (pod_label_wait_timeout).
	Member time.Duration

	// Move is for the leadership to leave a node (master_pod_move_timeout).
	Move time.Duration

	// Retry is when a restart that changed nothing may be tried again (repair_period).
	Retry time.Duration
}

// over tells whether what began at a time has taken too long.
func (s State) over(began time.Time, limit time.Duration) bool {
	return limit > 0 && !began.IsZero() && !s.Now.Before(began.Add(limit))
}

// progress is when something last moved on: the rollout began, a pod was made, or Postgres was restarted.
// That a pod becomes ready is none: one that crashes in a circle does so time and again.
func (s State) progress() time.Time {
	if s.Since.IsZero() {
		return s.Now // it is only beginning
	}
	latest := s.Since
	for _, pod := range s.Pods {
		_, restarted := lastRestart(pod)
		for _, moved := range []time.Time{pod.CreationTimestamp.Time, restarted} {
			if moved.After(latest) {
				latest = moved
			}
		}
	}
	return latest
}

// askedToGo is when the deletion of a pod was asked for: its timestamp lies a grace period later.
func askedToGo(pod Pod) time.Time {
	asked := pod.DeletionTimestamp.Time
	if grace := pod.DeletionGracePeriodSeconds; grace != nil {
		asked = asked.Add(-time.Duration(*grace) * time.Second)
	}
	return asked
}
