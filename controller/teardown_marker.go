package controller

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
)

// teardownAnnotation stands on the primary's Service from the first step of a deletion until the
// Service itself goes as the last one. A manifest that comes back meanwhile waits for the end.
const teardownAnnotation = names.APIGroup + "/teardown"

// unfinished tells whether a deletion has begun and has not come to its end.
func unfinished(l left, cluster string) bool {
	service := primaryService(l.objects, cluster)
	return service != nil && service.GetAnnotations()[teardownAnnotation] != ""
}

func primaryService(objects []*unstructured.Unstructured, cluster string) *unstructured.Unstructured {
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == serviceKind.Kind && o.GetName() == names.Service(cluster, names.RoleMaster)
	})
	if i < 0 {
		return nil
	}
	return objects[i]
}

// mark puts the annotation on the Service, so that the deletion goes on to its end whatever happens
// to the operator or to the manifest.
func (t teardown) mark(ctx context.Context, l left) error {
	service := primaryService(l.objects, t.key.Name)
	if service == nil || service.GetAnnotations()[teardownAnnotation] != "" || service.GetDeletionTimestamp() != nil {
		return nil
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"begun"}}}`, teardownAnnotation)
	err := t.client.Patch(ctx, service, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(names.ManagerCluster))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("mark service %s for deletion: %w", t.key, err)
	}
	return nil
}
