package controller

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/config"
	"postgres-operator/names"
)

// observeObjects lists from the cache every object that carries a cluster's name in its label and does
// not belong to its namesake in another namespace.
func observeObjects(ctx context.Context, reader client.Reader, c config.Config, key types.NamespacedName) ([]*unstructured.Unstructured, error) {
	var found []*unstructured.Unstructured
	for _, k := range clusterKinds() {
		list := newList(k.GroupVersionKind)
		err := reader.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingLabels{c.ClusterNameLabel: key.Name})
		if err != nil {
			return nil, fmt.Errorf("list objects of kind %s of cluster %s: %w", k.Kind, key, err)
		}
		for i := range list.Items {
			if clusterOf(&list.Items[i], c.ClusterNameLabel) == key {
				found = append(found, &list.Items[i])
			}
		}
	}
	elsewhere, err := secretsElsewhere(ctx, reader, c, key)
	return append(found, elsewhere...), err
}

// observePods lists from the cache the Postgres pods of a cluster; those of poolers and backups
// carry another application label, unless the configured labels have none.
func observePods(ctx context.Context, reader client.Reader, c config.Config, key types.NamespacedName) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := reader.List(ctx, &pods, client.InNamespace(key.Namespace), client.MatchingLabels(labelScheme(c).Selector(key.Name)))
	if err != nil {
		return nil, fmt.Errorf("list pods of cluster %s: %w", key, err)
	}
	other := func(p corev1.Pod) bool {
		return p.Labels[names.PoolerLabel] != "" || p.Labels[names.ApplicationLabel] == names.BackupApplication
	}
	return slices.DeleteFunc(pods.Items, other), nil
}

func labelScheme(c config.Config) names.Scheme {
	return names.Scheme{Static: c.ClusterLabels, NameKey: c.ClusterNameLabel, RoleKey: c.PodRoleLabel}
}

// primaryOf returns the running pod that Patroni labelled as the primary, nil if there is none.
func primaryOf(pods []corev1.Pod, c config.Config) *corev1.Pod {
	for i := range pods {
		p := &pods[i]
		if p.Labels[c.PodRoleLabel] == names.RoleMaster && p.DeletionTimestamp == nil && podReady(p) {
			return p
		}
	}
	return nil
}

func podReady(p *corev1.Pod) bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
