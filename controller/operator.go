package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	runtimeconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/teams"
	"postgres-operator/trial"
	"postgres-operator/web"
)

const (
	eventSource = "postgres-operator"
	leaseName   = "postgres-operator"

	// reconcileTimeout bounds one pass over one cluster, so that a hanging server costs a worker
	// for this long at most.
	reconcileTimeout = 2 * time.Minute
)

// Options are the facts of the process that an operator runs in.
type Options struct {
	REST         *rest.Config
	Source       ConfigSource
	ControllerID string // only manifests with this annotation are served; empty: those without

	ProbeAddress   string // liveness and readiness, such as ":8081"; "0" for none
	MetricsAddress string // Prometheus metrics, such as ":8082"; "0" for none
	LeaderElection bool

	Forwarding Forwarding // how pods are reached; empty: never through the API server

	// API serves the REST API on the port that the configuration says; Profiles serves profiles of the
	// process there, too.
	API, Profiles bool

	// Trials starts the processes in which changed overlays are tried; the zero value is this program.
	Trials trial.Runner

	JSONLog  bool   // whether Log writes JSON, which the API tells
	Version  string // of the operator, for people
	Log      logr.Logger
	SetDebug func(bool) // switches debug messages on or off, as the configuration says

	// Of the process: they outlive a manager that is built anew.
	events   events
	teams    *teams.API
	recorder *web.Recorder
	exec     commander // in tests, for want of a kubelet
}

// Run serves clusters until the context ends. A change of the configuration that touches caches or
// queues builds everything anew without leaving the process.
func Run(ctx context.Context, o Options) error {
	o.REST = withoutRateLimit(o.REST)
	o.REST.WarningHandler = quiet{o.Log}
	if err := awaitAPIServer(ctx, o); err != nil {
		return err
	}
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	if o.events, err = startEvents(ctx, o.REST, scheme); err != nil {
		return err
	}
	direct, err := client.New(o.REST, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	o.teams = teams.NewAPI()
	c, err := o.Source.Load(ctx, direct)
	if err != nil {
		return fmt.Errorf("operator configuration: %w", err)
	}
	o.Log.Info("operator configuration", "configuration", c, "warnings", c.Warnings)
	settings := newSettings(c, o.SetDebug)
	o.recorder = web.NewRecorder(settings.limits)
	o.Log = o.recorder.Logger(o.Log)
	settings.recorder = o.recorder
	for {
		if err := prepareKinds(ctx, o.Log, direct, c); err != nil {
			return err
		}
		settings.set(c)
		o.recorder.Reset()
		var changed *configurationNeedsRestart
		if err := runOnce(ctx, o, scheme, settings); !errors.As(err, &changed) {
			return err
		}
		c = changed.next
		o.Log.Info("starting anew with the changed configuration")
	}
}

// withoutRateLimit lifts client-go's limit of a few requests a second: the operator sends nothing
// when nothing changed, and the API server protects itself by priority and fairness.
func withoutRateLimit(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.QPS = -1
	return c
}

// quiet passes the API server's warnings to the log, without those that Endpoints are deprecated:
// Patroni's endpoints mode knows no EndpointSlices.
type quiet struct{ log logr.Logger }

// HandleWarningHeader implements rest.WarningHandler.
func (q quiet) HandleWarningHeader(_ int, _ string, text string) {
	if !strings.HasPrefix(text, "v1 Endpoints is deprecated") {
		q.log.Info("warning of the API server", "warning", text)
	}
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), apiv1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("register types: %w", err)
	}
	return scheme, nil
}

func runOnce(ctx context.Context, o Options, scheme *runtime.Scheme, settings *settings) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	mgr, err := newManager(o, scheme, settings.get())
	if err != nil {
		return err
	}
	if err := setup(mgr, o, settings, cancel); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run controllers: %w", err)
	}
	var changed *configurationNeedsRestart
	if errors.As(context.Cause(ctx), &changed) {
		return changed
	}
	return nil
}

func newManager(o Options, scheme *runtime.Scheme, c config.Config) (manager.Manager, error) {
	caches, err := cacheOptions(c, o.Source.OperatorNamespace)
	if err != nil {
		return nil, err
	}
	again := true // names of controllers repeat when the manager is built anew
	mgr, err := ctrl.NewManager(o.REST, ctrl.Options{
		Scheme:                        scheme,
		Logger:                        o.Log,
		Cache:                         caches,
		Client:                        client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress:        o.ProbeAddress,
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              leaseID(o.ControllerID),
		LeaderElectionNamespace:       o.Source.OperatorNamespace,
		LeaderElectionReleaseOnCancel: true,
		Controller: runtimeconfig.Controller{
			MaxConcurrentReconciles: int(c.Workers),
			ReconciliationTimeout:   reconcileTimeout,
			SkipNameValidation:      &again,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("build controllers: %w", err)
	}
	return mgr, nil
}

// leaseID gives operators with different controller ids in one namespace a lease each.
func leaseID(controllerID string) string {
	if controllerID == "" {
		return leaseName
	}
	return leaseName + "-" + strings.ToLower(controllerID)
}

// reconciler is one of those that share the work on a cluster.
type reconciler interface {
	setup(mgr manager.Manager, changes <-chan event.GenericEvent) error
}

// setup adds the reconcilers, the watch of the configuration and the probes to a manager.
func setup(mgr manager.Manager, o Options, settings *settings, rebuild context.CancelCauseFunc) error {
	changes := newBroadcast()
	watch := &configurationWatch{source: o.Source, settings: settings, events: o.events, changed: changes.in, rebuild: rebuild}
	if err := watch.setup(mgr); err != nil {
		return err
	}
	references := newReferences(mgr, changes.in)
	if err := mgr.Add(references); err != nil {
		return fmt.Errorf("watch what the configuration refers to: %w", err)
	}
	namespaces := settings.get().WatchedNamespaces(o.Source.OperatorNamespace)
	reach, err := newReach(o.Forwarding, o.REST, o.Log)
	if err != nil {
		return err
	}
	exec, err := o.commander()
	if err != nil {
		return err
	}
	shared := shared{
		exec:   exec,
		client: mgr.GetClient(), live: mgr.GetAPIReader(), references: references,
		streams:    newStreams(mgr, references, settings.get(), namespaces),
		added:      newAddedKinds(mgr, references, settings.get().ClusterNameLabel, namespaces),
		namespaces: namespaces, reach: reach, teams: o.teams, teamObjects: teamObjects(mgr, settings.get()),
		settings: settings, events: o.events, controllerID: o.ControllerID, now: time.Now,
		version: o.Version, fleet: newFleetRollout(mgr, o, settings.get()),
	}
	clusters, err := newCluster(shared)
	if err != nil {
		return err
	}
	rollouts, err := newRollout(shared)
	if err != nil {
		return err
	}
	clusters.overlays = newOverlays(shared, o.Source.OperatorNamespace, changes.in)
	clusters.overlays.views, clusters.overlays.runner = clusters.views, o.Trials
	for _, r := range []reconciler{clusters.overlays, clusters, rollouts, newRoles(shared), newResizer(shared), newUpgrader(shared)} {
		if err := r.setup(mgr, changes.subscribe()); err != nil {
			return fmt.Errorf("set up reconciler: %w", err)
		}
	}
	if o.API {
		if err := mgr.Add(newAPI(mgr, shared, o)); err != nil {
			return fmt.Errorf("add the REST API: %w", err)
		}
	}
	if err := newFleet(shared, clusters.overlays).setup(mgr, changes.subscribe()); err != nil {
		return fmt.Errorf("set up reconciler of the fleet: %w", err)
	}
	return errors.Join(mgr.Add(changes), addProbes(mgr))
}

// newAPI returns the server of the REST API.
func newAPI(mgr manager.Manager, s shared, o Options) *web.Server {
	return &web.Server{
		Address:  fmt.Sprintf(":%d", s.settings.get().APIPort),
		Clusters: apiClusters{shared: s, options: o},
		Recorder: o.recorder,
		Log:      o.Log,
		Leads:    mgr.Elected(),
		Profiles: o.Profiles,
	}
}

// addProbes makes the operator live as soon as it runs and ready when its caches are synced, which
// is long before the first pass over all clusters.
func addProbes(mgr manager.Manager) error {
	var synced atomic.Bool
	wait := manager.RunnableFunc(func(ctx context.Context) error {
		if mgr.GetCache().WaitForCacheSync(ctx) {
			synced.Store(true)
		}
		return nil
	})
	return errors.Join(
		mgr.Add(everyReplica{wait}),
		mgr.AddHealthzCheck("running", alive),
		mgr.AddReadyzCheck("caches", readyWhen(&synced)),
	)
}

// shared is what every reconciler is made of.
type shared struct {
	client       client.Client // reads from the caches, writes to the API server
	live         client.Reader // reads from the API server
	exec         commander
	references   *references
	streams      *streams
	added        *addedKinds
	namespaces   []string // that are watched; nil for all
	reach        *reach
	teams        *teams.API
	teamObjects  bool // PostgresTeam objects count
	settings     *settings
	events       events
	controllerID string
	version      string // of the operator
	fleet        fleetRollout
	now          func() time.Time
}

func (s shared) status(owner string) statusWriter {
	return statusWriter{client: s.client, owner: client.FieldOwner(owner), now: s.now}
}
