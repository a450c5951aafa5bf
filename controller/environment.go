package controller

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"postgres-operator/render"
)

// podEnvironment reads what becomes environment variables of the pods: the Secret and the ConfigMap for
// members, and the Secret for backups. The ConfigMap is looked for where the configuration says, then in
// the cluster's namespace.
func (p *clusterPass) podEnvironment(ctx context.Context, observed *render.Observed) (err error) {
	if observed.PodEnvironmentSecret, err = p.secretKeys(ctx, p.config.PodEnvironmentSecret); err != nil {
		return err
	}
	if p.pg.Spec.EnableLogicalBackup {
		observed.BackupEnvironmentSecret, err = p.secretKeys(ctx, p.config.LogicalBackupCronjobEnvironmentSecret)
		if err != nil {
			return err
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

// secretKeys are the keys of a Secret in the cluster's namespace, sorted; nil without a name or a Secret.
func (p *clusterPass) secretKeys(ctx context.Context, name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	secret, err := p.references.get(ctx, secretKind, types.NamespacedName{Namespace: p.pg.Namespace, Name: name})
	if err != nil || secret == nil {
		return nil, err
	}
	data, _, _ := unstructured.NestedMap(secret.Object, "data")
	return append([]string{}, slices.Sorted(maps.Keys(data))...), nil
}
