package web

import (
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
)

// ClusterKey is the key under which log entries name the cluster that they are about, as
// namespace/name.
const ClusterKey = "cluster"

// Logger returns a logger that writes as another one does, and lets the Recorder keep what is about
// a cluster.
func (r *Recorder) Logger(log logr.Logger) logr.Logger {
	inner := log.GetSink()
	if deeper, ok := inner.(logr.CallDepthLogSink); ok {
		inner = deeper.WithCallDepth(1)
	}
	return log.WithSink(&sink{LogSink: inner, recorder: r})
}

type sink struct {
	logr.LogSink
	recorder *Recorder
	cluster  types.NamespacedName
}

// Init implements logr.LogSink. The sink within was given to us ready for use.
func (s *sink) Init(logr.RuntimeInfo) {}

// Info implements logr.LogSink.
func (s *sink) Info(level int, message string, values ...any) {
	name := "info"
	if level > 0 {
		name = "debug"
	}
	s.record(name, message, values)
	s.LogSink.Info(level, message, values...)
}

// Error implements logr.LogSink.
func (s *sink) Error(err error, message string, values ...any) {
	if err != nil {
		values = append([]any{"error", err.Error()}, values...)
	}
	s.record("error", message, values)
	s.LogSink.Error(err, message, values...)
}

// WithValues implements logr.LogSink.
func (s *sink) WithValues(values ...any) logr.LogSink {
	next := *s
	next.LogSink = s.LogSink.WithValues(values...)
	if cluster, found := clusterOf(values); found {
		next.cluster = cluster
	}
	return &next
}

// WithName implements logr.LogSink.
func (s *sink) WithName(name string) logr.LogSink {
	next := *s
	next.LogSink = s.LogSink.WithName(name)
	return &next
}

// WithCallDepth implements logr.CallDepthLogSink.
func (s *sink) WithCallDepth(depth int) logr.LogSink {
	deeper, ok := s.LogSink.(logr.CallDepthLogSink)
	if !ok {
		return s
	}
	next := *s
	next.LogSink = deeper.WithCallDepth(depth)
	return &next
}

func (s *sink) record(level, message string, values []any) {
	cluster := s.cluster
	if named, found := clusterOf(values); found {
		cluster = named
	}
	if cluster.Name == "" {
		return
	}
	var b strings.Builder
	b.WriteString(message)
	for i := 0; i+1 < len(values); i += 2 {
		if values[i] != ClusterKey {
			fmt.Fprintf(&b, " %v=%v", values[i], values[i+1])
		}
	}
	s.recorder.note(line{Level: level, Message: b.String(), cluster: cluster})
}

func clusterOf(values []any) (types.NamespacedName, bool) {
	for i := 0; i+1 < len(values); i += 2 {
		text, ok := values[i+1].(string)
		if values[i] != ClusterKey || !ok {
			continue
		}
		namespace, name, found := strings.Cut(text, "/")
		return types.NamespacedName{Namespace: namespace, Name: name}, found
	}
	return types.NamespacedName{}, false
}
