package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/ebs"
	"postgres-operator/names"
	"postgres-operator/volumes"
)

// diskService is what is used of EC2.
type diskService interface {
	Disks(ctx context.Context, ids []string) (map[string]volumes.Disk, error)
	Modify(ctx context.Context, id string, change volumes.Change) error
}

// resizer brings the volumes of clusters to what their manifests ask for. What is to be done, package
// volumes decides.
type resizer struct {
	shared
	status statusWriter

	mu     sync.Mutex
	region string
	disks  diskService // of that region; nil until it is needed
}

func newResizer(s shared) *resizer {
	return &resizer{shared: s, status: s.status(names.ManagerVolumes)}
}

func (r *resizer) setup(mgr manager.Manager, changes <-chan event.GenericEvent) error {
	c := r.settings.get()
	return builder.ControllerManagedBy(mgr).Named("volumes").For(&apiv1.Postgresql{}).
		WithOptions(queueOptions(r.settings, mgr.GetLogger().WithName("volumes"))).
		Watches(newObject(volumeClaimKind), byLabel(c.ClusterNameLabel)).
		Watches(&corev1.Pod{}, byLabel(c.ClusterNameLabel), builder.WithPredicates(podChanged())).
		WatchesRawSource(onConfigurationChange(changes, r.client)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *resizer) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	pg, err := readManifest(ctx, r.client, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if pg == nil || pg.DeletionTimestamp != nil || !ownedBy(pg, r.controllerID) || pg.Status.StatefulSetGeneration == 0 {
		return reconcile.Result{}, nil
	}
	p := &volumesPass{resizer: r, config: r.settings.get(), pg: pg, log: logr.FromContextOrDiscard(ctx)}
	state, err := p.observe(ctx)
	if state == nil {
		return reconcile.Result{}, err
	}
	decision := volumes.Decide(*state)
	failure := errors.Join(err, p.execute(ctx, decision.Steps))
	failure = errors.Join(failure, p.report(ctx, decision, failure))
	if failure != nil && !apierrors.IsConflict(failure) {
		return reconcile.Result{}, failure
	}
	if failure != nil || len(decision.Steps) > 0 || decision.Worst().Moves() {
		return reconcile.Result{RequeueAfter: p.config.ResourceCheckInterval}, nil
	}
	return resync(p.config.ResyncPeriod), nil
}

// volumesPass is one look at the volumes of one cluster.
type volumesPass struct {
	*resizer
	config config.Config
	pg     *apiv1.Postgresql
	log    logr.Logger
}

func (p *volumesPass) key() types.NamespacedName { return client.ObjectKeyFromObject(p.pg) }

// reasonResizeFailed is that of the condition when a step failed.
const reasonResizeFailed = "ResizeFailed"

// report writes the condition, and an event when it tells of something that a person has to look at.
func (p *volumesPass) report(ctx context.Context, d volumes.Decision, failure error) error {
	worst := d.Worst()
	v := bad(apiv1.ConditionVolumesResized, string(worst), d.Message())
	switch {
	case failure != nil:
		v = bad(apiv1.ConditionVolumesResized, reasonResizeFailed, oneLine(failure))
	case worst == volumes.Resized:
		v = good(apiv1.ConditionVolumesResized, string(worst), d.Message())
	case worst == volumes.SwitchedOff || worst == volumes.NotBound:
		v = unknown(apiv1.ConditionVolumesResized, string(worst), d.Message())
	}
	if (failure != nil || worst.NeedsPerson()) && !sameMessage(p.pg, v) {
		p.events.warn(p.pg, "Volumes", v.message)
	}
	return p.status.write(ctx, p.pg, nil, []verdict{v})
}

// volumesNeedPerson tells whether the volumes of a cluster stay as they are until somebody does something.
func volumesNeedPerson(pg *apiv1.Postgresql) (string, bool) {
	c := meta.FindStatusCondition(pg.Status.Conditions, apiv1.ConditionVolumesResized)
	if c == nil || c.Reason != reasonResizeFailed && !volumes.Reason(c.Reason).NeedsPerson() {
		return "", false
	}
	return c.Type + ": " + c.Message, true
}

// ec2 returns the client for the configured region.
func (r *resizer) ec2(ctx context.Context, region string) (diskService, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.disks != nil && r.region == region {
		return r.disks, nil
	}
	c, err := ebs.New(ctx, region)
	if err != nil {
		return nil, fmt.Errorf("reach EC2 in region %s: %w", region, err)
	}
	r.disks, r.region = c, region
	return c, nil
}
