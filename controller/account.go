package controller

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
)

// keepAccountRole keeps the AWS role of the pod service account in step with the configuration. The
// account itself is made once and then belongs to its namespace; this one annotation stays ours. A
// role that somebody else has put there goes only when the configuration names another.
func (p *clusterPass) keepAccountRole(ctx context.Context) error {
	live, want, differs, err := p.accountRole(ctx)
	if err != nil || !differs {
		return err
	}
	if err := p.setAccountRole(ctx, live, want); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("annotate service account %s/%s: %w", live.GetNamespace(), live.GetName(), err)
	}
	p.log.Info("service account annotated", "name", live.GetName(), "role", want)
	return nil
}

// accountID is the id of the pod service account.
const accountID = "serviceaccount"

// accountRole tells which role the pod service account should have, and whether it has another one.
func (p *clusterPass) accountRole(ctx context.Context) (live *unstructured.Unstructured, want string, differs bool, err error) {
	desired := p.desiredObject(accountID)
	if desired == nil {
		return nil, "", false, nil // an overlay makes its own
	}
	live = newObject(serviceAccountKind)
	if err := p.client.Get(ctx, client.ObjectKeyFromObject(desired), live); apierrors.IsNotFound(err) {
		return nil, "", false, nil // it was made a moment ago, as desired, and is not in the cache yet
	} else if err != nil {
		return nil, "", false, fmt.Errorf("read service account %s: %w", desired.GetName(), err)
	}
	want = desired.GetAnnotations()[names.RoleARN]
	have := live.GetAnnotations()[names.RoleARN]
	return live, want, want != have && (want != "" || wroteAnnotation(live, names.RoleARN)), nil
}

// setAccountRole applies the annotation, which records that it is ours, or takes it away, whoever
// else has written it before us.
func (p *clusterPass) setAccountRole(ctx context.Context, live *unstructured.Unstructured, role string) error {
	if role == "" {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, names.RoleARN)
		return p.client.Patch(ctx, live, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(names.ManagerCluster))
	}
	intent := newObject(serviceAccountKind)
	intent.SetNamespace(live.GetNamespace())
	intent.SetName(live.GetName())
	intent.SetUID(live.GetUID())
	intent.SetAnnotations(map[string]string{names.RoleARN: role})
	return p.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(intent), client.FieldOwner(names.ManagerCluster), client.ForceOwnership)
}

// desiredObject is the rendered object with that id, nil if there is none.
func (p *clusterPass) desiredObject(id string) *unstructured.Unstructured {
	for _, o := range p.desired {
		if o.ID == id {
			return o.Unstructured
		}
	}
	return nil
}

// wroteAnnotation tells whether an annotation was written by us, or by Zalando's operator before us.
func wroteAnnotation(o *unstructured.Unstructured, key string) bool {
	for _, entry := range o.GetManagedFields() {
		ours := entry.Manager == names.ManagerCluster || entry.Manager == names.ManagerLegacy
		if ours && entry.FieldsV1 != nil && ownsAnnotation(*entry.FieldsV1, key) {
			return true
		}
	}
	return false
}

// ownsAnnotation looks into a set of fields as metadata.managedFields holds it.
func ownsAnnotation(fields metav1.FieldsV1, key string) bool {
	var set struct {
		Metadata struct {
			Annotations map[string]any `json:"f:annotations"`
		} `json:"f:metadata"`
	}
	if json.Unmarshal(fields.GetRawBytes(), &set) != nil {
		return false // no such field, as far as we can tell
	}
	_, found := set.Metadata.Annotations["f:"+key]
	return found
}
