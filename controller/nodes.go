package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"postgres-operator/rollout"
)

// podsByNode is the index of pods in the cache by the node they run on.
const podsByNode = "spec.nodeName"

// nodes watches what of the cluster's nodes tells whether they keep their pods. It has a cache of its
// own, and nothing waits for it: an operator that may not see nodes does all else.
type nodes struct {
	reader  client.Reader
	known   func() bool // whether the reader has seen them all
	changed chan event.GenericEvent

	cache    cache.Cache
	informer cache.Informer
}

func newNodes(mgr manager.Manager) (*nodes, error) {
	c, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), DefaultTransform: nodeFacts,
	})
	if err != nil {
		return nil, fmt.Errorf("watch nodes: %w", err)
	}
	return &nodes{cache: c, reader: c, changed: make(chan event.GenericEvent)}, nil
}

// setup adds the watch to a manager. It runs where the reconcilers do.
func (n *nodes) setup(mgr manager.Manager) error {
	byNode := func(o client.Object) []string {
		if pod, ok := o.(*corev1.Pod); ok && pod.Spec.NodeName != "" {
			return []string{pod.Spec.NodeName}
		}
		return nil
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &corev1.Pod{}, podsByNode, byNode); err != nil {
		return fmt.Errorf("index pods by node: %w", err)
	}
	var err error
	n.informer, err = n.cache.GetInformer(context.Background(), &corev1.Node{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch nodes: %w", err)
	}
	n.known = n.informer.HasSynced
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		if _, err := n.informer.AddEventHandler(n.announce(ctx)); err != nil {
			return fmt.Errorf("watch nodes: %w", err)
		}
		return n.cache.Start(ctx)
	}))
}

// announce tells of nodes that may have begun to go, or stay after all. The kubelet's reports are none
// of our business.
func (n *nodes) announce(ctx context.Context) toolscache.ResourceEventHandler {
	tell := func(obj any) {
		if node, ok := obj.(*corev1.Node); ok {
			select {
			case n.changed <- event.GenericEvent{Object: node}:
			case <-ctx.Done():
			}
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: tell,
		UpdateFunc: func(before, after any) {
			a, isNode := before.(*corev1.Node)
			b, isNodeToo := after.(*corev1.Node)
			if !isNode || !isNodeToo || rollout.NodeChanged(*a, *b) {
				tell(after)
			}
		},
	}
}

// clusters maps a node to the clusters that have pods on it.
func (n *nodes) clusters(pods client.Reader, nameLabel string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, node client.Object) []reconcile.Request {
		var list corev1.PodList
		if pods.List(ctx, &list, client.MatchingFields{podsByNode: node.GetName()}, client.UnsafeDisableDeepCopy) != nil {
			return nil // the cache is stopping
		}
		var requests []reconcile.Request // a queue holds each once
		for i := range list.Items {
			if cluster := clusterOf(&list.Items[i], nameLabel); cluster.Name != "" {
				requests = append(requests, reconcile.Request{NamespacedName: cluster})
			}
		}
		return requests
	})
}

// of returns the nodes that pods run on, as far as they are known.
func (n *nodes) of(ctx context.Context, pods []corev1.Pod) (map[string]corev1.Node, error) {
	found := map[string]corev1.Node{}
	if !n.known() {
		return found, nil
	}
	for _, pod := range pods {
		var node corev1.Node
		err := n.reader.Get(ctx, client.ObjectKey{Name: pod.Spec.NodeName}, &node)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read node %s: %w", pod.Spec.NodeName, err)
		}
		if err == nil {
			found[node.Name] = node
		}
	}
	return found, nil
}

// all returns every node. It is asked for only when a pod has to find another one.
func (n *nodes) all(ctx context.Context) (map[string]corev1.Node, error) {
	var list corev1.NodeList
	if err := n.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	found := map[string]corev1.Node{}
	for _, node := range list.Items {
		found[node.Name] = node
	}
	return found, nil
}

// nodeFacts keeps of a node what counts.
func nodeFacts(obj any) (any, error) {
	node, ok := obj.(*corev1.Node)
	if !ok {
		return obj, nil
	}
	return &corev1.Node{
		TypeMeta: node.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, Labels: node.Labels,
		},
		Spec: corev1.NodeSpec{Unschedulable: node.Spec.Unschedulable, Taints: node.Spec.Taints},
	}, nil
}
