package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
	"postgres-operator/patroni"
	"postgres-operator/pgbouncer"
	"postgres-operator/rollout"
)

// The times of a pause. Patroni needs one to three seconds for a switchover; query_wait_timeout, after
// which PgBouncer gives its clients errors, is two minutes by default.
const (
	// pausePatience is for transactions that run when poolers are paused. What is not over then would
	// not survive the switchover; new transactions wait all the same.
	pausePatience = 5 * time.Second

	// pauseLimit is when the operator resumes whatever has become of the switchover, and deadMan when
	// PgBouncer does so without it.
	pauseLimit = 30 * time.Second
	deadMan    = 45 * time.Second

	// settling is what kube-proxies on all nodes get to notice where the primary's Service leads.
	// They take changes over once a second by default.
	settling = 1200 * time.Millisecond

	// lookSoon is the pause between two looks while clients wait.
	lookSoon = 100 * time.Millisecond
)

// poolerPods are the pods of the primary's pooler that can be paused, and how far that has come.
type poolerPods struct {
	deployment *appsv1.Deployment
	pods       []corev1.Pod
	pause
}

// pause is the annotation names.PoolerPause. It is written before anything is paused, so that whoever
// finds it resumes.
type pause struct {
	phase rollout.PoolerPhase
	since time.Time
	pods  []string // that are paused, once that is known
}

func (p pause) String() string {
	return strings.Join(append([]string{string(p.phase), p.since.UTC().Format(time.RFC3339)}, p.pods...), " ")
}

// parsePause takes what it does not understand for the oldest of pauses, which is resumed at once.
func parsePause(text string) pause {
	if text == "" {
		return pause{}
	}
	p := pause{phase: rollout.Pausing}
	words := strings.Fields(text)
	if len(words) > 1 {
		p.since, _ = time.Parse(time.RFC3339, words[1])
	}
	if len(words) > 1 && words[0] == string(rollout.Paused) {
		p.phase, p.pods = rollout.Paused, words[2:]
	}
	return p
}

// observePooler reads from the caches.
func (p *rolloutPass) observePooler(ctx context.Context) (poolerPods, error) {
	name := names.Pooler(p.pg.Name, names.RoleMaster)
	live := newObject(deploymentKind)
	err := p.client.Get(ctx, client.ObjectKey{Namespace: p.pg.Namespace, Name: name}, live)
	if apierrors.IsNotFound(err) || err == nil && live.GetDeletionTimestamp() != nil {
		return poolerPods{}, nil
	}
	if err != nil {
		return poolerPods{}, fmt.Errorf("read deployment %s/%s: %w", p.pg.Namespace, name, err)
	}
	found := poolerPods{deployment: &appsv1.Deployment{}, pause: parsePause(live.GetAnnotations()[names.PoolerPause])}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, found.deployment); err != nil {
		return poolerPods{}, fmt.Errorf("decode deployment %s/%s: %w", p.pg.Namespace, name, err)
	}
	var pods corev1.PodList
	err = p.client.List(ctx, &pods, client.InNamespace(p.pg.Namespace), client.MatchingLabels{names.PoolerLabel: name})
	if err != nil {
		return poolerPods{}, fmt.Errorf("list pods of deployment %s/%s: %w", p.pg.Namespace, name, err)
	}
	found.pods = slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return !pausable(pod) })
	return found, nil
}

// held are the pods that are paused, or may be.
func (p poolerPods) held() []corev1.Pod {
	if p.phase != rollout.Paused {
		return p.pods
	}
	return slices.DeleteFunc(slices.Clone(p.pods), func(pod corev1.Pod) bool { return !slices.Contains(p.pause.pods, pod.Name) })
}

// pausable pods run a PgBouncer whose clients share connections to the server by transactions.
func pausable(pod corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" && podReady(&pod) &&
		poolerVariable(pod, "CONNECTION_POOLER_MODE") == "transaction"
}

func poolerVariable(pod corev1.Pod, name string) string {
	for _, container := range pod.Spec.Containers {
		for _, variable := range container.Env {
			if container.Name == names.PoolerContainer && variable.Name == name {
				return variable.Value
			}
		}
	}
	return ""
}

// poolerFacts are the facts of the decision. The primary is asked only while poolers are paused.
func (p *rolloutPass) poolerFacts(ctx context.Context, leader string) rollout.Poolers {
	facts := rollout.Poolers{Pausable: len(p.pooler.pods) > 0, Phase: p.pooler.phase}
	if facts.Phase != rollout.Flowing {
		facts.Overdue = p.now().Sub(p.pooler.since) > pauseLimit
		facts.Serving = p.serving(ctx, leader)
	}
	return facts
}

// serving tells whether the leader takes writes, and has been for some time where the primary's
// Service leads. An operator that has just started counts that time from now.
func (p *rolloutPass) serving(ctx context.Context, leader string) bool {
	pod := p.pod(leader)
	if pod == nil || !p.leadsTo(ctx, pod.Status.PodIP) || !p.takesWrites(ctx, leader) {
		p.led.Delete(p.key())
		return false
	}
	last, _ := p.led.LoadOrStore(p.key(), lead{pod.UID, p.now()})
	if last.(lead).pod != pod.UID {
		last = lead{pod.UID, p.now()}
		p.led.Store(p.key(), last)
	}
	return p.now().Sub(last.(lead).since) >= settling
}

// lead is a pod and when it began to lead, or to hand over.
type lead struct {
	pod   types.UID
	since time.Time
}

func (p *rolloutPass) takesWrites(ctx context.Context, leader string) bool {
	if p.recorded != nil {
		return true
	}
	member, err := p.patroni(leader)
	if err != nil {
		return false
	}
	status, err := member.Status(ctx)
	return err == nil && status.State == patroni.StateRunning && (status.Role == patroni.RolePrimary || status.Role == patroni.RoleStandbyLeader)
}

// leadsTo tells whether the primary's Service has this address and no other.
func (p *rolloutPass) leadsTo(ctx context.Context, ip string) bool {
	live := newObject(endpointsKind)
	key := client.ObjectKey{Namespace: p.pg.Namespace, Name: names.Service(p.pg.Name, names.RoleMaster)}
	var endpoints struct {
		Subsets []struct {
			Addresses []struct {
				IP string `json:"ip"`
			} `json:"addresses"`
		} `json:"subsets"`
	}
	if p.client.Get(ctx, key, live) != nil || runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &endpoints) != nil {
		return false
	}
	var addresses []string
	for _, subset := range endpoints.Subsets {
		for _, address := range subset.Addresses {
			addresses = append(addresses, address.IP)
		}
	}
	return slices.Equal(addresses, []string{ip})
}

// pausePoolers notes the pause, pauses, and notes that. A pod that cannot be paused does not hold up
// the rollout: its clients fare as without a pooler.
func (p *rolloutPass) pausePoolers(ctx context.Context) error {
	now := p.now()
	if err := p.notePause(ctx, pause{phase: rollout.Pausing, since: now}.String()); err != nil {
		return err
	}
	user, password, err := p.poolerLogin(ctx)
	var paused []string
	if err == nil {
		paused, err = eachPod(p.pooler.pods, func(pod corev1.Pod) error {
			if err := p.armDeadMan(ctx, pod); err != nil {
				return err
			}
			idle, err := console(pod, user, password).Pause(ctx, pausePatience)
			if err == nil && !idle {
				p.log.Info("transactions through the pooler go on while it is paused", "pod", pod.Name)
			}
			return err
		})
	}
	if err != nil {
		p.log.Error(err, "the connection pooler cannot be paused")
		p.events.warn(p.pg, "Pooler", "the switchover does not wait for the connection pooler, which cannot be paused: "+oneLine(err))
	}
	return p.notePause(ctx, pause{rollout.Paused, now, paused}.String())
}

// armDeadMan makes sure of the end of a pause that is about to begin.
func (p *rolloutPass) armDeadMan(ctx context.Context, pod corev1.Pod) error {
	ctx, cancel := context.WithTimeout(ctx, pausePatience)
	defer cancel()
	_, err := p.exec.run(ctx, client.ObjectKeyFromObject(&pod), names.PoolerContainer, pgbouncer.DeadMan(deadMan))
	return err
}

// resumePoolers lets clients go on. The note goes when all poolers lead to a server that takes writes;
// one that does not, because its node was late to notice the switchover, is told to connect anew.
func (p *rolloutPass) resumePoolers(ctx context.Context) error {
	user, password, err := p.poolerLogin(ctx)
	if err == nil {
		_, err = eachPod(p.pooler.held(), func(pod corev1.Pod) error {
			c := console(pod, user, password)
			if err := c.Resume(ctx); err != nil {
				return err
			}
			writable, err := c.Writable(ctx, "postgres")
			if err == nil && !writable && p.pg.Spec.StandbyCluster == nil {
				err = errors.Join(fmt.Errorf("the pooler in pod %s has not noticed the switchover", pod.Name), c.Reconnect(ctx))
			}
			return err
		})
	}
	switch {
	case err != nil && p.now().Sub(p.pooler.since) < deadMan:
		p.log.V(1).Info("the connection pooler is not resumed yet", "error", err.Error())
		return nil // the note stays, so that the next pass tries again
	case err != nil: // PgBouncer has resumed by itself
		p.log.Error(err, "the connection pooler was not resumed in time")
	}
	p.led.Delete(p.key())
	return p.notePause(ctx, "")
}

// relievePoolers ends a pause that has taken too long while nothing else may be done to the cluster.
// It returns when to look again, 0 for no need.
func (p *rolloutPass) relievePoolers(ctx context.Context) (time.Duration, error) {
	var err error
	if p.pooler, err = p.observePooler(ctx); err != nil || p.pooler.phase == rollout.Flowing {
		return 0, err
	}
	if left := pauseLimit - p.now().Sub(p.pooler.since); left > 0 {
		return left, nil
	}
	return time.Second, p.resumePoolers(ctx) // and look whether it was
}

func (p *rolloutPass) notePause(ctx context.Context, text string) error {
	var value any = text
	if text == "" {
		value = nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{names.PoolerPause: value}}})
	if err != nil {
		return fmt.Errorf("encode the note of a pause: %w", err)
	}
	d := newObject(deploymentKind)
	d.SetNamespace(p.pg.Namespace)
	d.SetName(names.Pooler(p.pg.Name, names.RoleMaster))
	err = p.client.Patch(ctx, d, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(names.ManagerRollout))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("note on deployment %s/%s that it is paused or not: %w", d.GetNamespace(), d.GetName(), err)
	}
	return nil
}

// poolerLogin is the first entry of the user list that the pooler's pods have read: its own role, which
// images of poolers make an administrator of PgBouncer.
func (p *rolloutPass) poolerLogin(ctx context.Context) (user, password string, err error) {
	name := names.PoolerSecret(names.Pooler(p.pg.Name, names.RoleMaster))
	list := newObject(secretKind)
	if err := p.client.Get(ctx, client.ObjectKey{Namespace: p.pg.Namespace, Name: name}, list); err != nil {
		return "", "", fmt.Errorf("read secret %s/%s: %w", p.pg.Namespace, name, err)
	}
	user, password, ok := pgbouncer.FirstUser(string(dataOf(list)["userlist.txt"]))
	if !ok {
		return "", "", fmt.Errorf("secret %s/%s has no user list", p.pg.Namespace, name)
	}
	return user, password, nil
}

func console(pod corev1.Pod, user, password string) pgbouncer.Console {
	port := poolerVariable(pod, "CONNECTION_POOLER_PORT")
	if _, err := strconv.Atoi(port); err != nil {
		port = strconv.Itoa(postgresPort)
	}
	return pgbouncer.Console{Address: net.JoinHostPort(pod.Status.PodIP, port), User: user, Password: password}
}

// eachPod does the same to all pods at once, and returns the names of those where it succeeded.
func eachPod(pods []corev1.Pod, do func(corev1.Pod) error) (done []string, err error) {
	errs := make([]error, len(pods))
	var all sync.WaitGroup
	for i, pod := range pods {
		all.Go(func() { errs[i] = do(pod) })
	}
	all.Wait()
	for i, pod := range pods {
		if errs[i] == nil {
			done = append(done, pod.Name)
		}
	}
	return done, errors.Join(errs...)
}
