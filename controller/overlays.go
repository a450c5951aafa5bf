package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/overlay"
	"postgres-operator/registry"
	"postgres-operator/render"
	"postgres-operator/trial"
)

// retireAgain is when objects of former overlays are looked for again, retireAfter how long a kind is a former one
// before it is forgotten.
const (
	retireAgain = 5 * time.Second
	retireAfter = 10 * time.Second
)

// overlaysTimeout bounds one pass over the overlays, most of which is the trial.
const overlaysTimeout = 15 * time.Minute

// overlays decides which overlays are in force. A set that differs from the one in force is tried in a
// child process with every cluster there is; if it fails, the one in force stays, also when the operator
// starts anew: it is kept in a ConfigMap of ours.
type overlays struct {
	shared
	namespace string // of the operator
	views     func(context.Context) ([]render.View, error)
	runner    trial.Runner
	fetch     func(ctx context.Context, artifact string) (overlay.Set, error)
	changed   chan<- event.GenericEvent
	reader    client.Reader // of the ConfigMaps that are overlays

	decided     chan struct{} // closed when it is known what is in force
	decidedOnce sync.Once

	mu    sync.RWMutex
	force inForce
	wrong *trial.Failure // why a later set is not in force
	said  map[string]any // by our ConfigMap
}

// inForce is a set of overlays, ready to render.
type inForce struct {
	digest   string
	set      overlay.Set
	renderer *render.Renderer
	err      error // why it cannot be rendered: what runs stays as it is
}

func newOverlays(s shared, namespace string, changed chan<- event.GenericEvent) *overlays {
	return &overlays{shared: s, namespace: namespace, changed: changed, fetch: registry.Fetch, decided: make(chan struct{})}
}

// renderer returns what is in force. At the start it waits until that is known.
func (o *overlays) renderer(ctx context.Context) (*render.Renderer, error) {
	select {
	case <-o.decided:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for overlays: %w", ctx.Err())
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.force.renderer, o.force.err
}

// digest names the overlays that are in force; empty for none, or while that is not known.
func (o *overlays) digest() string {
	if o == nil {
		return ""
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if len(o.force.set) == 0 {
		return ""
	}
	return shortDigest(o.force.digest)
}

// shortDigest is one as the status of clusters has it.
func shortDigest(digest string) string { return digest[:min(12, len(digest))] }

// failureOf is what is wrong with the overlays that are not in force, if it was found with this cluster.
func (o *overlays) failureOf(cluster types.NamespacedName) string {
	if o == nil {
		return ""
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.wrong == nil || o.wrong.Cluster != cluster.String() {
		return ""
	}
	return o.wrong.Error()
}

// setup watches the ConfigMaps with overlays through a cache of their own.
func (o *overlays) setup(mgr manager.Manager, changes <-chan event.GenericEvent) error {
	only, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultNamespaces:    map[string]cache.Config{o.namespace: {}},
		DefaultLabelSelector: overlayLabel(),
	})
	if err != nil {
		return fmt.Errorf("watch overlays: %w", err)
	}
	if err := mgr.Add(only); err != nil {
		return fmt.Errorf("watch overlays: %w", err)
	}
	o.reader = only
	one := handler.TypedEnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request { return o.request() })
	return builder.ControllerManagedBy(mgr).Named("overlays").
		WithOptions(controller.Options{MaxConcurrentReconciles: 1, ReconciliationTimeout: overlaysTimeout}).
		WatchesRawSource(source.Kind(only, client.Object(&corev1.ConfigMap{}), one)).
		WatchesRawSource(source.Channel(changes, handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request { return o.request() }))).
		WatchesRawSource(source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			queue.Add(o.request()[0]) // there may be no event that makes it look
			return nil
		})).
		Complete(o)
}

func (o *overlays) request() []reconcile.Request {
	return []reconcile.Request{{NamespacedName: o.stateKey()}}
}

// Reconcile implements reconcile.Reconciler.
func (o *overlays) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	c := o.settings.get()
	if !o.known() {
		if err := o.restore(ctx); err != nil {
			return reconcile.Result{}, err
		}
	}
	failure, err := o.decide(ctx, c)
	if err != nil {
		return reconcile.Result{}, err
	}
	if err := o.report(ctx, failure); err != nil {
		return reconcile.Result{}, err
	}
	o.decidedOnce.Do(func() { close(o.decided) })
	waiting, err := o.retireKinds(ctx)
	switch {
	case err != nil:
		return reconcile.Result{}, err
	case waiting:
		return reconcile.Result{RequeueAfter: retireAgain}, nil
	case failure != nil || c.OverlayDirectory != "" || o.added.incomplete():
		// A cluster that goes may take the reason with it, a directory tells of no change, nor does a
		// kind that is installed.
		return reconcile.Result{RequeueAfter: spread(c.RepairPeriod)}, nil
	}
	return reconcile.Result{}, nil
}

// retireKinds forgets the kinds that only former overlays had objects of, when these are gone.
func (o *overlays) retireKinds(ctx context.Context) (waiting bool, err error) {
	retired, waiting := o.added.retire(ctx)
	if !retired {
		return waiting, nil
	}
	o.mu.RLock()
	set := o.force.set
	o.mu.RUnlock()
	return waiting, o.keep(ctx, set, nil)
}

// decide puts the overlays in force that there are, or says why not.
func (o *overlays) decide(ctx context.Context, c config.Config) (*trial.Failure, error) {
	set, err := o.gather(ctx, c)
	if err != nil {
		return &trial.Failure{Text: ephemeralPort.ReplaceAllString(err.Error(), "->"), Overlay: overlayIn(err)}, nil
	}
	o.mu.RLock()
	before := o.force
	o.mu.RUnlock()
	if before.err == nil && set.Digest() == before.digest {
		return nil, nil
	}
	result, err := o.try(ctx, c, set)
	if err != nil || result.Failure != nil {
		return result.Failure, err
	}
	if failure := o.permitted(ctx, result.Kinds); failure != nil {
		return failure, nil
	}
	renderer, err := render.New(set...)
	if err != nil {
		return &trial.Failure{Text: err.Error()}, nil
	}
	wanted := make([]schema.GroupVersionKind, 0, len(result.Kinds))
	for _, k := range result.Kinds {
		wanted = append(wanted, k.GroupVersionKind)
	}
	o.added.want(wanted)
	if err := o.keep(ctx, set, result.Kinds); err != nil {
		return nil, err
	}
	o.put(inForce{digest: set.Digest(), set: set, renderer: renderer})
	logr.FromContextOrDiscard(ctx).Info("overlays in force", "overlays", sources(set), "digest", set.Digest())
	return nil, nil
}

// try tries a set with every cluster.
func (o *overlays) try(ctx context.Context, c config.Config, set overlay.Set) (trial.Result, error) {
	if len(set) == 0 {
		return trial.Result{}, nil
	}
	views, err := o.views(ctx)
	if err != nil {
		return trial.Result{}, err
	}
	memory, err := resource.ParseQuantity(c.OverlayTrialMemory)
	if err != nil {
		return trial.Result{}, fmt.Errorf("overlay_trial_memory: %w", err)
	}
	result, err := o.runner.Run(ctx, trial.Request{Set: set, Clusters: views, Limits: trial.Limits{
		Seconds: int64(max(time.Second, c.OverlayTrialTimeout).Seconds()), Memory: memory.Value(),
	}})
	trials.WithLabelValues(outcome(result, err)).Inc()
	return result, err
}

// gather reads every overlay there is, in their order: the directory, the artifact, and the ConfigMaps
// of the operator's namespace by name.
func (o *overlays) gather(ctx context.Context, c config.Config) (overlay.Set, error) {
	var set overlay.Set
	if c.OverlayDirectory != "" {
		own, err := overlay.Directory(c.OverlayDirectory)
		if err != nil {
			return nil, err
		}
		set = append(set, own...)
	}
	if c.OverlayArtifact != "" {
		own, err := o.artifact(ctx, c.OverlayArtifact)
		if err != nil {
			return nil, err
		}
		set = append(set, own...)
	}
	var maps corev1.ConfigMapList
	if err := o.reader.List(ctx, &maps, client.InNamespace(o.namespace)); err != nil {
		return nil, fmt.Errorf("list ConfigMaps with overlays: %w", err)
	}
	own, err := overlay.FromConfigMaps(maps.Items)
	if err != nil {
		return nil, err
	}
	set = append(set, own...)
	return set, set.Check()
}

// artifact fetches an artifact, unless it is part of what is in force: its digest says that it cannot
// have changed.
func (o *overlays) artifact(ctx context.Context, reference string) (overlay.Set, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var known overlay.Set
	for _, own := range o.force.set {
		if own.Source == registry.Source(reference) {
			known = append(known, own)
		}
	}
	if len(known) > 0 {
		return known, nil
	}
	return o.fetch(ctx, reference)
}

func (o *overlays) put(f inForce) {
	o.mu.Lock()
	o.force = f
	o.mu.Unlock()
	o.tell()
}

// tell brings every cluster into the queues.
func (o *overlays) tell() {
	select {
	case o.changed <- event.GenericEvent{Object: newObject(configMapKind)}:
	default: // the one that waits says the same
	}
}

func (o *overlays) known() bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.force.renderer != nil || o.force.err != nil
}

// sources names overlays and where they come from.
func sources(set overlay.Set) string {
	var words []string
	for _, own := range set {
		words = append(words, own.Name+" ("+own.Source+")")
	}
	return strings.Join(words, ", ")
}

func overlayIn(err error) string {
	var wrong *overlay.Error
	if errors.As(err, &wrong) {
		return wrong.Overlay
	}
	return ""
}

// views are the clusters that overlays are tried with: what they would be rendered from, with
// placeholders for their credentials. Clusters whose manifest is invalid are none of the overlays' fault.
func (r *cluster) views(ctx context.Context) ([]render.View, error) {
	var manifests apiv1.PostgresqlList
	if err := r.client.List(ctx, &manifests); err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	var views []render.View
	for i := range manifests.Items {
		pg := &manifests.Items[i]
		if !ownedBy(pg, r.controllerID) || pg.DeletionTimestamp != nil {
			continue
		}
		p := &clusterPass{cluster: r, config: r.settings.get(), pg: pg, log: logr.FromContextOrDiscard(ctx)}
		if p.observe(ctx) != nil || p.validate(ctx) != nil {
			continue
		}
		p.standInCredentials()
		if view, err := p.view(ctx); err == nil {
			views = append(views, view)
		}
	}
	return views, nil
}
