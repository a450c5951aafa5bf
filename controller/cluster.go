package controller

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/render"
)

// cluster is the reconciler that keeps the Kubernetes objects of clusters as manifest and
// configuration ask. It needs the API server and nothing else: no pod, no database.
type cluster struct {
	shared
	renderer *render.Renderer // without overlays that come and go
	overlays *overlays        // nil for renderer
	applier  *apply.Applier
	status   statusWriter

	newPassword func() (string, error)

	// lastSeen holds the annotations of each manifest at its last pass: deletion protection is
	// written on the manifest, which is gone when its deletion is handled.
	lastSeen sync.Map // types.NamespacedName: map[string]string
}

func newCluster(s shared) (*cluster, error) {
	renderer, err := render.New()
	if err != nil {
		return nil, fmt.Errorf("compile templates: %w", err)
	}
	return &cluster{
		shared:   s,
		renderer: renderer,
		applier:  apply.New(s.client, applyOptions()),
		status:   s.status(names.ManagerStatus),

		newPassword: newPassword,
	}, nil
}

func (r *cluster) setup(mgr manager.Manager, changes <-chan event.GenericEvent) error {
	c := r.settings.get()
	b := builder.ControllerManagedBy(mgr).Named("cluster").For(&apiv1.Postgresql{}).
		WithOptions(queueOptions(r.settings, mgr.GetLogger().WithName("cluster"))).
		Watches(&corev1.Pod{}, byLabel(c.ClusterNameLabel), builder.WithPredicates(podChanged())).
		WatchesRawSource(onConfigurationChange(changes, r.client))
	for _, k := range clusterKinds() {
		b = b.Watches(newObject(k.GroupVersionKind), byLabel(c.ClusterNameLabel),
			builder.WithPredicates(objectChanged(k), servedOnly(c.ClusterNameLabel, r.namespaces)))
	}
	for _, k := range namespaceKinds() {
		b = b.Watches(newObject(k.GroupVersionKind), byNamespace(r.client))
	}
	if r.added != nil {
		b = b.WatchesRawSource(source.Channel(r.added.changed, byLabel(c.ClusterNameLabel)))
	}
	if r.streams != nil {
		b = b.WatchesRawSource(source.Channel(r.streams.changed, byLabel(c.ClusterNameLabel)))
	}
	if r.fleet.served {
		b = b.Watches(&apiv1.FleetRollout{}, r.fleet.turns())
	}
	return b.Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *cluster) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	c := r.settings.get()
	pg, err := readManifest(ctx, r.client, req.NamespacedName)
	switch {
	case err != nil:
		return reconcile.Result{}, err
	case pg == nil:
		return r.afterManifest(ctx, c, req.NamespacedName)
	case !ownedBy(pg, r.controllerID):
		return reconcile.Result{}, nil
	case pg.DeletionTimestamp != nil:
		return reconcile.Result{}, r.withManifest(ctx, c, pg)
	}
	r.lastSeen.Store(req.NamespacedName, pg.Annotations)
	seen := r.now()
	p := &clusterPass{cluster: r, config: c, pg: pg, log: logr.FromContextOrDiscard(ctx)}
	if err := p.run(ctx); err != nil {
		return reconcile.Result{}, err
	}
	if err := r.record(pg, seen); err != nil {
		return reconcile.Result{}, err
	}
	result := resync(c.ResyncPeriod)
	if !p.again.IsZero() {
		result.RequeueAfter = min(result.RequeueAfter, max(p.again.Sub(r.now())+time.Second, time.Second))
	}
	if opens := p.versionWaits(); opens > 0 {
		result.RequeueAfter = min(result.RequeueAfter, opens)
	}
	return result, nil
}

// record lets the REST API tell what became of the manifest.
func (r *cluster) record(pg *apiv1.Postgresql, seen time.Time) error {
	recorder, key := r.settings.recorder, client.ObjectKeyFromObject(pg)
	if recorder == nil || recorder.Knows(key, pg.Generation) {
		return nil
	}
	spec, err := specOf(pg)
	if err == nil {
		recorder.Manifest(key, pg.Generation, spec, seen)
	}
	return err
}

func (r *cluster) forget(key types.NamespacedName) {
	r.lastSeen.Delete(key)
	if r.settings.recorder != nil {
		r.settings.recorder.Forget(key)
	}
}

// resync brings a cluster back after about a period, behind whatever a user changes meanwhile.
func resync(period time.Duration) reconcile.Result {
	later := handler.LowPriority
	return reconcile.Result{RequeueAfter: spread(period), Priority: &later}
}

// spread varies a period by up to a tenth, so that clusters do not all come at once.
func spread(period time.Duration) time.Duration {
	return period - time.Duration(rand.Int64N(int64(period)/10+1))
}

// afterManifest cleans up after a manifest that no longer exists.
func (r *cluster) afterManifest(ctx context.Context, c config.Config, key types.NamespacedName) (reconcile.Result, error) {
	log := logr.FromContextOrDiscard(ctx)
	t := teardown{client: r.client, config: c, key: key}
	l, err := r.leftOf(ctx, c, key)
	if err != nil || !t.pending(l, r.controllerID) {
		r.forget(key)
		return reconcile.Result{}, err
	}
	if !unfinished(l, key.Name) {
		annotations, known := r.lastSeen.Load(key)
		seen, _ := annotations.(map[string]string)
		if why := deletionProtected(c, key.Name, seen, known, r.now()); why != "" {
			log.Info("manifest is gone, its objects stay: " + why)
			return reconcile.Result{}, nil
		}
	}
	// What is deleted does not come back, so the API server itself is asked: a cache may lag.
	if pg, err := readManifest(ctx, r.live, key); err != nil || pg != nil {
		return reconcile.Result{}, err
	}
	done, err := t.next(ctx, l)
	if done {
		log.Info("cluster deleted")
		r.forget(key)
	}
	return reconcile.Result{}, err
}

// withManifest cleans up before a manifest whose deletion waits for our finalizer.
func (r *cluster) withManifest(ctx context.Context, c config.Config, pg *apiv1.Postgresql) error {
	if !controllerutil.ContainsFinalizer(pg, names.Finalizer) {
		return nil // another finalizer holds it; what is left is cleaned up when it is gone
	}
	key := client.ObjectKeyFromObject(pg)
	l, err := r.leftOf(ctx, c, key)
	if err != nil {
		return err
	}
	if why := deletionProtected(c, pg.Name, pg.Annotations, true, r.now()); why != "" && !unfinished(l, pg.Name) {
		return r.reportDeletion(ctx, pg, bad(apiv1.ConditionProgressing, "DeletionProtected", why))
	}
	if done, err := (teardown{client: r.client, config: c, key: key}).next(ctx, l); err != nil || !done {
		if err != nil {
			err = errors.Join(err, r.reportDeletion(ctx, pg, bad(apiv1.ConditionProgressing, "DeleteFailed", oneLine(err))))
		}
		return err
	}
	patch := client.MergeFromWithOptions(pg.DeepCopy(), client.MergeFromWithOptimisticLock{})
	controllerutil.RemoveFinalizer(pg, names.Finalizer)
	if err := r.client.Patch(ctx, pg, patch); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("release cluster %s: %w", key, err)
	}
	return nil
}

// clusterConditions are those that this reconciler writes.
func clusterConditions() []string {
	return []string{
		apiv1.ConditionReady, apiv1.ConditionProgressing, apiv1.ConditionDegraded, apiv1.ConditionRendered, apiv1.ConditionApplied,
		apiv1.ConditionHeld,
	}
}

// reportDeletion says what holds up a deletion, once also in an event. All else that this reconciler said in the
// status stays as it is: what an apply leaves out would vanish.
func (r *cluster) reportDeletion(ctx context.Context, pg *apiv1.Postgresql, v verdict) error {
	if !sameMessage(pg, v) {
		r.events.warn(pg, "Delete", v.message)
	}
	verdicts := []verdict{v}
	for _, c := range pg.Status.Conditions {
		if c.Type != v.condition && slices.Contains(clusterConditions(), c.Type) {
			verdicts = append(verdicts, verdict{c.Type, c.Status, c.Reason, c.Message})
		}
	}
	said := summary{
		word: pg.Status.PostgresClusterStatus, statefulSetGeneration: pg.Status.StatefulSetGeneration,
		rendered: pg.Status.Rendered, held: pg.Status.Held, observedFleet: pg.Status.ObservedFleet,
	}
	return r.status.write(ctx, pg, &said, verdicts)
}

func (r *cluster) leftOf(ctx context.Context, c config.Config, key types.NamespacedName) (left, error) {
	streams, installed, err := r.streams.of(ctx, key)
	if err != nil {
		return left{}, err
	}
	objects, err := observeObjects(ctx, r.client, c, key)
	if err != nil {
		return left{}, err
	}
	added, err := r.added.of(ctx, key)
	if err != nil {
		return left{}, err
	}
	pods, err := observePods(ctx, r.client, c, key)
	return left{objects: slices.Concat(objects, streams, added), pods: pods, streams: installed}, err
}

// deletionProtected says why a cluster may not be deleted yet; empty means that it may. The
// configuration can ask for two annotations that say: yes, this one, today. A manifest that was never seen counts as
// not annotated, because deleting too late is better than too early.
func deletionProtected(c config.Config, name string, annotations map[string]string, known bool, now time.Time) string {
	if c.EnableOwnerReferences || (c.DeleteAnnotationDateKey == "" && c.DeleteAnnotationNameKey == "") {
		return ""
	}
	if !known {
		return "it was deleted while the operator was down, and its annotations are not known"
	}
	today := now.Format(time.DateOnly)
	if key := c.DeleteAnnotationDateKey; key != "" && annotations[key] != today {
		return fmt.Sprintf("annotation %s is %q, deletion needs the date of today", key, annotations[key])
	}
	if key := c.DeleteAnnotationNameKey; key != "" && annotations[key] != name {
		return fmt.Sprintf("annotation %s is %q, deletion needs the name of the cluster", key, annotations[key])
	}
	return ""
}

// invalidError says that only a changed manifest can help.
type invalidError struct{ cause error }

func (e *invalidError) Error() string { return e.cause.Error() }
func (e *invalidError) Unwrap() error { return e.cause }

func isInvalid(err error) bool {
	var invalid *invalidError
	var input *render.InputError
	return errors.As(err, &invalid) || errors.As(err, &input)
}
