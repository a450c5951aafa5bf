package controller

import (
	"context"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// denied is what the API server says of what deny forbids.
const denied = "not in this test"

// deny makes the API server refuse an operation on one object, until allow or the end of the test.
func (w *world) deny(gvk schema.GroupVersionKind, name string, operation admissionv1.OperationType) {
	w.Helper()
	rule := admissionv1.NamedRuleWithOperations{RuleWithOperations: admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{operation},
		Rule:       admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{strings.ToLower(gvk.Kind) + "s"}},
	}}
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: w.policyMeta(gvk, name),
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{rule}},
			Validations: []admissionv1.Validation{{
				Expression: `request.namespace != "` + w.namespace + `" || request.name != "` + name + `"`,
				Message:    denied,
			}},
		},
	}
	w.create(policy)
	w.create(&admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: w.policyMeta(gvk, name),
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
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
func (w *world) attempt(gvk schema.GroupVersionKind, name string, operation admissionv1.OperationType) error {
	o := newObject(gvk)
	o.SetNamespace(w.namespace)
	o.SetName(name)
	switch operation {
	case admissionv1.Update:
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"attempt":"1"}}}`))
		return w.client.Patch(w.Context(), o, patch, client.DryRunAll)
	case admissionv1.Delete:
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
		&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: w.policyMeta(gvk, name)},
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: w.policyMeta(gvk, name)},
	} {
		require.NoError(w, client.IgnoreNotFound(w.client.Delete(ctx, o)))
	}
}
