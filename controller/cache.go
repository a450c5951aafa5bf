package controller

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/config"
	"postgres-operator/names"
)

// cacheOptions restricts every informer to what belongs to Postgres clusters: objects that carry
// the cluster name label, and the pod service account and role binding by name. Secrets and
// ConfigMaps of others never enter memory. No namespaces means all of them. The FleetRollout is in the
// operator's own namespace, whatever is watched.
func cacheOptions(c config.Config, operatorNamespace string) (cache.Options, error) {
	named, err := labels.NewRequirement(c.ClusterNameLabel, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("select objects by label %q: %w", c.ClusterNameLabel, err)
	}
	ofClusters := labels.NewSelector().Add(*named)
	byObject := map[client.Object]cache.ByObject{
		&apiv1.FleetRollout{}:         {Namespaces: namespacesOf([]string{operatorNamespace})},
		&corev1.Pod{}:                 {Label: ofClusters},
		&appsv1.ControllerRevision{}:  {Label: ofClusters},
		newObject(serviceAccountKind): {Field: fields.OneTermEqualSelector("metadata.name", c.PodServiceAccountName)},
		newObject(roleBindingKind):    {Field: fields.OneTermEqualSelector("metadata.name", roleBindingName(c))},
	}
	for _, k := range clusterKinds() { // each kind once: of two entries, one would win by chance
		only := cache.ByObject{Label: ofClusters}
		switch {
		case k.GroupVersionKind == secretKind && c.EnableCrossNamespaceSecret:
			only.Namespaces = map[string]cache.Config{cache.AllNamespaces: {}}
		case k.GroupVersionKind == configMapKind:
			only.Transform = metadataOnly
		}
		byObject[newObject(k.GroupVersionKind)] = only
	}
	options := cache.Options{ByObject: byObject, DefaultTransform: apply.Strip(names.ManagerCluster, names.ManagerLegacy)}
	options.DefaultNamespaces = namespacesOf(c.WatchedNamespaces(operatorNamespace))
	return options, nil
}

// namespacesOf restricts a cache to namespaces; nil is all of them.
func namespacesOf(namespaces []string) map[string]cache.Config {
	if namespaces == nil {
		return nil
	}
	restricted := map[string]cache.Config{}
	for _, ns := range namespaces {
		restricted[ns] = cache.Config{}
	}
	return restricted
}

// roleBindingName is the name in the configured definition, or that of the pod service account.
func roleBindingName(c config.Config) string {
	metadata, _ := c.PodServiceAccountRoleBindingDefinition["metadata"].(map[string]any)
	if name, _ := metadata["name"].(string); name != "" {
		return name
	}
	return c.PodServiceAccountName
}

// metadataOnly keeps of Patroni's ConfigMaps that they exist; nothing reads their content. Those that
// overlays add are kept whole.
func metadataOnly(obj any) (any, error) {
	if u, ok := obj.(*unstructured.Unstructured); ok && !madeByUs(u) {
		delete(u.Object, "data")
		delete(u.Object, "binaryData")
		u.SetAnnotations(nil)
	}
	return apply.Strip(names.ManagerCluster)(obj)
}
