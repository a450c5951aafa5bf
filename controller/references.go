package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// references reads objects that the configuration names and that are not ours, such as the ConfigMap and the
// Secret with environment for the pods, or Secrets that describe roles. Each is watched alone, from when it is first asked for, so
// that reading it again costs no request, a change comes at once, and nothing else enters memory.
type references struct {
	mgr     manager.Manager
	changed chan<- event.GenericEvent
	fixed   client.Reader // instead of watches: what is read once

	started chan struct{}
	running context.Context // of the manager; set before started is closed

	mu      sync.Mutex
	watched map[reference]watched
}

type watched struct {
	cache.Cache
	informer cache.Informer
}

type reference struct {
	schema.GroupVersionKind
	types.NamespacedName

	values bool // of a Secret, which otherwise are left out
}

// referencePatience is how long a pass waits to learn of an object for the first time.
const referencePatience = 10 * time.Second

func newReferences(mgr manager.Manager, changed chan<- event.GenericEvent) *references {
	return &references{mgr: mgr, changed: changed, started: make(chan struct{}), watched: map[reference]watched{}}
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
	return r.await(ctx, reference{GroupVersionKind: gvk, NamespacedName: key})
}

// secret returns what a Secret holds, nil if it does not exist. It is for Secrets alone that the
// configuration names as the source of credentials.
func (r *references) secret(ctx context.Context, key types.NamespacedName) (secretData, error) {
	ctx, cancel := context.WithTimeout(ctx, referencePatience)
	defer cancel()
	o, err := r.await(ctx, reference{GroupVersionKind: secretKind, NamespacedName: key, values: true})
	if o == nil || err != nil {
		return nil, err
	}
	return dataOf(o), nil
}

func (r *references) await(ctx context.Context, ref reference) (*unstructured.Unstructured, error) {
	if r.fixed != nil {
		return readReference(ctx, r.fixed, ref.GroupVersionKind, ref.NamespacedName)
	}
	select {
	case <-r.started:
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s %s: %w", ref.Kind, ref.NamespacedName, ctx.Err())
	}
	c, err := r.watch(ref)
	if err != nil {
		return nil, fmt.Errorf("watch %s %s: %w", ref.Kind, ref.NamespacedName, err)
	}
	if !c.WaitForCacheSync(ctx) {
		return nil, fmt.Errorf("read %s %s: %w", ref.Kind, ref.NamespacedName, ctx.Err())
	}
	return readReference(ctx, c, ref.GroupVersionKind, ref.NamespacedName)
}

// peek is get without waiting: known is false until the watch has told whether the object exists. Then
// every cluster comes into the queues, if it does.
func (r *references) peek(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName) (o *unstructured.Unstructured, known bool) {
	if r.fixed != nil {
		o, err := readReference(ctx, r.fixed, gvk, key)
		return o, err == nil
	}
	select {
	case <-r.started:
	default:
		return nil, false
	}
	c, err := r.watch(reference{GroupVersionKind: gvk, NamespacedName: key})
	if err != nil || !c.informer.HasSynced() {
		return nil, false
	}
	o, err = readReference(ctx, c, gvk, key)
	return o, err == nil
}

func readReference(ctx context.Context, reader client.Reader, gvk schema.GroupVersionKind, key types.NamespacedName) (*unstructured.Unstructured, error) {
	found := newObject(gvk)
	err := reader.Get(ctx, key, found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", gvk.Kind, key, err)
	}
	return found, nil
}

// watch returns the cache of one object and starts it if there is none yet.
func (r *references) watch(ref reference) (watched, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, ok := r.watched[ref]; ok {
		return w, nil
	}
	options := cache.Options{
		HTTPClient: r.mgr.GetHTTPClient(), Scheme: r.mgr.GetScheme(), Mapper: r.mgr.GetRESTMapper(), DefaultTransform: keysOfSecrets,
	}
	if ref.values {
		options.DefaultTransform = cache.TransformStripManagedFields()
	}
	only := fields.OneTermEqualSelector("metadata.name", ref.Name)
	if ref.Namespace == "" {
		options.DefaultFieldSelector = only
	} else {
		options.DefaultNamespaces = map[string]cache.Config{ref.Namespace: {FieldSelector: only}}
	}
	c, err := cache.New(r.mgr.GetConfig(), options)
	if err != nil {
		return watched{}, err
	}
	informer, err := c.GetInformer(r.running, newObject(ref.GroupVersionKind), cache.BlockUntilSynced(false))
	if err != nil {
		return watched{}, err
	}
	if _, err := informer.AddEventHandler(r.announce()); err != nil {
		return watched{}, err
	}
	go func() { _ = c.Start(r.running) }() // ends with the manager, whose error counts
	r.watched[ref] = watched{c, informer}
	return r.watched[ref], nil
}

// tell brings every cluster into the queues.
func (r *references) tell(about *unstructured.Unstructured) {
	select {
	case r.changed <- event.GenericEvent{Object: about}:
	default: // the one that waits says the same
	}
}

// announce tells of every change of a watched object.
func (r *references) announce() toolscache.ResourceEventHandler {
	tell := func(obj any) {
		if o, ok := obj.(*unstructured.Unstructured); ok {
			r.tell(o)
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
