package controller

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	apiv1 "postgres-operator/api/v1"
)

// byLabel maps an object to the cluster whose name its label holds. The cluster need not exist:
// what a deleted manifest left behind is cleaned up through the same way.
func byLabel(nameLabel string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		if cluster := clusterOf(o, nameLabel); cluster.Name != "" {
			return []reconcile.Request{{NamespacedName: cluster}}
		}
		return nil
	})
}

// servedOnly leaves out events of objects whose cluster is in a namespace that is not watched: where Secrets may
// be in any namespace, those of other operators are seen, too.
func servedOnly(nameLabel string, namespaces []string) predicate.Predicate {
	return predicate.NewPredicateFuncs(func(o client.Object) bool {
		return namespaces == nil || slices.Contains(namespaces, clusterOf(o, nameLabel).Namespace)
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
