package controller

import (
	"context"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// denied is what the API server says of what deny forbids.
const denied = "not in this test"

// deny makes the API server refuse an operation on one object, until allow or the end of the test.
func (w *world) deny(gvk schema.GroupVersionKind, name string, operation admissionregistrationv1.OperationType) {
	w.Helper()
	rule := admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{operation},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{strings.ToLower(gvk.Kind) + "s"}},
	}}
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: w.policyMeta(gvk, name),
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{rule}},
			Validations: []admissionregistrationv1.Validation{{
				Expression: `request.namespace != "` + w.namespace + `" || request.name != "` + name + `"`,
				Message:    denied,
			}},
		},
	}
	w.create(policy)
	w.create(&admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: w.policyMeta(gvk, name),
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy.Name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	})
	w.Cleanup(func() { w.allow(gvk, name) })
	w.eventually(func(c *assert.CollectT) {
		assert.ErrorContains(c, w.attempt(gvk, name, operation), denied) // the API server takes a moment to read it
	}, "the policy holds")
}

func (w *world) policyMeta(gvk schema.GroupVersionKind, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: strings.Join([]string{w.namespace, strings.ToLower(gvk.Kind), name}, "-")}
}

// attempt tries an operation in a dry run.
func (w *world) attempt(gvk schema.GroupVersionKind, name string, operation admissionregistrationv1.OperationType) error {
	o := newObject(gvk)
	o.SetNamespace(w.namespace)
	o.SetName(name)
	switch operation {
	case admissionregistrationv1.Update:
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"attempt":"1"}}}`))
		return w.client.Patch(w.Context(), o, patch, client.DryRunAll)
	case admissionregistrationv1.Delete:
		return w.client.Delete(w.Context(), o, client.DryRunAll)
	}
	switch gvk {
	case statefulSetKind:
		setField(o, map[string]any{"matchLabels": map[string]any{"a": "b"}}, "spec", "selector")
		setField(o, map[string]any{"a": "b"}, "spec", "template", "metadata", "labels")
		setField(o, []any{map[string]any{"name": "a", "image": "a"}}, "spec", "template", "spec", "containers")
	case serviceKind:
		setField(o, []any{map[string]any{"port": int64(1)}}, "spec", "ports")
	}
	return w.client.Create(w.Context(), o, client.DryRunAll)
}

// allow takes back what deny did.
func (w *world) allow(gvk schema.GroupVersionKind, name string) {
	w.Helper()
	ctx := context.WithoutCancel(w.Context())
	for _, o := range []client.Object{
		&admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: w.policyMeta(gvk, name)},
		&admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: w.policyMeta(gvk, name)},
	} {
		require.NoError(w, client.IgnoreNotFound(w.client.Delete(ctx, o)))
	}
}
