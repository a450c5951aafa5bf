package controller

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

var errCachesNotSynced = errors.New("caches are not synced yet")

func alive(*http.Request) error { return nil }

func readyWhen(synced *atomic.Bool) func(*http.Request) error {
	return func(*http.Request) error {
		if !synced.Load() {
			return errCachesNotSynced
		}
		return nil
	}
}

// everyReplica runs something on every replica of the operator, not on the leader alone.
type everyReplica struct{ manager.Runnable }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (everyReplica) NeedLeaderElection() bool { return false }

// broadcast hands each event that comes in to every subscriber: a channel source of
// controller-runtime serves one controller alone.
type broadcast struct {
	in          chan event.GenericEvent
	subscribers []chan event.GenericEvent
}

func newBroadcast() *broadcast { return &broadcast{in: make(chan event.GenericEvent, 1)} }

// subscribe is called before Start.
func (b *broadcast) subscribe() <-chan event.GenericEvent {
	c := make(chan event.GenericEvent)
	b.subscribers = append(b.subscribers, c)
	return c
}

// Start implements manager.Runnable. It needs leadership, as the subscribers do; until then one
// event waits, and a changed configuration is simply what the first pass finds.
func (b *broadcast) Start(ctx context.Context) error {
	for {
		select {
		case e := <-b.in:
			for _, s := range b.subscribers {
				select {
				case s <- e:
				case <-ctx.Done():
					return nil
				}
			}
		case <-ctx.Done():
			return nil
		}
	}
}
