package controller

import (
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// references reads objects that the configuration names and that are not ours: the ConfigMap and the
// Secret with environment for the pods. Each is watched alone, from when it is first asked for, so
// that reading it again costs no request, a change comes at once, and nothing else enters memory.
type references struct {
	mgr     manager.Manager
	changed chan<- event.GenericEvent

	started chan struct{}
	running context.Context // of the manager; set before started is closed

	mu      sync.Mutex
	watched map[reference]cache.Cache
}

type reference struct {
	schema.GroupVersionKind
	types.NamespacedName
}

func newReferences(mgr manager.Manager, changed chan<- event.GenericEvent) *references {
	return &references{mgr: mgr, changed: changed, started: make(chan struct{}), watched: map[reference]cache.Cache{}}
}

// Start implements manager.Runnable.
func (r *references) Start(ctx context.Context) error {
	r.running = ctx
	close(r.started)
	<-ctx.Done()
	return nil
}

// get returns an object, nil if it does not exist. Of a Secret it knows the keys alone.
func (r *references) get(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName) (*unstructured.Unstructured, error) {
	select {
	case <-r.started:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := r.watch(reference{gvk, key})
	if err != nil {
		return nil, fmt.Errorf("watch %s %s: %w", gvk.Kind, key, err)
	}
	if !c.WaitForCacheSync(ctx) {
		return nil, fmt.Errorf("read %s %s: %w", gvk.Kind, key, ctx.Err())
	}
	found := newObject(gvk)
	err = c.Get(ctx, key, found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", gvk.Kind, key, err)
	}
	return found, nil
}

// watch returns the cache of one object and starts it if there is none yet.
func (r *references) watch(ref reference) (cache.Cache, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.watched[ref]; ok {
		return c, nil
	}
	c, err := cache.New(r.mgr.GetConfig(), cache.Options{
		HTTPClient: r.mgr.GetHTTPClient(), Scheme: r.mgr.GetScheme(), Mapper: r.mgr.GetRESTMapper(),
		DefaultNamespaces: map[string]cache.Config{ref.Namespace: {FieldSelector: fields.OneTermEqualSelector("metadata.name", ref.Name)}},
		DefaultTransform:  keysOfSecrets,
	})
	if err != nil {
		return nil, err
	}
	informer, err := c.GetInformer(r.running, newObject(ref.GroupVersionKind), cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	if _, err := informer.AddEventHandler(r.announce()); err != nil {
		return nil, err
	}
	go func() { _ = c.Start(r.running) }() // ends with the manager, whose error counts
	r.watched[ref] = c
	return c, nil
}

// announce brings every cluster into the queues when a watched object changes.
func (r *references) announce() toolscache.ResourceEventHandler {
	tell := func(obj any) {
		o, ok := obj.(*unstructured.Unstructured)
		if !ok {
			return
		}
		select {
		case r.changed <- event.GenericEvent{Object: o}:
		default: // the one that waits says the same
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    tell,
		UpdateFunc: func(_, obj any) { tell(obj) },
		DeleteFunc: tell,
	}
}

// keysOfSecrets empties the values of a Secret before it enters the cache: pods refer to them by key.
func keysOfSecrets(obj any) (any, error) {
	o, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj, nil
	}
	o.SetManagedFields(nil)
	if o.GetKind() != secretKind.Kind {
		return o, nil
	}
	data, _, err := unstructured.NestedMap(o.Object, "data")
	if err != nil {
		return nil, fmt.Errorf("read keys of secret %s/%s: %w", o.GetNamespace(), o.GetName(), err)
	}
	for key := range data {
		data[key] = ""
	}
	o.Object["data"] = data
	return o, nil
}
