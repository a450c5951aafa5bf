package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// segments are the parts of a path below its first one.
func segments(req *http.Request) []string {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	return parts[1:]
}

func unknownPath(req *http.Request) error { return fmt.Errorf("page %s not found", req.URL.Path) }

func (s *Server) status(req *http.Request) (any, error) {
	if len(segments(req)) > 0 {
		return nil, unknownPath(req)
	}
	list, err := s.Clusters.List(req.Context())
	if err != nil {
		return nil, err
	}
	s.Recorder.mu.Lock()
	defer s.Recorder.mu.Unlock()
	sizes := map[string]int{}
	busy := s.Recorder.busy()
	for id, name := range s.Recorder.workers() {
		sizes[name] = len(busy[id])
	}
	last := int64(0)
	if !s.Recorder.lastSync.IsZero() {
		last = s.Recorder.lastSync.Unix()
	}
	return map[string]any{"LastSyncTime": last, "Clusters": len(list), "WorkerQueueSize": sizes}, nil
}

func (s *Server) config(req *http.Request) (any, error) {
	if len(segments(req)) > 0 {
		return nil, unknownPath(req)
	}
	process, options, err := s.Clusters.Configuration(req.Context())
	return map[string]any{"controller": process, "operator": options}, err
}

func (s *Server) databases(req *http.Request) (any, error) {
	if len(segments(req)) > 0 {
		return nil, unknownPath(req)
	}
	list, err := s.Clusters.List(req.Context())
	if err != nil {
		return nil, err
	}
	byCluster := map[string][]string{}
	for _, cluster := range list {
		byCluster[cluster.Name] = append(append([]string{}, byCluster[cluster.Name]...), cluster.Databases...)
	}
	return byCluster, nil
}

func (s *Server) clusters(req *http.Request) (any, error) {
	parts := segments(req)
	switch len(parts) {
	case 0, 1:
		list, err := s.Clusters.List(req.Context())
		if err != nil {
			return nil, err
		}
		byTeam := map[string][]string{}
		for _, cluster := range list {
			team := strings.ToLower(cluster.Team)
			byTeam[team] = append(byTeam[team], cluster.Name)
		}
		if len(parts) == 0 {
			return byTeam, nil
		}
		names, known := byTeam[strings.ToLower(parts[0])]
		if !known {
			return nil, fmt.Errorf("there is no cluster of the team %q", parts[0])
		}
		return names, nil
	case 2:
		return s.cluster(req.Context(), types.NamespacedName{Namespace: parts[0], Name: parts[1]})
	case 3:
		cluster := types.NamespacedName{Namespace: parts[0], Name: parts[1]}
		if _, err := s.Clusters.Get(req.Context(), cluster); err != nil {
			return nil, err
		}
		switch parts[2] {
		case "logs":
			return s.clusterLogs(cluster), nil
		case "history":
			return s.clusterHistory(cluster), nil
		}
	}
	return nil, unknownPath(req)
}

func (s *Server) cluster(ctx context.Context, name types.NamespacedName) (any, error) {
	cluster, err := s.Clusters.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	s.Recorder.mu.Lock()
	defer s.Recorder.mu.Unlock()
	shown := map[string]any{
		"Team": cluster.Team, "Cluster": cluster.Name, "Namespace": cluster.Namespace,
		"CurrentProcess": s.Recorder.processOf(name),
		"Worker":         s.Recorder.workerOf(name),
		"Status":         map[string]any{"PostgresClusterStatus": cluster.Status},
		"Spec":           redact(cluster.Spec),
		"Error":          map[string]any{}, // what its Go error value comes out as
	}
	for _, field := range ObjectFields() {
		shown[field] = redact(cluster.Objects[field])
	}
	return shown, nil
}

// ObjectFields are the names of a cluster's objects in an answer.
func ObjectFields() []string {
	return []string{
		"MasterService", "ReplicaService", "MasterEndpoint", "ReplicaEndpoint", "StatefulSet",
		"PrimaryPodDisruptionBudget", "CriticalOpPodDisruptionBudget",
	}
}

// clusterLine is a line of the log of one cluster.
type clusterLine struct {
	Time    time.Time
	Level   string
	Worker  int
	Message string
}

func (s *Server) clusterLogs(cluster types.NamespacedName) []clusterLine {
	s.Recorder.mu.Lock()
	defer s.Recorder.mu.Unlock()
	lines := []clusterLine{}
	for _, l := range s.Recorder.logs[cluster] {
		lines = append(lines, clusterLine{l.Time, l.Level, s.Recorder.workerOf(cluster), l.Message})
	}
	return lines
}

func (s *Server) clusterHistory(cluster types.NamespacedName) []Change {
	s.Recorder.mu.Lock()
	defer s.Recorder.mu.Unlock()
	return append([]Change{}, s.Recorder.history[cluster]...)
}
