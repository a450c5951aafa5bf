package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/config"
	"postgres-operator/names"
)

// streamsPatience is how long a cluster with event streams waits at the start of the operator to learn
// whether their kind is installed. Where the operator may not know, streams wait, and nothing else does.
const streamsPatience = 3 * time.Second

// streams knows the event streams of clusters, whose kind belongs to another operator and need not be
// installed. The definition of the kind is watched, so that looking costs nothing; the objects are
// watched only while there is one.
type streams struct {
	references *references
	mgr        manager.Manager
	nameLabel  string
	namespaces []string
	changed    chan event.GenericEvent // an object, for the reconciler that owns them
	fixed      client.Reader           // instead of watches: what was read once

	mu       sync.Mutex
	objects  cache.Cache // nil while the kind is not installed
	informer cache.Informer
	stop     context.CancelFunc
}

func newStreams(mgr manager.Manager, r *references, c config.Config, namespaces []string) *streams {
	return &streams{
		references: r, mgr: mgr, nameLabel: c.ClusterNameLabel, namespaces: namespaces, changed: make(chan event.GenericEvent),
	}
}

// wait gives a cluster that has streams the time to learn of their kind.
func (s *streams) wait(ctx context.Context, pg *apiv1.Postgresql) {
	if s == nil || s.fixed != nil || len(pg.Spec.Streams) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, streamsPatience)
	defer cancel()
	definition, err := s.references.get(ctx, definitionKind, streamDefinition())
	if err != nil {
		return
	}
	if objects, _, err := s.follow(definition); err == nil && objects != nil {
		objects.WaitForCacheSync(ctx)
	}
}

// reader reads event streams, nil while they are not known to be installed.
func (s *streams) reader(ctx context.Context) client.Reader {
	switch {
	case s == nil:
		return nil
	case s.fixed != nil:
		return s.fixed
	}
	definition, known := s.references.peek(ctx, definitionKind, streamDefinition())
	if !known {
		return nil
	}
	objects, informer, err := s.follow(definition)
	if err != nil || objects == nil || !informer.HasSynced() {
		return nil
	}
	return objects
}

func streamDefinition() types.NamespacedName {
	return types.NamespacedName{Name: names.StreamDefinition}
}

// follow starts or stops the cache of the objects, as their kind comes and goes.
func (s *streams) follow(definition *unstructured.Unstructured) (cache.Cache, cache.Informer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted, running := definition != nil && served(definition), s.objects != nil
	switch {
	case running && !wanted:
		s.stop()
		s.objects, s.informer = nil, nil
	case wanted && !running:
		ctx, stop := context.WithCancel(s.references.running)
		objects, informer, err := s.start(ctx)
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("watch event streams: %w", err)
		}
		s.objects, s.informer, s.stop = objects, informer, stop
	}
	return s.objects, s.informer, nil
}

// served tells whether a definition is in force.
func served(definition *unstructured.Unstructured) bool {
	var typed apiextensionsv1.CustomResourceDefinition
	if runtime.DefaultUnstructuredConverter.FromUnstructured(definition.Object, &typed) != nil {
		return false
	}
	ok, err := established(typed)
	return ok && err == nil && typed.DeletionTimestamp == nil
}

func (s *streams) start(ctx context.Context) (cache.Cache, cache.Informer, error) {
	named, err := labels.NewRequirement(s.nameLabel, selection.Exists, nil)
	if err != nil {
		return nil, nil, err
	}
	options := cache.Options{
		HTTPClient: s.mgr.GetHTTPClient(), Scheme: s.mgr.GetScheme(), Mapper: s.mgr.GetRESTMapper(),
		DefaultLabelSelector: labels.NewSelector().Add(*named), DefaultNamespaces: namespacesOf(s.namespaces),
		DefaultTransform: apply.Strip(names.ManagerCluster, names.ManagerLegacy),
	}
	objects, err := cache.New(s.mgr.GetConfig(), options)
	if err != nil {
		return nil, nil, err
	}
	informer, err := objects.GetInformer(ctx, newObject(streamKind), cache.BlockUntilSynced(false))
	if err != nil {
		return nil, nil, err
	}
	if _, err := informer.AddEventHandler(s.announce(ctx)); err != nil {
		return nil, nil, err
	}
	go func() { _ = objects.Start(ctx) }() // ends with the manager, whose error counts
	go func() {
		if objects.WaitForCacheSync(ctx) {
			s.references.tell(newObject(streamKind)) // of clusters that did not wait for it
		}
	}()
	return objects, informer, nil
}

// announce brings a cluster into the queue when one of its streams changes.
func (s *streams) announce(ctx context.Context) toolscache.ResourceEventHandler {
	return onlyOurs(func(o *unstructured.Unstructured) {
		select {
		case s.changed <- event.GenericEvent{Object: o}:
		case <-ctx.Done():
		}
	})
}

// onlyOurs tells of objects that come, go, or change. What other controllers write into a status is none
// of our business.
func onlyOurs(tell func(*unstructured.Unstructured)) toolscache.ResourceEventHandler {
	every := func(obj any) {
		if o, ok := obj.(*unstructured.Unstructured); ok {
			tell(o)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: every,
		UpdateFunc: func(before, after any) {
			a, isObject := before.(*unstructured.Unstructured)
			b, isObjectToo := after.(*unstructured.Unstructured)
			if isObject && isObjectToo && a.GetGeneration() == b.GetGeneration() && a.GetGeneration() != 0 &&
				maps.Equal(a.GetLabels(), b.GetLabels()) && maps.Equal(a.GetAnnotations(), b.GetAnnotations()) {
				return
			}
			every(after)
		},
		DeleteFunc: every,
	}
}

// of lists from the cache the streams of a cluster, and tells whether there can be any. It does not wait:
// what is not known yet comes as an event.
func (s *streams) of(ctx context.Context, key types.NamespacedName) (found []*unstructured.Unstructured, installed bool, err error) {
	reader := s.reader(ctx)
	if reader == nil {
		return nil, false, nil
	}
	list := newList(streamKind)
	if err := reader.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingLabels{s.nameLabel: key.Name}); err != nil {
		return nil, false, fmt.Errorf("list event streams of cluster %s: %w", key, err)
	}
	for i := range list.Items {
		found = append(found, &list.Items[i])
	}
	return found, true, nil
}

// streamsPending tells whether the database of a cluster may lack what new streams read from.
func streamsPending(c config.Config, pg *apiv1.Postgresql) bool {
	return c.EnableDBAccess && !conditionTrue(pg, apiv1.ConditionRolesSynced)
}

// streamNames are the names of a cluster's streams by application id. Of two for one application, the
// first by name counts.
func streamNames(objects []*unstructured.Unstructured) map[string]string {
	found := map[string]string{}
	for _, o := range objects {
		if o.GetKind() != streamKind.Kind {
			continue
		}
		id, _, _ := unstructured.NestedString(o.Object, "spec", "applicationId")
		if name, known := found[id]; !known || o.GetName() < name {
			found[id] = o.GetName()
		}
	}
	return found
}
