package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"postgres-operator/web"
)

var one = types.NamespacedName{Namespace: "default", Name: "acid-one"}

// known are the clusters of a test.
type known []web.Cluster

func (k known) List(context.Context) ([]web.Cluster, error) { return k, nil }

func (k known) Get(_ context.Context, key types.NamespacedName) (web.Cluster, error) {
	for _, c := range k {
		if c.Namespace == key.Namespace && c.Name == key.Name {
			return c, nil
		}
	}
	return web.Cluster{}, fmt.Errorf("there is no cluster %s", key)
}

func (k known) Configuration(context.Context) (process, options any, err error) {
	return map[string]any{"Namespace": "default"}, map[string]any{"Workers": 2}, nil
}

type world struct {
	*testing.T
	recorder *web.Recorder
	handler  http.Handler
}

func newWorld(t *testing.T, leads bool) world {
	t.Helper()
	elected := make(chan struct{})
	if leads {
		close(elected)
	}
	recorder := web.NewRecorder(func() web.Limits { return web.Limits{Workers: 2, LogLines: 3, Histories: 2} })
	server := &web.Server{Recorder: recorder, Leads: elected, Clusters: known{
		{
			Namespace: "default", Name: "acid-one", UID: "uid-1", Team: "ACID", Status: "Running", Databases: []string{"app"},
			Spec: map[string]any{"clone": map[string]any{"s3_secret_access_key": "hush"}, "env": []any{
				map[string]any{"name": "API_TOKEN", "value": "hush"}, map[string]any{"name": "LEVEL", "value": "3"},
			}},
			Objects: map[string]any{"MasterService": map[string]any{"kind": "Service"}},
		},
		{Namespace: "other", Name: "acid-two", UID: "uid-2", Team: "acid"},
	}}
	return world{t, recorder, server.Handler()}
}

func (w world) get(path string) (int, string) {
	w.Helper()
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	if answer.Code == http.StatusOK || answer.Code == http.StatusInternalServerError {
		require.Equal(w, "application/json", answer.Header().Get("Content-Type"), path)
	}
	require.NotContains(w, answer.Body.String(), "hush", path)
	return answer.Code, answer.Body.String()
}

func (w world) queue(reconciler string) priorityqueue.PriorityQueue[reconcile.Request] {
	w.Helper()
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Hour, time.Hour)
	queue, ok := w.recorder.NewQueue(reconciler, limiter).(priorityqueue.PriorityQueue[reconcile.Request])
	require.True(w, ok, "controllers look for a priority queue")
	w.Cleanup(queue.ShutDown)
	return queue
}

func TestPlainAnswers(t *testing.T) {
	w := newWorld(t, true)
	for path, want := range map[string]string{
		"/readyz/":                            `"OK"`,
		"/status/":                            `{"LastSyncTime": 0, "Clusters": 2, "WorkerQueueSize": {"0": 0, "1": 0}}`,
		"/config/":                            `{"controller": {"Namespace": "default"}, "operator": {"Workers": 2}}`,
		"/clusters/":                          `{"acid": ["acid-one", "acid-two"]}`,
		"/clusters/acid":                      `["acid-one", "acid-two"]`,
		"/databases/":                         `{"acid-one": ["app"], "acid-two": []}`,
		"/workers/all/status":                 `{"0": "idle", "1": "idle"}`,
		"/workers/1/status/":                  `"idle"`,
		"/workers/0/queue":                    `{"Keys": [], "List": []}`,
		"/workers/0/logs":                     `[]`,
		"/clusters/default/acid-one/logs/":    `[]`,
		"/clusters/default/acid-one/history/": `[]`,
	} {
		code, body := w.get(path)
		require.Equal(t, http.StatusOK, code, path)
		require.JSONEq(t, want, body, path)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	w := newWorld(t, true)
	for path, want := range map[string]string{
		"/clusters/nobody":              `there is no cluster of the team "nobody"`,
		"/clusters/default/absent":      "there is no cluster default/absent",
		"/clusters/default/absent/logs": "there is no cluster default/absent",
		"/clusters/default/acid-one/x":  "not found",
		"/workers/7/status":             `there is no worker "7", only 0 to 1`,
		"/workers/0/x":                  "not found",
		"/status/x":                     "not found",
	} {
		code, body := w.get(path)
		require.Equal(t, http.StatusInternalServerError, code, path)
		var failure struct{ Error string }
		require.NoError(t, json.Unmarshal([]byte(body), &failure), path)
		require.Contains(t, failure.Error, want, path)
	}
	code, _ := w.get("/nothing")
	require.Equal(t, http.StatusNotFound, code)
	code, _ = w.get("/debug/pprof/")
	require.Equal(t, http.StatusNotFound, code, "profiles are served only when asked for")
	code, _ = w.get("/status")
	require.Equal(t, 3, code/100, "as the prefix routes of Zalando's operator do")
}

func TestAnotherReplicaHasNothingToTell(t *testing.T) {
	w := newWorld(t, false)
	code, body := w.get("/workers/all/status")
	require.Equal(t, http.StatusInternalServerError, code)
	require.Contains(t, body, "waits for the lease")
	code, _ = w.get("/readyz/")
	require.Equal(t, http.StatusOK, code)
}

func TestCluster(t *testing.T) {
	_, body := newWorld(t, true).get("/clusters/default/acid-one")
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Equal(t, map[string]any{
		"Team": "ACID", "Cluster": "acid-one", "Namespace": "default", "Worker": 0.0, "Error": map[string]any{},
		"Status":         map[string]any{"PostgresClusterStatus": "Running"},
		"CurrentProcess": map[string]any{"Name": "", "StartTime": "0001-01-01T00:00:00Z"},
		"Spec": map[string]any{"clone": map[string]any{"s3_secret_access_key": "***"}, "env": []any{
			map[string]any{"name": "API_TOKEN", "value": "***"}, map[string]any{"name": "LEVEL", "value": "3"},
		}},
		"MasterService": map[string]any{"kind": "Service"}, "ReplicaService": nil, "MasterEndpoint": nil, "ReplicaEndpoint": nil,
		"StatefulSet": nil, "PrimaryPodDisruptionBudget": nil, "CriticalOpPodDisruptionBudget": nil,
	}, got)
}

// TestIdle: a worker is idle only while nothing of its clusters is due, which is what scripts wait for.
func TestIdle(t *testing.T) {
	w := newWorld(t, true)
	clusters, rollout := w.queue("cluster"), w.queue("rollout")
	request, low := reconcile.Request{NamespacedName: one}, handler.LowPriority
	status := func() string {
		_, body := w.get("/workers/0/status")
		return body
	}
	clusters.Add(request)
	require.Contains(t, status(), `"Name":"waiting"`)
	_, body := w.get("/workers/all/queue")
	require.Contains(t, body, `"Keys":["UPDATE-uid-1"]`)
	_, body = w.get("/status/")
	require.Contains(t, body, `"WorkerQueueSize":{"0":1,"1":0}`)

	got, _, _ := clusters.GetWithPriority()
	require.Equal(t, request, got)
	require.Contains(t, status(), `"CurrentCluster":{"Name":"acid-one","Namespace":"default"},"CurrentProcess":{"Name":"cluster"`)
	clusters.AddWithOpts(priorityqueue.AddOpts{After: time.Hour, Priority: &low}, request)
	clusters.Done(request)
	require.Equal(t, `"idle"`, status(), "the next periodic look is nothing to wait for")

	rollout.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request)
	require.NotEqual(t, `"idle"`, status(), "a failure that will be tried again is")
	_, body = w.get("/workers/0/queue")
	require.Contains(t, body, `"EventType":"REPAIR"`)
	_, body = w.get("/status/")
	require.NotContains(t, body, `"LastSyncTime":0`)

	w.recorder.Reset()
	require.Equal(t, `"idle"`, status(), "queues that are built anew hold nothing")
}

func TestLogs(t *testing.T) {
	w := newWorld(t, true)
	var written []string
	log := w.recorder.Logger(funcr.New(func(_, args string) { written = append(written, args) }, funcr.Options{Verbosity: 1}))
	of := log.WithName("x").WithValues(web.ClusterKey, one.String())
	of.Info("first")
	of.V(1).Info("second", "pod", "acid-one-0")
	of.Error(errors.New("broken"), "third")
	log.Info("fourth", web.ClusterKey, one.String())
	log.Info("of the operator")
	require.Len(t, written, 5, "the log itself has all of it")

	_, body := w.get("/clusters/default/acid-one/logs/")
	var lines []struct{ Level, Message string }
	require.NoError(t, json.Unmarshal([]byte(body), &lines))
	require.Equal(t, []struct{ Level, Message string }{
		{"debug", "second pod=acid-one-0"}, {"error", "third error=broken"}, {"info", "fourth"},
	}, lines, "the last three, as configured")
	_, body = w.get("/workers/0/logs")
	require.Contains(t, body, `"ClusterName":"default/acid-one","Message":"fourth"`)
}

func TestHistory(t *testing.T) {
	w := newWorld(t, true)
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.recorder.Manifest(one, 1, map[string]any{"numberOfInstances": int64(2), "clone": map[string]any{"s3_secret_access_key": "hush"}}, seen)
	require.True(t, w.recorder.Knows(one, 1))
	require.False(t, w.recorder.Knows(one, 2))
	w.recorder.Manifest(one, 2, map[string]any{"numberOfInstances": int64(3), "clone": map[string]any{"s3_secret_access_key": "hush, again"}, "dockerImage": "x"}, seen)

	_, body := w.get("/clusters/default/acid-one/history/")
	var changes []web.Change
	require.NoError(t, json.Unmarshal([]byte(body), &changes))
	require.Len(t, changes, 1)
	require.Equal(t, seen, changes[0].EventTime)
	require.Equal(t, []string{
		`spec.clone.s3_secret_access_key: "***" → "***"`, `spec.dockerImage: (none) → "x"`, `spec.numberOfInstances: 2 → 3`,
	}, changes[0].Diff)
	w.recorder.Forget(one)
	_, body = w.get("/clusters/default/acid-one/history/")
	require.Equal(t, "[]", body)
}
