package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
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

// lookAgain is the pause after a step and while one waits. Events come sooner where Kubernetes sees
// what is awaited; Patroni's state makes no events.
const lookAgain = 5 * time.Second

// rolloutReconciler brings pods to what their StatefulSet says, one step a pass. What the step is,
// package rollout decides.
type rolloutReconciler struct {
	shared
	status statusWriter

	// patched holds when Patroni was told to change, until it may be expected to have done so.
	patched sync.Map // types.NamespacedName: time.Time

	// led holds, while poolers wait for it, which pod has led since when.
	led sync.Map // types.NamespacedName: lead
}

func newRollout(s shared) *rolloutReconciler {
	return &rolloutReconciler{shared: s, status: s.status(names.ManagerRollout)}
}

func (r *rolloutReconciler) setup(mgr manager.Manager, changes <-chan event.GenericEvent) error {
	c := r.settings.get()
	return builder.ControllerManagedBy(mgr).Named("rollout").For(&apiv1.Postgresql{}).
		WithOptions(queueOptions(r.settings, mgr.GetLogger().WithName("rollout"))).
		Watches(&corev1.Pod{}, byLabel(c.ClusterNameLabel), builder.WithPredicates(podChanged())).
		Watches(newObject(statefulSetKind), byLabel(c.ClusterNameLabel)).
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
	if !conditionTrue(pg, apiv1.ConditionApplied) {
		pause, err := p.relievePoolers(ctx)
		return reconcile.Result{RequeueAfter: pause}, err
	}
	state, err := p.observe(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	pause, configuring := p.configure(ctx)
	step := rollout.Plan(state)
	failure := p.execute(ctx, step)
	failure = errors.Join(failure, r.status.write(ctx, pg, nil, []verdict{rolloutVerdict(step, failure)}))
	switch {
	case failure != nil:
		return reconcile.Result{}, failure
	case apierrors.IsConflict(configuring):
		return reconcile.Result{RequeueAfter: time.Second}, nil // the manifest has just changed
	case configuring != nil:
		return reconcile.Result{}, configuring
	case state.Poolers.Phase != rollout.Flowing || step.Kind == rollout.PausePoolers:
		return reconcile.Result{RequeueAfter: lookSoon}, nil
	case step.Kind != rollout.None:
		return reconcile.Result{RequeueAfter: lookAgain}, nil
	case pause > 0:
		return reconcile.Result{RequeueAfter: pause}, nil
	}
	return resync(c.ResyncPeriod), nil
}

func rolloutVerdict(step rollout.Step, failure error) verdict {
	switch {
	case failure != nil:
		return bad(apiv1.ConditionRolledOut, reasonStuck, step.String()+": "+oneLine(failure))
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
}

func (p *rolloutPass) key() types.NamespacedName { return client.ObjectKeyFromObject(p.pg) }

func (p *rolloutPass) execute(ctx context.Context, step rollout.Step) error {
	if step.Kind == rollout.None || step.Kind == rollout.Wait {
		return nil
	}
	p.log.Info("rollout step", "step", step.Kind, "pod", step.Pod, "candidate", step.Candidate, "reason", step.Reason)
	switch step.Kind {
	case rollout.Annotate:
		return p.annotate(ctx, step)
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

func (p *rolloutPass) annotate(ctx context.Context, step rollout.Step) error {
	pod := p.pod(step.Pod)
	if pod == nil {
		return nil
	}
	changed := pod.DeepCopy()
	if changed.Annotations == nil {
		changed.Annotations = map[string]string{}
	}
	for key, value := range step.Annotations {
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
	return tolerateUnknown(err)
}

func (p *rolloutPass) switchover(ctx context.Context, step rollout.Step) error {
	c, err := p.patroni(step.Pod)
	if err != nil {
		return err
	}
	_, err = c.Switchover(ctx, patroni.SwitchoverRequest{Leader: step.Pod, Candidate: step.Candidate})
	return tolerateUnknown(err)
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
	return patroni.New(net.JoinHostPort(found.Status.PodIP, strconv.Itoa(patroni.Port)), patroni.Options{
		Timeout: p.config.PatroniAPICheckTimeout, Interval: p.config.PatroniAPICheckInterval,
	})
}
