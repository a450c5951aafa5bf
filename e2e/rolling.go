//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"postgres-operator/names"
)

// nextImage is the same image under another name.
const nextImage = "docker.io/local/spilo-18:next"

// image is an edit that changes which image the members run.
func image(name string) edit { return with(name, "spec", "dockerImage") }

// small lets several members run beside all else on this machine.
func small(t *testing.T, manifest *unstructured.Unstructured) {
	with(map[string]any{
		"requests": map[string]any{"cpu": "10m", "memory": "100Mi"}, "limits": map[string]any{"cpu": "2", "memory": "500Mi"},
	}, "spec", "resources")(t, manifest)
}

// rolling watches a cluster while its pods are replaced.
type rolling struct {
	cluster
	members int
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu    sync.Mutex
	seen  map[string][]types.UID // of each pod, in order
	leads []string               // pods in the order in which they led
	worst int                    // most members that were not there or not ready at once
	why   string

	excused bool // worst is not counted, see excuse
}

// watchRollout begins to watch a cluster that runs.
func (c cluster) watchRollout(t *testing.T, members int) *rolling {
	t.Helper()
	r := &rolling{cluster: c, members: members, seen: map[string][]types.UID{}}
	eventually(t, soon, "all members are up", func(ctx context.Context) error {
		r.worst = 0
		err := r.look(ctx)
		if err == nil && r.worst > 0 {
			err = errNotYet
		}
		return err
	})
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	t.Cleanup(cancel)
	r.done.Go(func() {
		for tick := time.NewTicker(2 * pollAt); ; {
			_ = r.look(ctx) // what is not seen now is seen at the next look
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return r
}

// look asks Kubernetes for the pods, and each pod's Patroni whether Postgres runs.
func (r *rolling) look(ctx context.Context) error {
	pods, err := r.pods(ctx)
	if err != nil {
		return err
	}
	up := make([]bool, len(pods))
	var asked sync.WaitGroup
	for i, pod := range pods {
		if isReady(pod) {
			asked.Go(func() { up[i] = postgresRuns(ctx, pod) })
		}
	}
	asked.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var there []string
	for i, pod := range pods {
		if uids := r.seen[pod.Name]; len(uids) == 0 || uids[len(uids)-1] != pod.UID {
			r.seen[pod.Name] = append(uids, pod.UID)
		}
		if up[i] {
			there = append(there, pod.Name)
		}
		if pod.Labels[roleLabel] == master && (len(r.leads) == 0 || r.leads[len(r.leads)-1] != pod.Name) {
			r.leads = append(r.leads, pod.Name)
		}
	}
	down := r.members - len(there)
	r.excused = r.excused && down > 0
	if !r.excused && down > r.worst {
		r.worst, r.why = down, fmt.Sprintf("up at %s: %s", time.Now().Format("15:04:05.000"), strings.Join(there, ", "))
	}
	return nil
}

// postgresRuns asks Patroni. https://patroni.readthedocs.io/en/latest/rest_api.html#health-check-endpoints
func postgresRuns(ctx context.Context, pod corev1.Pod) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(pod.Status.PodIP, "8008")+"/health", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// excuse leaves out of account how many members are down until all are up again.
func (r *rolling) excuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.excused = true
}

// recreated is how often pods were recreated so far, in all.
func (r *rolling) recreated() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, uids := range r.seen {
		n += len(uids) - 1
	}
	return n
}

// end stops watching and requires that each pod was recreated so many times.
func (r *rolling) end(t *testing.T, times int) {
	t.Helper()
	r.stop()
	r.done.Wait()
	for pod, uids := range r.seen {
		require.Len(t, uids, 1+times, "how often pod %s was made", pod)
	}
	require.Len(t, r.seen, r.members)
	require.LessOrEqual(t, r.worst, 1, "members down at once, %s", r.why)
	t.Logf("leaders in turn: %s", strings.Join(r.leads, ", "))
}

// rolledOut reports what is missing until every pod runs an image and the operator says that it is done.
func (c cluster) rolledOut(ctx context.Context, image string) error {
	pods, err := c.pods(ctx)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if pod.Spec.Containers[0].Image != image {
			return fmt.Errorf("pod %s runs %s", pod.Name, pod.Spec.Containers[0].Image)
		}
	}
	return c.runs(ctx)
}

func (c cluster) awaitRolledOut(t *testing.T, image string, members int) {
	t.Helper()
	eventually(t, 2*boot, fmt.Sprintf("all of %s runs %s", c.name, image), func(ctx context.Context) error {
		return errors.Join(c.rolledOut(ctx, image), c.hasMembers(ctx, members))
	})
}

// awaitCondition waits until a condition's message contains every part.
func (c cluster) awaitCondition(t *testing.T, kind string, status metav1.ConditionStatus, parts ...string) {
	t.Helper()
	eventually(t, boot, fmt.Sprintf("condition %s of %s says %q", kind, c.name, parts), func(ctx context.Context) error {
		pg, err := c.get(ctx)
		if err != nil {
			return err
		}
		found := meta.FindStatusCondition(pg.Status.Conditions, kind)
		if found == nil || found.Status != status || !containsAll(found.Message, parts) {
			return fmt.Errorf("it is %+v", found)
		}
		return nil
	})
}

// timeline goes up by one with each change of the primary.
func (c cluster) timeline(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(c.mustQuery(t, c.primary(), "SELECT timeline_id FROM pg_control_checkpoint()"))
	require.NoError(t, err)
	return n
}

// pauseNote is the annotation of a pooler that is paused, "" if it is not.
func (c cluster) pauseNote(ctx context.Context) (string, error) {
	var d appsv1.Deployment
	err := c.Get(ctx, c.key(c.name+"-pooler"), &d)
	return d.Annotations[names.PoolerPause], err
}
