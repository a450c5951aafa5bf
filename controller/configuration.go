package controller

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
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
)

// ConfigSource names the object that holds the operator's configuration. An OperatorConfiguration
// goes before a ConfigMap; with neither name the built-in defaults are in force.
type ConfigSource struct {
	OperatorNamespace   string
	ConfigMap           string // [namespace/]name, from CONFIG_MAP_NAME
	ConfigurationObject string // name in the operator's namespace, from POSTGRES_OPERATOR_CONFIGURATION_OBJECT

	// Override is applied to each configuration that was read: what flags and the environment say.
	Override func(config.Config) (config.Config, error)
}

// object returns an empty object to read the configuration into, with its key; nil without a source.
func (s ConfigSource) object() (client.Object, types.NamespacedName) {
	if s.ConfigurationObject != "" {
		return newObject(apiv1.GroupVersion.WithKind(apiv1.KindOperatorConfiguration)), types.NamespacedName{Namespace: s.OperatorNamespace, Name: s.ConfigurationObject}
	}
	if s.ConfigMap == "" {
		return nil, types.NamespacedName{}
	}
	key := types.NamespacedName{Namespace: s.OperatorNamespace, Name: s.ConfigMap}
	if namespace, name, found := strings.Cut(s.ConfigMap, "/"); found {
		key = types.NamespacedName{Namespace: namespace, Name: name}
	}
	return &corev1.ConfigMap{}, key
}

// Load reads the configuration. Its error names the object and every bad key.
func (s ConfigSource) Load(ctx context.Context, reader client.Reader) (config.Config, error) {
	object, key := s.object()
	if object == nil {
		return s.parse(nil)
	}
	if err := reader.Get(ctx, key, object); err != nil {
		return config.Config{}, fmt.Errorf("read operator configuration %s: %w", key, err)
	}
	return s.parse(object)
}

func (s ConfigSource) parse(object client.Object) (config.Config, error) {
	var c config.Config
	var err error
	switch o := object.(type) {
	case nil:
		c, err = config.FromConfigMap(nil, s.OperatorNamespace)
	case *corev1.ConfigMap:
		c, err = config.FromConfigMap(o.Data, s.OperatorNamespace)
	case *unstructured.Unstructured:
		configuration, _, mapErr := unstructured.NestedMap(o.Object, "configuration")
		if mapErr != nil {
			return c, fmt.Errorf("configuration of %s is not an object: %w", o.GetName(), mapErr)
		}
		c, err = config.FromObject(configuration, s.OperatorNamespace)
	}
	if err != nil {
		return c, err
	}
	if s.Override != nil {
		return s.Override(c)
	}
	return c, nil
}

// configurationNeedsRestart ends the manager so that it is built anew: the change touches what
// caches, queues or listeners were made from. Until then the former configuration is in force.
type configurationNeedsRestart struct{ next config.Config }

func (*configurationNeedsRestart) Error() string {
	return "the changed configuration needs new caches and queues"
}

// configurationWatch puts a changed configuration in force, or says why it does not.
type configurationWatch struct {
	source   ConfigSource
	reader   client.Reader
	settings *settings
	events   events
	changed  chan<- event.GenericEvent
	rebuild  context.CancelCauseFunc
}

// setup watches the one configuration object through a cache of its own.
func (w *configurationWatch) setup(mgr manager.Manager) error {
	object, key := w.source.object()
	if object == nil {
		return nil
	}
	only, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultNamespaces: map[string]cache.Config{key.Namespace: {FieldSelector: fields.OneTermEqualSelector("metadata.name", key.Name)}},
	})
	if err != nil {
		return fmt.Errorf("watch operator configuration %s: %w", key, err)
	}
	if err := mgr.Add(only); err != nil {
		return fmt.Errorf("watch operator configuration %s: %w", key, err)
	}
	w.reader = only
	everywhere := false // a standby operator keeps its configuration fresh, too
	return builder.ControllerManagedBy(mgr).Named("configuration").
		WithOptions(controller.Options{NeedLeaderElection: &everywhere}).
		WatchesRawSource(source.Kind(only, object, &handler.TypedEnqueueRequestForObject[client.Object]{})).
		Complete(w)
}

// Reconcile implements reconcile.Reconciler.
func (w *configurationWatch) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	log := logr.FromContextOrDiscard(ctx)
	object, _ := w.source.object()
	if err := w.reader.Get(ctx, req.NamespacedName, object); apierrors.IsNotFound(err) {
		log.Info("operator configuration is gone, the last one stays in force")
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, fmt.Errorf("read operator configuration: %w", err)
	}
	next, err := w.source.parse(object)
	if err != nil {
		log.Error(err, "operator configuration refused, the last one stays in force")
		w.events.warn(object, "InvalidConfiguration", "refused, the last good configuration stays in force: "+oneLine(err))
		return reconcile.Result{}, nil
	}
	w.put(log, object, next)
	return reconcile.Result{}, nil
}

func (w *configurationWatch) put(log logr.Logger, object client.Object, next config.Config) {
	before := w.settings.get()
	changes := config.Diff(before, next)
	if len(changes) == 0 {
		return
	}
	log.Info("operator configuration changed", "changes", changes, "warnings", next.Warnings)
	w.events.note(object, "ConfigurationChanged", "now in force: "+strings.Join(changes, "; "))
	if len(config.NeedsRestart(before, next)) > 0 {
		w.rebuild(&configurationNeedsRestart{next})
		return
	}
	w.settings.set(next)
	select {
	case w.changed <- event.GenericEvent{Object: object}:
	default: // the one that waits says the same
	}
}

// ephemeralPort is that of our end of a connection in a network error: another one at each attempt.
var ephemeralPort = regexp.MustCompile(`:[0-9]+->`)

// oneLine makes an error the text of a condition or event: on one line, where errors that were joined
// come one a line, and the same each time that the same goes wrong.
func oneLine(err error) string {
	joined := strings.NewReplacer("\n    ", "; ", "\n", "; ").Replace(err.Error())
	return ephemeralPort.ReplaceAllString(joined, "->")
}
