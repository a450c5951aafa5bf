package controller

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// readManifest reads a cluster's manifest from the cache; nil means that there is none. A stored
// manifest that does not decode has its DecodeError set and is otherwise bare.
func readManifest(ctx context.Context, reader client.Reader, key types.NamespacedName) (*apiv1.Postgresql, error) {
	pg := &apiv1.Postgresql{}
	if err := reader.Get(ctx, key, pg); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read cluster %s: %w", key, err)
	}
	return pg, nil
}

// ownedBy tells whether a manifest is for the operator with this controller id: its annotation
// holds the id, or there is neither.
func ownedBy(o client.Object, controllerID string) bool {
	return o.GetAnnotations()[names.ControllerAnnotation] == controllerID
}
