package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"postgres-operator/apply"
	"postgres-operator/names"
	"postgres-operator/trial"
)

// addedKinds are the kinds of objects that overlays add to clusters and that the operator has not
// anyway. They are watched like the others, from when one of them is first rendered: by label, in
// caches that cost nothing to read. A kind may be one of a custom resource, which comes and goes: while
// it is gone, its objects wait and nothing else does.
type addedKinds struct {
	mgr        manager.Manager
	running    func() context.Context
	nameLabel  string
	namespaces []string
	changed    chan event.GenericEvent // an object, for the reconciler that owns them
	tell       func()                  // brings every cluster into the queues
	fixed      *Snapshot               // instead of watches: what was read once

	mu      sync.Mutex
	watched map[schema.GroupVersionKind]*watchedKind
}

// watchedKind is one kind; its cache is nil while the kind is not installed. No overlay in force makes
// objects of a former one: it is watched for as long as there are some.
type watchedKind struct {
	former   time.Time // since when; zero if it is none
	objects  cache.Cache
	informer cache.Informer
	stop     context.CancelFunc

	forbidden bool // the API server has refused to list its objects
}

func newAddedKinds(mgr manager.Manager, r *references, nameLabel string, namespaces []string) *addedKinds {
	return &addedKinds{
		mgr: mgr, nameLabel: nameLabel, namespaces: namespaces, changed: make(chan event.GenericEvent),
		running: func() context.Context { <-r.started; return r.running },
		tell:    func() { r.tell(newObject(configMapKind)) },
		watched: map[schema.GroupVersionKind]*watchedKind{},
	}
}

// builtInKind tells whether a kind is watched anyway, by label.
func builtInKind(gvk schema.GroupVersionKind) bool {
	return gvk == streamKind || slices.ContainsFunc(clusterKinds(), func(k kind) bool { return k.GroupVersionKind == gvk })
}

// knowledge is what the operator knows of the objects of a kind.
type knowledge int

const (
	notInstalled knowledge = iota
	notSynced
	known
)

// follow watches a kind from now on, and tells what is known of it.
func (a *addedKinds) follow(gvk schema.GroupVersionKind) knowledge {
	if a == nil || a.fixed != nil || builtInKind(gvk) {
		return known
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.watched[gvk]
	if w == nil {
		w = &watchedKind{}
		a.watched[gvk] = w
	}
	if w.objects == nil {
		if _, err := a.mgr.GetRESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version); err != nil {
			return notInstalled
		}
		if err := a.start(gvk, w); err != nil {
			a.mgr.GetLogger().Error(err, "kind of an overlay is not watched", "kind", gvk.String())
			return notInstalled
		}
	}
	if !w.informer.HasSynced() {
		return notSynced
	}
	return known
}

// kinds are all that are watched, or shall be.
func (a *addedKinds) kinds() []schema.GroupVersionKind {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []schema.GroupVersionKind
	for gvk := range a.watched {
		all = append(all, gvk)
	}
	slices.SortFunc(all, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// incomplete tells whether a kind is not installed.
func (a *addedKinds) incomplete() bool {
	missing := false
	former := a.former()
	for _, gvk := range a.kinds() {
		if !slices.Contains(former, gvk) {
			missing = a.follow(gvk) == notInstalled || missing
		}
	}
	return missing
}

// former are the kinds that no overlay in force makes.
func (a *addedKinds) former() []schema.GroupVersionKind {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var former []schema.GroupVersionKind
	for gvk, w := range a.watched {
		if !w.former.IsZero() {
			former = append(former, gvk)
		}
	}
	return former
}

// want tells which kinds the overlays in force make; all others are former ones. One that is made for a later cluster
// may be called so as well: as long as there is an object of it, that changes nothing.
func (a *addedKinds) want(kinds []schema.GroupVersionKind) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for gvk, w := range a.watched {
		switch wanted := slices.Contains(kinds, gvk); {
		case wanted:
			w.former = time.Time{}
		case w.former.IsZero():
			w.former = time.Now()
		}
	}
}

// retire stops to watch former kinds of which no object of ours is left: their watches would go on for ever,
// also when the kind is gone, or the right to see it. It tells whether there were such kinds, and whether
// others wait for their objects to go.
func (a *addedKinds) retire(ctx context.Context) (retired, waiting bool) {
	for _, gvk := range a.former() {
		if a.left(ctx, gvk) {
			waiting = true
			continue
		}
		a.mu.Lock()
		if w := a.watched[gvk]; w.stop != nil {
			w.stop()
		}
		delete(a.watched, gvk)
		a.mu.Unlock()
		retired = true
	}
	return retired, waiting
}

// left tells whether there is an object of ours, or may be one.
func (a *addedKinds) left(ctx context.Context, gvk schema.GroupVersionKind) bool {
	a.mu.Lock()
	w := *a.watched[gvk]
	a.mu.Unlock()
	objects, informer, since := w.objects, w.informer, w.former
	if time.Since(since) < retireAfter {
		return true // a pass that began with the former overlays may just make one
	}
	if objects == nil {
		return false // nor is there the kind
	}
	if !informer.HasSynced() && w.forbidden {
		a.mgr.GetLogger().Info("objects of former overlays may be left: the operator may not see them", "kind", gvk.String())
		return false
	}
	list := newList(gvk)
	if !informer.HasSynced() || objects.List(ctx, list) != nil {
		return true
	}
	return slices.ContainsFunc(list.Items, func(o unstructured.Unstructured) bool { return len(o.GetManagedFields()) > 0 })
}

func (a *addedKinds) start(gvk schema.GroupVersionKind, w *watchedKind) error {
	named, err := labels.NewRequirement(a.nameLabel, selection.Exists, nil)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(a.running())
	options := cache.Options{
		HTTPClient: a.mgr.GetHTTPClient(), Scheme: a.mgr.GetScheme(), Mapper: a.mgr.GetRESTMapper(),
		DefaultLabelSelector: labels.NewSelector().Add(*named), DefaultNamespaces: namespacesOf(a.namespaces),
		DefaultTransform: apply.Strip(names.ManagerCluster, names.ManagerLegacy),
		DefaultWatchErrorHandler: func(_ context.Context, _ *toolscache.Reflector, err error) {
			switch {
			case apierrors.IsNotFound(err) || meta.IsNoMatchError(err): // the kind is gone
				a.drop(gvk, w)
			case apierrors.IsForbidden(err):
				a.mu.Lock()
				w.forbidden = true
				a.mu.Unlock()
			}
		},
	}
	objects, err := cache.New(a.mgr.GetConfig(), options)
	if err != nil {
		stop()
		return err
	}
	informer, err := objects.GetInformer(ctx, newObject(gvk), cache.BlockUntilSynced(false))
	if err == nil {
		_, err = informer.AddEventHandler(a.announce(ctx))
	}
	if err != nil {
		stop()
		return err
	}
	w.objects, w.informer, w.stop = objects, informer, stop
	go func() { _ = objects.Start(ctx) }() // ends with the manager, whose error counts
	go func() {
		if objects.WaitForCacheSync(ctx) {
			a.tell() // clusters that did not wait for it
		}
	}()
	return nil
}

func (a *addedKinds) drop(gvk schema.GroupVersionKind, w *watchedKind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watched[gvk] == w && w.stop != nil {
		w.stop()
		w.objects, w.informer, w.stop = nil, nil, nil
		a.tell()
	}
}

// announce brings a cluster into the queue when one of its objects changes in what is ours.
func (a *addedKinds) announce(ctx context.Context) toolscache.ResourceEventHandler {
	return onlyOurs(func(o *unstructured.Unstructured) {
		select {
		case a.changed <- event.GenericEvent{Object: o}:
		case <-ctx.Done():
		}
	})
}

// of lists from the caches the objects of a cluster.
func (a *addedKinds) of(ctx context.Context, key types.NamespacedName) ([]*unstructured.Unstructured, error) {
	if a == nil {
		return nil, nil
	}
	if a.fixed != nil {
		return a.fixed.addedTo(key), nil
	}
	var found []*unstructured.Unstructured
	for _, gvk := range a.kinds() {
		a.mu.Lock()
		objects, informer := a.watched[gvk].objects, a.watched[gvk].informer
		a.mu.Unlock()
		if objects == nil || !informer.HasSynced() {
			continue
		}
		list := newList(gvk)
		if err := objects.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingLabels{a.nameLabel: key.Name}); err != nil {
			return nil, fmt.Errorf("list objects of kind %s of cluster %s: %w", gvk.Kind, key, err)
		}
		for i := range list.Items {
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}

// permitted tells what the operator would have to be granted for the kinds that overlays add.
func (o *overlays) permitted(ctx context.Context, added []trial.Kind) *trial.Failure {
	for _, k := range added {
		mapping, err := o.added.mgr.GetRESTMapper().RESTMapping(k.GroupKind(), k.Version)
		if err != nil {
			continue // not installed: clusters say that its objects wait
		}
		if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
			return &trial.Failure{Text: fmt.Sprintf("overlays: %s: objects of kind %s belong to no namespace: an overlay can add objects to the namespace of a cluster only", k.Object, k.Kind)}
		}
		missing, err := o.denied(ctx, mapping.Resource)
		if err != nil {
			return &trial.Failure{Text: fmt.Sprintf("overlays: %s: ask what the operator may do with %s: %v", k.Object, mapping.Resource.Resource, err)}
		}
		if len(missing) > 0 {
			return &trial.Failure{Text: fmt.Sprintf(
				"overlays: %s: the operator may not %s objects of kind %s; grant its ClusterRole: apiGroups: [%q], resources: [%s], verbs: [%s]",
				k.Object, strings.Join(missing, ", "), k.Kind, mapping.Resource.Group, mapping.Resource.Resource, strings.Join(verbs(), ", "))}
		}
	}
	return nil
}

// verbs are what it takes to keep objects of a kind.
func verbs() []string { return []string{"get", "list", "watch", "create", "patch", "delete"} }

func (o *overlays) denied(ctx context.Context, resource schema.GroupVersionResource) ([]string, error) {
	namespaces := o.namespaces
	if namespaces == nil {
		namespaces = []string{""}
	}
	var missing []string
	for _, verb := range verbs() {
		for _, namespace := range namespaces {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: resource.Group, Resource: resource.Resource},
			}}
			if err := o.client.Create(ctx, review); err != nil {
				return nil, err
			}
			if !review.Status.Allowed {
				missing = append(missing, verb)
				break
			}
		}
	}
	return missing, nil
}
