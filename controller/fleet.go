package controller

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/hold"
	"postgres-operator/names"
	"postgres-operator/waves"
)

var fleetRolloutKind = apiv1.GroupVersion.WithKind(apiv1.KindFleetRollout)

// fleetRollout is the object in which this operator keeps the progress of waves: in its own namespace, named
// like its lease, so that operators with different controller ids have one each.
type fleetRollout struct {
	key    types.NamespacedName
	reader client.Reader
	served bool // the API server knows the kind; it is looked for only where waves are configured
}

func newFleetRollout(mgr manager.Manager, o Options, c config.Config) fleetRollout {
	f := fleetRollout{key: fleetRolloutKey(o.Source.OperatorNamespace, o.ControllerID), reader: mgr.GetClient()}
	if !c.Waves() {
		return f
	}
	_, err := mgr.GetRESTMapper().RESTMapping(fleetRolloutKind.GroupKind(), fleetRolloutKind.Version)
	if f.served = err == nil; !f.served {
		o.Log.Error(err, "waves cannot begin: apply manifests/fleetrollout.crd.yaml and restart the operator")
	}
	return f
}

func fleetRolloutKey(operatorNamespace, controllerID string) types.NamespacedName {
	return types.NamespacedName{Namespace: operatorNamespace, Name: leaseID(controllerID)}
}

// read returns the object, nil if there is none.
func (f fleetRollout) read(ctx context.Context) (*apiv1.FleetRollout, error) {
	if !f.served {
		return nil, nil
	}
	o := &apiv1.FleetRollout{}
	if err := f.reader.Get(ctx, f.key, o); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read fleetrollout %s: %w", f.key, err)
	}
	return o, nil
}

// fleetDigest names what the pod templates of all clusters are made from beside their manifests.
func (s shared) fleetDigest(ctx context.Context, c config.Config, overlays string) (string, error) {
	environment := map[string]any{}
	if name := c.PodEnvironmentConfigMap; !name.IsZero() {
		o, err := s.references.get(ctx, configMapKind, types.NamespacedName{Namespace: name.Namespace, Name: name.Name})
		if err != nil {
			return "", err
		}
		if o != nil {
			environment, _, _ = unstructured.NestedMap(o.Object, "data")
		}
	}
	return hold.Digest(map[string]any{"operator": s.version, "configuration": c.Digest(), "overlays": overlays, "environment": environment}), nil
}

// turns brings the clusters of a wave into a reconciler's queue.
func (f fleetRollout) turns() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		var requests []reconcile.Request
		rollout, ok := o.(*apiv1.FleetRollout)
		if !ok || client.ObjectKeyFromObject(o) != f.key {
			return nil
		}
		for _, turn := range rollout.Status.Turn {
			namespace, name, _ := strings.Cut(turn.Cluster, "/")
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}})
		}
		return requests
	})
}

// fleetReconciler leads changes that would restart pods through the fleet in waves. Package waves decides
// whose turn it is; that it is, stands in the status of the FleetRollout, where reconciler Cluster reads it.
type fleetReconciler struct {
	shared
	overlays *overlays
}

func newFleet(s shared, o *overlays) *fleetReconciler { return &fleetReconciler{s, o} }

func (r *fleetReconciler) setup(mgr manager.Manager, changes <-chan event.GenericEvent) error {
	if !r.fleet.served {
		go func() { // nobody else reads what the configuration tells
			for range changes { //nolint:revive // to be thrown away
			}
		}()
		return nil
	}
	one := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: r.fleet.key}}
	})
	only := predicate.NewPredicateFuncs(func(o client.Object) bool { return client.ObjectKeyFromObject(o) == r.fleet.key })
	return builder.ControllerManagedBy(mgr).Named("fleet").
		For(&apiv1.FleetRollout{}, builder.WithPredicates(only)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1, RateLimiter: queueOptions(r.settings, mgr.GetLogger()).RateLimiter}).
		Watches(&apiv1.Postgresql{}, one, builder.WithPredicates(fleetFactsChanged())).
		WatchesRawSource(source.Channel(changes, one)).
		Complete(r)
}

// fleetFactsChanged lets through what the decision about waves rests on.
func fleetFactsChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*apiv1.Postgresql)
		after, okToo := e.ObjectNew.(*apiv1.Postgresql)
		return !ok || !okToo || trouble(before) != trouble(after) ||
			!reflect.DeepEqual(before.Status.Held, after.Status.Held) || before.Status.ObservedFleet != after.Status.ObservedFleet ||
			!reflect.DeepEqual(before.Labels, after.Labels) || !reflect.DeepEqual(before.Annotations, after.Annotations)
	}}
}

// Reconcile implements reconcile.Reconciler.
func (r *fleetReconciler) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	c := r.settings.get()
	progress, err := r.fleet.read(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	clusters, err := r.clusters(ctx, c)
	if err != nil {
		return reconcile.Result{}, err
	}
	if progress == nil {
		if !slices.ContainsFunc(clusters, func(c waves.Cluster) bool { return c.Held }) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, r.create(ctx) // and come back for the new object
	}
	plan := waves.Plan{Size: c.FleetWaveSize, Pause: c.FleetWavePause, Deadline: c.FleetWaveDeadline, StopOnUnhealthy: c.FleetStopOnUnhealthy}
	d := waves.Next(plan, r.now(), progress.Spec.Paused, clusters, progressOf(progress))
	if err := r.write(ctx, progress, d); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: d.LookAgain}, nil
}

// clusters are the facts about those that this operator serves.
func (r *fleetReconciler) clusters(ctx context.Context, c config.Config) ([]waves.Cluster, error) {
	var list apiv1.PostgresqlList
	if err := r.client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	canaries := labels.Nothing()
	if c.FleetCanarySelector != "" {
		var err error
		if canaries, err = labels.Parse(c.FleetCanarySelector); err != nil {
			return nil, fmt.Errorf("fleet_canary_selector: %w", err)
		}
	}
	fleet, err := r.fleetDigest(ctx, c, r.overlays.digest())
	if err != nil {
		return nil, err
	}
	var clusters []waves.Cluster
	for i := range list.Items {
		pg := &list.Items[i]
		if !ownedBy(pg, r.controllerID) || pg.DeletionTimestamp != nil {
			continue
		}
		cluster := waves.Cluster{
			Name: client.ObjectKeyFromObject(pg).String(), Canary: canaries.Matches(labels.Set(pg.Labels)),
			Trouble: trouble(pg), // one that fails to be applied is not waited for
			Stale:   pg.Status.ObservedFleet != fleet && meta.IsStatusConditionTrue(pg.Status.Conditions, apiv1.ConditionApplied),
		}
		if held := pg.Status.Held; held != nil {
			cluster.Held = true
			if held.WaitsFor == string(hold.Wave) {
				cluster.Change = held.Change
			}
		}
		clusters = append(clusters, cluster)
	}
	return clusters, nil
}

// trouble says why a cluster does not count as healthy with what it was told last; empty when it does.
func trouble(pg *apiv1.Postgresql) string {
	for _, condition := range []string{apiv1.ConditionApplied, apiv1.ConditionReady, apiv1.ConditionRolledOut} {
		c := meta.FindStatusCondition(pg.Status.Conditions, condition)
		switch {
		case c == nil || c.ObservedGeneration != pg.Generation:
			return "its manifest has just changed"
		case c.Status != metav1.ConditionTrue && c.Reason != reasonScaledToZero:
			return c.Type + ": " + c.Message
		}
	}
	if pg.Status.RolledOutGeneration != pg.Status.StatefulSetGeneration {
		return "not all members are back since the change"
	}
	return ""
}

func (r *fleetReconciler) create(ctx context.Context) error {
	o := &apiv1.FleetRollout{}
	o.Namespace, o.Name = r.fleet.key.Namespace, r.fleet.key.Name
	if err := r.client.Create(ctx, o, client.FieldOwner(names.ManagerFleet)); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create fleetrollout %s: %w", r.fleet.key, err)
	}
	return nil
}

func progressOf(o *apiv1.FleetRollout) waves.Progress {
	p := waves.Progress{Phase: waves.Phase(o.Status.Phase), Wave: int(o.Status.Wave)}
	if at := o.Status.WaveBegan; at != nil {
		p.Began = at.Time
	}
	if at := o.Status.WaveEnded; at != nil {
		p.Ended = at.Time
	}
	for _, turn := range o.Status.Turn {
		p.Members = append(p.Members, waves.Member{Name: turn.Cluster, Change: turn.Change})
	}
	for _, broken := range o.Status.Unhealthy {
		p.Broken = append(p.Broken, broken.Cluster)
	}
	return p
}

func statusOf(d waves.Decision) apiv1.FleetRolloutStatus {
	s := apiv1.FleetRolloutStatus{
		Phase: string(d.Phase), Message: d.Message, Wave: int32(d.Wave), Clusters: int32(d.Total), Behind: int32(d.Behind),
		WaveBegan: timeOf(d.Began), WaveEnded: timeOf(d.Ended),
	}
	for _, m := range d.Members {
		s.Turn = append(s.Turn, apiv1.FleetTurn{Cluster: m.Name, Change: m.Change})
	}
	for _, ill := range d.Unhealthy {
		s.Unhealthy = append(s.Unhealthy, apiv1.FleetUnhealthy{Cluster: ill.Name, Why: ill.Why})
	}
	return s
}

// timeOf is a time as objects keep it, in seconds; nil for none.
func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.Truncate(time.Second).Local()}
}

// write stores a decision, if it is another than the last one. It is refused when the object has changed
// since it was read: a turn is given once, whatever a cache shows.
func (r *fleetReconciler) write(ctx context.Context, o *apiv1.FleetRollout, d waves.Decision) error {
	status := statusOf(d)
	if reflect.DeepEqual(status, o.Status) {
		return nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return fmt.Errorf("put status of fleetrollout %s together: %w", r.fleet.key, err)
	}
	intent := newObject(fleetRolloutKind)
	intent.SetNamespace(o.Namespace)
	intent.SetName(o.Name)
	intent.SetResourceVersion(o.ResourceVersion)
	intent.Object["status"] = content
	err = r.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(intent), client.FieldOwner(names.ManagerFleet), client.ForceOwnership)
	if apierrors.IsConflict(err) {
		return nil // somebody has just paused it, or the cache lags: the newer object is on its way
	}
	if err != nil {
		return fmt.Errorf("write status of fleetrollout %s: %w", r.fleet.key, err)
	}
	logr.FromContextOrDiscard(ctx).Info("fleet rollout", "phase", d.Phase, "wave", d.Wave, "message", d.Message)
	switch {
	case d.Phase == waves.Stopped && o.Status.Phase != string(waves.Stopped):
		r.events.warn(o, "Stopped", d.Message)
	case d.Phase != waves.Phase(o.Status.Phase) || d.Wave != int(o.Status.Wave):
		r.events.note(o, string(d.Phase), d.Message)
	}
	return nil
}
