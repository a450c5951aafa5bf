package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	apiv1 "postgres-operator/api/v1"
)

// byLabel maps an object to the cluster whose name its label holds. The cluster need not exist:
// what a deleted manifest left behind is cleaned up through the same way.
func byLabel(nameLabel string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		name := o.GetLabels()[nameLabel]
		if name == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
	})
}

// byNamespace maps an object that serves a whole namespace to every cluster in it.
func byNamespace(reader client.Reader) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		return requestsFor(ctx, reader, client.InNamespace(o.GetNamespace()))
	})
}

// everyCluster maps any event to all clusters: the configuration has changed.
func everyCluster(reader client.Reader) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, _ client.Object) []reconcile.Request {
		return requestsFor(ctx, reader)
	})
}

func requestsFor(ctx context.Context, reader client.Reader, options ...client.ListOption) []reconcile.Request {
	var clusters apiv1.PostgresqlList
	if err := reader.List(ctx, &clusters, options...); err != nil {
		return nil // the cache is stopping; the next resync finds them
	}
	requests := make([]reconcile.Request, 0, len(clusters.Items))
	for i := range clusters.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&clusters.Items[i])})
	}
	return requests
}
