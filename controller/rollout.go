package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/patroni"
	"postgres-operator/rollout"
)

// Reasons of the condition RolledOut.
const (
	reasonRolledOut = "UpToDate"
	reasonRolling   = "InProgress"
	reasonWaiting   = "Waiting"
	reasonStuck     = "Stuck"
)

// switchoverTime is what Patroni gets for a switchover before it is asked again.
const switchoverTime = 20 * time.Second

// rolloutReconciler brings pods to what their StatefulSet says, one step a pass. What the step is,
// package rollout decides.
type rolloutReconciler struct {
	shared
	nodes  *nodes
	http   *http.Client // for Patroni
	status statusWriter

	// patched holds when Patroni was told to change, until it may be expected to have done so.
	patched sync.Map // types.NamespacedName: time.Time

	// asked holds which leader was told to hand over, and when.
	asked sync.Map // types.NamespacedName: lead

	// led holds, while poolers wait for it, which pod has led since when.
	led sync.Map // types.NamespacedName: lead
}

// newRollout makes the reconciler. It takes any certificate of a Patroni: they are made for names, pods are
// reached by address, and the authority is known to the pod alone. Most serve no TLS at all.
func newRollout(s shared) (*rolloutReconciler, error) {
	http, err := patroni.NewHTTPClient(patroni.TLS{SkipVerify: true})
	if err != nil {
		return nil, err
	}
	return &rolloutReconciler{shared: s, http: http, status: s.status(names.ManagerRollout)}, nil
}

func (r *rolloutReconciler) setup(mgr manager.Manager, changes <-chan event.GenericEvent) error {
	c := r.settings.get()
	var err error
	if r.nodes, err = newNodes(mgr); err != nil {
		return err
	}
	if err := r.nodes.setup(mgr); err != nil {
		return err
	}
	return builder.ControllerManagedBy(mgr).Named("rollout").For(&apiv1.Postgresql{}).
		WithOptions(queueOptions(r.settings, mgr.GetLogger().WithName("rollout"))).
		Watches(&corev1.Pod{}, byLabel(c.ClusterNameLabel), builder.WithPredicates(podChanged())).
		Watches(newObject(statefulSetKind), byLabel(c.ClusterNameLabel)).
		WatchesRawSource(source.Channel(r.nodes.changed, r.nodes.clusters(r.client, c.ClusterNameLabel))).
		WatchesRawSource(onConfigurationChange(changes, r.client)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *rolloutReconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	c := r.settings.get()
	pg, err := readManifest(ctx, r.client, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if pg == nil || pg.DeletionTimestamp != nil || !ownedBy(pg, r.controllerID) {
		r.patched.Delete(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	p := &rolloutPass{rolloutReconciler: r, config: c, pg: pg, log: logr.FromContextOrDiscard(ctx)}
	if pg.Status.MajorUpgrade != nil { // its end is an event
		pause, err := p.relievePoolers(ctx)
		v := bad(apiv1.ConditionRolledOut, reasonWaiting, waitsForUpgrade)
		return reconcile.Result{RequeueAfter: pause}, errors.Join(err, r.status.write(ctx, pg, nil, []verdict{v}))
	}
	state, err := p.observeObjects(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	applied := conditionTrue(pg, apiv1.ConditionApplied)
	if !applied && !state.Leaving() { // nodes do not wait for manifests to be put right
		pause, err := p.relievePoolers(ctx)
		return reconcile.Result{RequeueAfter: pause}, err
	}
	p.observeMembers(ctx, &state)
	var pause time.Duration
	var configuring error
	if applied && state.Poolers.Phase == rollout.Flowing { // clients that wait do not wait for settings
		pause, configuring = p.configure(ctx)
		state.Settling = p.settling
	}
	step := rollout.Plan(state)
	failure := p.execute(ctx, step, state.UpdateRevision)
	v := rolloutVerdict(step, failure)
	if v.reason == reasonStuck && !sameMessage(pg, v) {
		p.events.warn(pg, "Update", "the rollout is stuck: "+v.message)
	}
	failure = errors.Join(failure, r.status.write(ctx, pg, p.rolledOut(state, v), []verdict{v}))
	switch {
	case failure != nil:
		return reconcile.Result{}, failure
	case apierrors.IsConflict(configuring):
		return reconcile.Result{RequeueAfter: time.Second}, nil // the manifest has just changed
	case configuring != nil:
		return reconcile.Result{}, configuring
	case state.Poolers.Phase != rollout.Flowing || step.Kind == rollout.PausePoolers:
		return reconcile.Result{RequeueAfter: lookSoon}, nil
	}
	return p.lookAgain(step, pause), nil
}

// lookAgain is when the next pass comes if no event brings one sooner: what Patroni does makes none. A
// step that is stuck has the time until the next repair.
func (p *rolloutPass) lookAgain(step rollout.Step, pause time.Duration) reconcile.Result {
	after := p.config.ResourceCheckInterval
	switch {
	case step.Stuck:
		after = p.config.RepairPeriod
	case !step.Until.IsZero():
		after = max(time.Second, step.Until.Sub(p.now()))
	case step.Kind == rollout.None && pause == 0:
		return resync(p.config.ResyncPeriod)
	case step.Kind == rollout.None:
		after = pause
	}
	if pause > 0 {
		after = min(after, pause)
	}
	return reconcile.Result{RequeueAfter: after}
}

func rolloutVerdict(step rollout.Step, failure error) verdict {
	switch {
	case failure != nil:
		return bad(apiv1.ConditionRolledOut, reasonStuck, step.String()+": "+oneLine(failure))
	case step.Stuck:
		return bad(apiv1.ConditionRolledOut, reasonStuck, step.String())
	case step.Kind == rollout.None:
		return good(apiv1.ConditionRolledOut, reasonRolledOut, "every pod runs what its StatefulSet says")
	case step.Kind == rollout.Wait:
		return bad(apiv1.ConditionRolledOut, reasonWaiting, step.String())
	}
	return bad(apiv1.ConditionRolledOut, reasonRolling, step.String())
}

// rolloutPass is one pass over the pods of one cluster.
type rolloutPass struct {
	*rolloutReconciler
	config config.Config
	pg     *apiv1.Postgresql
	log    logr.Logger
	pods   []corev1.Pod
	pooler poolerPods

	// recorded stands in for Patroni's REST API where members are not asked.
	recorded func(pods []corev1.Pod) rollout.Patroni

	// member is one that has told Patroni's dynamic configuration, and settling says whether the others
	// may not have noticed its last change.
	member   *patroni.Client
	dynamic  map[string]any
	settling bool
}

func (p *rolloutPass) key() types.NamespacedName { return client.ObjectKeyFromObject(p.pg) }

func (p *rolloutPass) execute(ctx context.Context, step rollout.Step, revision string) error {
	if step.Kind == rollout.None || step.Kind == rollout.Wait {
		return nil
	}
	for _, pod := range step.Mark {
		if err := p.annotate(ctx, pod, rollout.Marks(revision)); err != nil {
			return err
		}
	}
	p.log.Info("rollout step", "step", step.Kind, "pod", step.Pod, "candidate", step.Candidate, "reason", step.Reason)
	if step.Kind != rollout.Annotate {
		if busy, err := p.upgradeUnderWay(ctx); err != nil || busy {
			return err
		}
	}
	switch step.Kind {
	case rollout.Annotate:
		return p.annotate(ctx, step.Pod, step.Annotations)
	case rollout.Recreate:
		p.events.note(p.pg, "Update", fmt.Sprintf("recreating pod %s: %s", step.Pod, step.Reason))
		return p.recreate(ctx, step)
	case rollout.RestartPostgres:
		p.events.note(p.pg, "Update", fmt.Sprintf("restarting Postgres in pod %s: %s", step.Pod, step.Reason))
		return p.restart(ctx, step)
	case rollout.Switchover:
		p.events.note(p.pg, "Switchover", fmt.Sprintf("from %s to %s: %s", step.Pod, step.Candidate, step.Reason))
		err := p.switchover(ctx, step)
		if err != nil && p.pooler.phase != rollout.Flowing { // the next attempt may be minutes away
			err = errors.Join(err, p.resumePoolers(ctx))
		}
		return err
	case rollout.PausePoolers:
		return p.pausePoolers(ctx)
	case rollout.ResumePoolers:
		return p.resumePoolers(ctx)
	}
	return fmt.Errorf("rollout asks for %q, which is not known", step.Kind)
}

func (p *rolloutPass) annotate(ctx context.Context, name string, annotations map[string]*string) error {
	pod := p.pod(name)
	if pod == nil {
		return nil
	}
	changed := pod.DeepCopy()
	if changed.Annotations == nil {
		changed.Annotations = map[string]string{}
	}
	for key, value := range annotations {
		if value == nil {
			delete(changed.Annotations, key)
		} else {
			changed.Annotations[key] = *value
		}
	}
	err := p.client.Patch(ctx, changed, client.MergeFrom(pod), client.FieldOwner(names.ManagerRollout))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("annotate pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

func (p *rolloutPass) recreate(ctx context.Context, step rollout.Step) error {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = p.pg.Namespace, step.Pod
	err := p.client.Delete(ctx, pod, client.Preconditions{UID: &step.UID})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

func (p *rolloutPass) restart(ctx context.Context, step rollout.Step) error {
	c, err := p.patroni(step.Pod)
	if err != nil {
		return err
	}
	_, err = c.Restart(ctx, patroni.RestartRequest{OnlyPending: true})
	if err := tolerateUnknown(err); err != nil {
		return err
	}
	return p.annotate(ctx, step.Pod, step.Annotations)
}

func (p *rolloutPass) switchover(ctx context.Context, step rollout.Step) error {
	c, err := p.patroni(step.Pod)
	if err != nil {
		return err
	}
	p.asked.Store(p.key(), lead{step.UID, p.now()})
	_, err = c.Switchover(ctx, patroni.SwitchoverRequest{Leader: step.Pod, Candidate: step.Candidate})
	if err = tolerateUnknown(err); err != nil {
		p.asked.Delete(p.key())
	}
	return err
}

// switching tells whether the leader was told to hand over a moment ago, or was and nobody leads now. Not
// to know it, after a restart, costs a second request at worst.
func (p *rolloutPass) switching(leader string) bool {
	asked, ok := p.asked.Load(p.key())
	if !ok {
		return false
	}
	pod := p.pod(leader)
	if p.now().Sub(asked.(lead).since) > switchoverTime || pod != nil && pod.UID != asked.(lead).pod {
		p.asked.Delete(p.key())
		return false
	}
	return true
}

// tolerateUnknown: what came of an operation that was not answered in time shows at the next look.
func tolerateUnknown(err error) error {
	if errors.Is(err, patroni.ErrUnknownOutcome) {
		return nil
	}
	return err
}

func (p *rolloutPass) pod(name string) *corev1.Pod {
	for i := range p.pods {
		if p.pods[i].Name == name {
			return &p.pods[i]
		}
	}
	return nil
}

// patroni returns a client for the Patroni of a pod.
func (p *rolloutPass) patroni(pod string) (*patroni.Client, error) {
	found := p.pod(pod)
	if found == nil || found.Status.PodIP == "" {
		return nil, fmt.Errorf("pod %s/%s has no address", p.pg.Namespace, pod)
	}
	return patroni.New(patroniURL(found), patroni.Options{
		HTTPClient: p.reach.httpClient(p.http, client.ObjectKeyFromObject(found)),
		Timeout:    p.config.PatroniAPICheckTimeout, Interval: p.config.PatroniAPICheckInterval,
	})
}

// patroniURL is where the Patroni of a pod listens. Where Patroni serves TLS it says so in what it writes
// about its member, or the image was told so by a variable.
func patroniURL(pod *corev1.Pod) string {
	scheme := "http"
	var member struct {
		URL string `json:"api_url"`
	}
	if json.Unmarshal([]byte(pod.Annotations["status"]), &member) == nil && member.URL != "" {
		if strings.HasPrefix(member.URL, "https://") {
			scheme = "https"
		}
	} else if hasVariable(pod, "SSL_RESTAPI_CERTIFICATE_FILE") {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(patroni.Port))
}

func hasVariable(pod *corev1.Pod, name string) bool {
	for _, container := range pod.Spec.Containers {
		if container.Name == names.PostgresContainer {
			return slices.ContainsFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == name })
		}
	}
	return false
}
