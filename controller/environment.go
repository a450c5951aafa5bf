package controller

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"postgres-operator/render"
)

// podEnvironment reads the ConfigMap and the Secret whose entries become environment variables of
// the pods. The ConfigMap is looked for where the configuration says, then in the cluster's namespace.
func (p *clusterPass) podEnvironment(ctx context.Context, observed *render.Observed) error {
	if name := p.config.PodEnvironmentSecret; name != "" {
		secret, err := p.references.get(ctx, secretKind, types.NamespacedName{Namespace: p.pg.Namespace, Name: name})
		if err != nil {
			return err
		}
		if secret != nil {
			data, _, _ := unstructured.NestedMap(secret.Object, "data")
			observed.PodEnvironmentSecret = append([]string{}, slices.Sorted(maps.Keys(data))...)
		}
	}
	name := p.config.PodEnvironmentConfigMap
	if name.IsZero() {
		return nil
	}
	for _, namespace := range slices.Compact([]string{name.Namespace, p.pg.Namespace}) {
		configMap, err := p.references.get(ctx, configMapKind, types.NamespacedName{Namespace: namespace, Name: name.Name})
		if err != nil {
			return err
		}
		if configMap != nil {
			data, _, _ := unstructured.NestedStringMap(configMap.Object, "data")
			observed.PodEnvironmentConfigMap = map[string]string{}
			maps.Copy(observed.PodEnvironmentConfigMap, data)
			return nil
		}
	}
	return nil
}
