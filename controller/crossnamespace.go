package controller

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/config"
	"postgres-operator/names"
)

// The option enable_cross_namespace_secret lets a cluster have Secrets in other namespaces. They carry
// the label of their cluster like all others and, because a cluster of the same name may live where they
// are, its namespace and name as an annotation.

// clusterOf names the cluster that an object belongs to; without a name it belongs to none. The cluster
// need not exist.
func clusterOf(o client.Object, nameLabel string) types.NamespacedName {
	cluster := types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetLabels()[nameLabel]}
	if namespace, name, ok := strings.Cut(o.GetAnnotations()[names.ClusterAnnotation], "/"); ok && name == cluster.Name {
		cluster.Namespace = namespace
	}
	return cluster
}

// secretsElsewhere lists from the cache the Secrets of a cluster in other namespaces.
func secretsElsewhere(ctx context.Context, reader client.Reader, c config.Config, key types.NamespacedName) ([]*unstructured.Unstructured, error) {
	if !c.EnableCrossNamespaceSecret {
		return nil, nil
	}
	list := newList(secretKind)
	if err := reader.List(ctx, list, client.MatchingLabels{c.ClusterNameLabel: key.Name}); err != nil {
		return nil, fmt.Errorf("list secrets of cluster %s in other namespaces: %w", key, err)
	}
	var found []*unstructured.Unstructured
	for i := range list.Items {
		secret := &list.Items[i]
		if secret.GetNamespace() != key.Namespace && clusterOf(secret, c.ClusterNameLabel) == key {
			found = append(found, secret)
		}
	}
	return found, nil
}

// noSecretError says why a role gets no Secret. It takes nothing from the other roles.
type noSecretError struct {
	role, secret, why string
}

func (e *noSecretError) Error() string {
	return fmt.Sprintf("role %s has no Secret %s: %s", e.role, e.secret, e.why)
}

// checkPlace tells whether a role may have its Secret where none of ours is: the one that is there must
// not be another cluster's, and there has to be such a namespace.
func (p *clusterPass) checkPlace(ctx context.Context, role string, key types.NamespacedName, there *corev1.Secret) error {
	if there != nil {
		owner := clusterOf(there, p.config.ClusterNameLabel)
		if madeByUs(there) && owner.Name != "" && owner != p.key() {
			return &noSecretError{role, key.String(), "it belongs to cluster " + owner.String()}
		}
		return nil
	}
	if key.Namespace == p.pg.Namespace {
		return nil
	}
	err := p.live.Get(ctx, types.NamespacedName{Name: key.Namespace}, &corev1.Namespace{})
	if apierrors.IsNotFound(err) {
		return &noSecretError{role, key.String(), "there is no such namespace"}
	}
	if err != nil {
		return fmt.Errorf("read namespace %s: %w", key.Namespace, err)
	}
	return nil
}
