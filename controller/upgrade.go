package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/upgrade"
)

// upgrader brings clusters to another major version of Postgres, one step a pass. What the step is,
// package upgrade decides. The script that does the work runs in the primary's pod on its own, for as
// long as it takes; passes look at what has become of it.
type upgrader struct {
	shared
	status statusWriter
}

func newUpgrader(s shared) *upgrader {
	status := s.status(names.ManagerUpgrade)
	status.exact = true // a run that has ended must not be written back from a cache that lags
	return &upgrader{shared: s, status: status}
}

func (r *upgrader) setup(mgr manager.Manager, changes <-chan event.GenericEvent) error {
	c := r.settings.get()
	return builder.ControllerManagedBy(mgr).Named("upgrade").For(&apiv1.Postgresql{}).
		WithOptions(queueOptions(r.settings, mgr.GetLogger().WithName("upgrade"))).
		Watches(&corev1.Pod{}, byLabel(c.ClusterNameLabel), builder.WithPredicates(podChanged())).
		WatchesRawSource(onConfigurationChange(changes, r.client)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *upgrader) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	pg, err := readManifest(ctx, r.client, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if pg == nil || pg.DeletionTimestamp != nil || !ownedBy(pg, r.controllerID) || pg.Status.StatefulSetGeneration == 0 {
		return reconcile.Result{}, nil
	}
	p := &upgradePass{upgrader: r, config: r.settings.get(), pg: pg, run: pg.Status.MajorUpgrade, log: logr.FromContextOrDiscard(ctx)}
	state, unseen := p.observe(ctx)
	if state == nil {
		return reconcile.Result{}, unseen
	}
	p.version, p.wanted = state.Version(), state.Wanted
	step := upgrade.Plan(*state)
	if p.run != nil && p.run.Begun && step.Kind == upgrade.Wait { // Patroni takes the label for its own
		unseen = errors.Join(unseen, p.label(ctx, "true"))
	}
	failure := errors.Join(unseen, p.execute(ctx, step))
	if failure == nil || unseen != nil {
		failure = errors.Join(failure, p.report(ctx, step))
	}
	if apierrors.IsConflict(failure) {
		return reconcile.Result{RequeueAfter: time.Second}, nil // the manifest has just changed
	}
	if failure != nil {
		return reconcile.Result{}, failure
	}
	return p.next(step), nil
}

// next is when to look again, if no event comes before.
func (p *upgradePass) next(step upgrade.Step) reconcile.Result {
	switch {
	case step.Kind != upgrade.Wait && step.Kind != upgrade.None:
		return reconcile.Result{RequeueAfter: time.Second}
	case step.Reason == upgrade.OffHours:
		return reconcile.Result{RequeueAfter: max(closedUntil(p.config, p.pg, p.now()).Sub(p.now()), time.Second)}
	case step.Reason == upgrade.InProgress, step.Reason == upgrade.NotReady, step.Reason == upgrade.Unknown && primaryOf(p.pods, p.config) != nil:
		return reconcile.Result{RequeueAfter: p.config.ResourceCheckInterval}
	}
	return resync(p.config.ResyncPeriod)
}

// upgradePass is one look at one cluster.
type upgradePass struct {
	*upgrader
	config  config.Config
	pg      *apiv1.Postgresql
	run     *apiv1.MajorUpgrade // as the status is to have it after this pass
	version int                 // that runs, 0 while unknown
	wanted  int
	pods    []corev1.Pod
	log     logr.Logger
}

func (p *upgradePass) key() types.NamespacedName { return client.ObjectKeyFromObject(p.pg) }

// versions is what the status says of versions.
type versions struct {
	running string
	run     *apiv1.MajorUpgrade
}

func (v versions) differs(pg *apiv1.Postgresql) bool {
	have := pg.Status.MajorUpgrade
	same := v.run == have || v.run != nil && have != nil && v.run.Begun == have.Begun && v.run.Claimed.Equal(&have.Claimed)
	return !same || v.running != pg.Status.MajorVersion
}

func (v versions) fields(*apiv1.Postgresql) map[string]any {
	fields := map[string]any{}
	if v.running != "" {
		fields["majorVersion"] = v.running
	}
	if r := v.run; r != nil {
		fields["majorUpgrade"] = map[string]any{
			"from": r.From, "to": r.To, "pod": r.Pod, "podUID": string(r.PodUID), "container": r.Container,
			"begun": r.Begun, "claimed": r.Claimed.UTC().Format(time.RFC3339),
		}
	}
	return fields
}

// report writes the condition, the version that runs and the run.
func (p *upgradePass) report(ctx context.Context, step upgrade.Step) error {
	running := p.pg.Status.MajorVersion
	if p.version > 0 {
		running = fmt.Sprint(p.version)
	}
	return p.status.write(ctx, p.pg, versions{running, p.run}, []verdict{p.verdict(step)})
}

func (p *upgradePass) verdict(step upgrade.Step) verdict {
	status := metav1.ConditionFalse
	switch step.Reason {
	case upgrade.UpToDate:
		status = metav1.ConditionTrue
	case upgrade.Unknown, upgrade.Off, upgrade.Lowered, upgrade.Standby:
		status = metav1.ConditionUnknown
	}
	v := verdict{apiv1.ConditionUpgraded, status, string(step.Reason), step.Message}
	if step.Kind == upgrade.Fail {
		v.message += ". Remove the annotation " + names.UpgradeFailure + " to try again"
	}
	if before := meta.FindStatusCondition(p.pg.Status.Conditions, apiv1.ConditionUpgraded); step.Kind == upgrade.Wait &&
		step.Reason == upgrade.Failed && before != nil && upgradeFailed(*before) {
		v.reason, v.message = before.Reason, before.Message // it names the cause
	}
	return v
}

// upgradeFailed tells whether a condition Upgraded says that a person has to look.
func upgradeFailed(c metav1.Condition) bool {
	return c.Reason == string(upgrade.Failed) || c.Reason == string(upgrade.Interrupted)
}
