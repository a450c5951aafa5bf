package web

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// workers answers for one worker, or for all of them by their ids.
func (s *Server) workers(req *http.Request) (any, error) {
	parts := segments(req)
	if len(parts) != 2 {
		return nil, unknownPath(req)
	}
	uids, err := s.uids(req.Context())
	if err != nil {
		return nil, err
	}
	s.Recorder.mu.Lock()
	defer s.Recorder.mu.Unlock()
	answers := map[string]any{}
	for id, name := range s.Recorder.workers() {
		switch parts[1] {
		case "status":
			answers[name] = s.workerStatus(id)
		case "queue":
			answers[name] = s.workerQueue(id, uids)
		case "logs":
			answers[name] = s.workerLogs(id)
		default:
			return nil, unknownPath(req)
		}
	}
	if parts[0] == "all" {
		return answers, nil
	}
	answer, known := answers[parts[0]]
	if !known {
		return nil, fmt.Errorf("there is no worker %q, only 0 to %d", parts[0], len(answers)-1)
	}
	return answer, nil
}

func (s *Server) uids(ctx context.Context) (map[types.NamespacedName]string, error) {
	list, err := s.Clusters.List(ctx)
	if err != nil {
		return nil, err
	}
	uids := map[types.NamespacedName]string{}
	for _, cluster := range list {
		uids[types.NamespacedName{Namespace: cluster.Namespace, Name: cluster.Name}] = cluster.UID
	}
	return uids, nil
}

const idle = "idle"

// workerStatus is idle only where nothing is to be done: also a cluster that waits for something,
// or for another try, is somebody's.
func (s *Server) workerStatus(id int) any {
	busy := s.Recorder.busy()[id]
	if len(busy) == 0 {
		return idle
	}
	cluster := busy[0]
	current := s.Recorder.processOf(cluster)
	for _, other := range busy {
		if running := s.Recorder.processOf(other); running.Name != "" {
			cluster, current = other, running
			break
		}
	}
	if current.Name == "" {
		current = process{Name: "waiting", StartTime: s.waitsSince(cluster)}
	}
	return map[string]any{
		"CurrentCluster": map[string]any{"Namespace": cluster.Namespace, "Name": cluster.Name},
		"CurrentProcess": current,
	}
}

func (s *Server) waitsSince(cluster types.NamespacedName) time.Time {
	var since time.Time
	for t, w := range s.Recorder.pending {
		if t.cluster == cluster && !w.idle && (since.IsZero() || w.since.Before(since)) {
			since = w.since
		}
	}
	return since
}

// clusterEvent is an entry of a queue. What the manifest was and became is in the history.
type clusterEvent struct {
	EventTime time.Time
	UID       string
	EventType string
	OldSpec   any
	NewSpec   any
	WorkerID  int
}

func (s *Server) workerQueue(id int, uids map[types.NamespacedName]string) any {
	keys, events := []string{}, []clusterEvent{}
	for _, t := range slices.SortedFunc(maps.Keys(s.Recorder.pending), compareTasks) {
		w := s.Recorder.pending[t]
		if w.idle || s.Recorder.workerOf(t.cluster) != id {
			continue
		}
		uid := cmp.Or(uids[t.cluster], t.cluster.String())
		key := w.event + "-" + uid
		if slices.Contains(keys, key) {
			continue // another reconciler's look at the same cluster
		}
		keys = append(keys, key)
		events = append(events, clusterEvent{EventTime: w.since, UID: uid, EventType: w.event, WorkerID: id})
	}
	return map[string]any{"Keys": keys, "List": events}
}

// workerLine is a line of the log of one worker.
type workerLine struct {
	Time        time.Time
	Level       string
	ClusterName string
	Message     string
}

func (s *Server) workerLogs(id int) []workerLine {
	lines := []workerLine{}
	for cluster, kept := range s.Recorder.logs {
		if s.Recorder.workerOf(cluster) != id {
			continue
		}
		for _, l := range kept {
			lines = append(lines, workerLine{l.Time, l.Level, cluster.String(), l.Message})
		}
	}
	slices.SortStableFunc(lines, func(a, b workerLine) int { return a.Time.Compare(b.Time) })
	if surplus := len(lines) - s.Recorder.limits().LogLines; surplus > 0 {
		lines = lines[surplus:]
	}
	return lines
}
