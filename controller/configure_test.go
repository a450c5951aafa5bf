package controller

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/patroni"
)

// patroniStandIn answers as the Patroni of one member, at an address of its own.
type patroniStandIn struct {
	w       *world
	address string

	mu      sync.Mutex
	config  map[string]any
	patches []string
	status  int // answer to patches; 0 to do them
	version int // of Postgres, as server_version has it

	noticeAfter time.Duration // until a change shows as pending restart; 0 for never
	notices     time.Time
	restarts    int
}

// playPatroni makes the running members of a cluster answer, with this configuration.
func (w *world) playPatroni(cluster, config string) *patroniStandIn {
	w.Helper()
	p := &patroniStandIn{w: w, address: fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))}
	require.NoError(w, json.Unmarshal([]byte(config), &p.config))
	listener, err := net.Listen("tcp", net.JoinHostPort(p.address, strconv.Itoa(patroni.Port)))
	require.NoError(w, err)
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	w.Cleanup(func() { _ = server.Close() })
	var pods corev1.PodList
	require.NoError(w, w.client.List(w.Context(), &pods, client.InNamespace(w.namespace), client.MatchingLabels{"cluster-name": cluster}))
	for i := range pods.Items {
		pods.Items[i].Status.PodIP = p.address
		pods.Items[i].Status.PodIPs = []corev1.PodIP{{IP: p.address}}
		require.NoError(w, w.client.Status().Update(w.Context(), &pods.Items[i]))
	}
	return p
}

func (p *patroniStandIn) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET /cluster":
		pending := !p.notices.IsZero() && time.Now().After(p.notices)
		_, _ = fmt.Fprintf(answer, `{"members":[
			{"name":"acid-test-0","role":"leader","state":"running","timeline":1,"pending_restart":%t},
			{"name":"acid-test-1","role":"replica","state":"streaming","timeline":1,"lag":0}]}`, pending)
		return
	case "GET /patroni":
		_, _ = fmt.Fprintf(answer, `{"role":"primary","state":"running","server_version":%d,"patroni":{"version":"4.1.5"}}`, p.version)
		return
	case "POST /restart":
		p.restarts, p.notices = p.restarts+1, time.Time{}
		return
	case "PATCH /config":
		text, _ := io.ReadAll(r.Body)
		p.patches = append(p.patches, string(text))
		if p.status != 0 {
			http.Error(answer, "not now", p.status)
			return
		}
		patch := map[string]any{}
		_ = json.Unmarshal(text, &patch)
		mergeInto(p.config, patch)
		if p.noticeAfter > 0 {
			p.notices = time.Now().Add(p.noticeAfter)
		}
	}
	_ = json.NewEncoder(answer).Encode(p.config)
}

// mergeInto is a merge patch: null removes.
func mergeInto(config, patch map[string]any) {
	for key, value := range patch {
		below, isMap := value.(map[string]any)
		existing, wasMap := config[key].(map[string]any)
		switch {
		case value == nil:
			delete(config, key)
		case isMap && wasMap:
			mergeInto(existing, below)
		default:
			config[key] = value
		}
	}
}

func (p *patroniStandIn) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, err := json.Marshal(p.config)
	require.NoError(p.w, err)
	return string(text)
}

// becomes waits for a configuration.
func (p *patroniStandIn) becomes(want string) {
	p.w.Helper()
	p.w.eventually(func(c *assert.CollectT) { assert.JSONEq(c, want, p.text()) }, "Patroni is configured")
}

func (p *patroniStandIn) answerPatches(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *patroniStandIn) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.patches)
}

func setParameters(parameters map[string]any) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { setField(o, parameters, "spec", "postgresql", "parameters") }
}

func TestPatroniFollowsManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	p := w.playPatroni(clusterName, `{"ttl":30,"failsafe_mode":false,"postgresql":{"use_slots":true,"parameters":{"archive_mode":"on","theirs":"1"}},
		"slots":{"theirs":{"type":"physical"}}}`)
	w.change(clusterName, func(o *unstructured.Unstructured) {
		setParameters(map[string]any{"work_mem": "8MB", "pg_stat_statements.max": "100", "shared_buffers": "64MB"})(o)
		setField(o, map[string]any{"ttl": int64(40), "synchronous_mode": true, "slots": map[string]any{"mine": map[string]any{"type": "physical"}}},
			"spec", "patroni")
	})
	p.becomes(`{"ttl":40,"failsafe_mode":false,"synchronous_mode":true,
		"postgresql":{"use_slots":true,"parameters":{"archive_mode":"on","theirs":"1","work_mem":"8MB","pg_stat_statements.max":"100"}},
		"slots":{"theirs":{"type":"physical"},"mine":{"type":"physical"}}}`)
	w.configured("True Configured: Patroni has the settings of the manifest", "failsafe_mode",
		"postgresql/parameters/pg_stat_statements.max", "postgresql/parameters/work_mem", "slots/mine", "synchronous_mode", "ttl")

	w.change(clusterName, func(o *unstructured.Unstructured) {
		setParameters(map[string]any{"work_mem": "9MB"})(o)
		unstructured.RemoveNestedField(o.Object, "spec", "patroni")
	})
	p.becomes(`{"failsafe_mode":false,"postgresql":{"use_slots":true,"parameters":{"archive_mode":"on","theirs":"1","work_mem":"9MB"}},
		"slots":{"theirs":{"type":"physical"}}}`)
	w.configured("True Configured: Patroni has the settings of the manifest", "failsafe_mode", "postgresql/parameters/work_mem")
	patches := p.count()
	w.stays(func() bool { return p.count() == patches }, "what is as desired is not sent again")
}

// configured waits for the condition and the list in the status.
func (w *world) configured(want string, keys ...string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		assert.Equal(c, want, condition(pg, apiv1.ConditionConfigured))
		assert.Equal(c, keys, pg.Status.PatroniConfiguration)
	}, "the status tells of the configuration")
}

func TestRemovedStandbySectionPromotes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	p := w.playPatroni(clusterName, `{"failsafe_mode":false,"standby_cluster":{"host":"by-hand"}}`)
	w.configured("True Configured: Patroni has the settings of the manifest", "failsafe_mode")
	require.Zero(t, p.count(), "a standby that somebody made by hand is not promoted")

	w.change(clusterName, func(o *unstructured.Unstructured) {
		setField(o, map[string]any{"standby_host": "primary.example", "standby_port": "5433"}, "spec", "standby")
	})
	p.becomes(`{"failsafe_mode":false,"standby_cluster":{"host":"primary.example","port":"5433","create_replica_methods":["basebackup_fast_xlog"]}}`)
	w.configured("True Configured: Patroni has the settings of the manifest", "failsafe_mode", "standby_cluster")

	w.change(clusterName, func(o *unstructured.Unstructured) { unstructured.RemoveNestedField(o.Object, "spec", "standby") })
	p.becomes(`{"failsafe_mode":false}`)
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, w.notes("postgresql", clusterName), "Normal Update: Patroni's configuration: remove standby_cluster")
	}, "an event tells of it")
}

// TestRestartedOperatorStillRemoves: the manifest changes while no operator runs.
func TestRestartedOperatorStillRemoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	p := w.playPatroni(clusterName, `{"failsafe_mode":false,"ttl":30}`)
	w.change(clusterName, func(o *unstructured.Unstructured) {
		setField(o, map[string]any{"standby_host": "primary.example"}, "spec", "standby")
	})
	w.configured("True Configured: Patroni has the settings of the manifest", "failsafe_mode", "standby_cluster")
	op.stop()
	w.change(clusterName, func(o *unstructured.Unstructured) { unstructured.RemoveNestedField(o.Object, "spec", "standby") })
	w.start()
	p.becomes(`{"failsafe_mode":false,"ttl":30}`)
}

func TestRefusedConfigurationIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	p := w.playPatroni(clusterName, `{"failsafe_mode":false}`)
	w.configured("True Configured: Patroni has the settings of the manifest", "failsafe_mode")
	p.answerPatches(http.StatusConflict)
	w.change(clusterName, setParameters(map[string]any{"work_mem": "8MB"}))
	const told = "set postgresql/parameters/work_mem: 409 Conflict: not now"
	w.configured("False Refused: "+told, "failsafe_mode", "postgresql/parameters/work_mem")
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, condition(w.cluster(clusterName), apiv1.ConditionDegraded), "Configured: "+told)
	}, "it shows as degraded")
	p.answerPatches(0)
	p.becomes(`{"failsafe_mode":false,"postgresql":{"parameters":{"work_mem":"8MB"}}}`)
	w.configured("True Configured: Patroni has the settings of the manifest", "failsafe_mode", "postgresql/parameters/work_mem")
}

// TestPendingRestartIsNoticed: members see what a change means when they next look at it, and no event tells.
func TestPendingRestartIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	p := w.playPatroni(clusterName, `{"failsafe_mode":false}`)
	w.configured("True Configured: Patroni has the settings of the manifest", "failsafe_mode")
	p.mu.Lock()
	p.noticeAfter = 8 * time.Second
	p.mu.Unlock()
	w.change(clusterName, setParameters(map[string]any{"max_connections": "200"}))
	w.configured("False Changing: set postgresql/parameters/max_connections", "failsafe_mode", "postgresql/parameters/max_connections")
	w.eventually(func(c *assert.CollectT) {
		p.mu.Lock()
		defer p.mu.Unlock()
		assert.Equal(c, 1, p.restarts)
	}, "Postgres is restarted in place")
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.Equal(t, 1, p.count())
}
