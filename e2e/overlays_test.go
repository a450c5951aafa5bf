//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/overlay"
)

// overlayState is the ConfigMap in which the operator says which overlays are in force.
const overlayState = "postgres-operator-overlays"

const goodOverlay = `package templates

service: [string]: metadata: annotations: overlaid: "yes"
objects: "networkpolicy/members": {
	apiVersion: "networking.k8s.io/v1"
	kind:       "NetworkPolicy"
	metadata: {name: "\(input.name)-members", namespace: input.namespace}
	spec: {
		podSelector: matchLabels: input.selector
		policyTypes: ["Ingress"]
		ingress: [{}]
	}
}
`

// TestOverlays: whatever is wrong with an overlay, running clusters stay as they are; a good one comes
// into force without a restart of anything, and is gone without a trace when it goes.
func TestOverlays(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "overlays"), "acid-overlaid")
	k.grantNetworkPolicies(t)
	k.configure(t, map[string]string{"overlay_trial_timeout": "15s"})
	c.apply(t, instances(1))
	c.awaitRunning(t, 1)
	operator, pods := k.operatorPod(t), c.uids(t)

	for what, bad := range map[string]struct {
		content []byte
		want    string
	}{
		"syntax":              {[]byte("package templates\n\npod: metadata: {\n"), "expected '}'"},
		"a wrong type":        {[]byte("package templates\n\npod: spec: terminationGracePeriodSeconds: \"soon\"\n"), "mismatched types"},
		"a field that is not": {[]byte("package templates\n\npods: metadata: labels: a: \"b\"\n"), "did you mean pod?"},
		"a cycle":             {[]byte("package templates\n\n_a: _b + 1\n_b: _a + 1\npod: spec: priority: _a\n"), "cycle"},
		"a broken invariant":  {[]byte("package templates\n\noverride: statefulset: spec: serviceName: \"mine\"\n"), "(cluster " + c.namespace + "/" + c.name + ")"},
		"a huge loop": {[]byte("package templates\n\nimport \"list\"\n\n_l: [for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) {a * b}]\n" +
			"pod: metadata: annotations: n: \"\\(len(_l))\"\n"), "it takes more than"},
		"no text": {[]byte("package templates\n\n_a: \"\xff\xfe\"\n"), "not text in UTF-8"},
		"depth":   {bytes.Join([][]byte{[]byte("package templates\n\n_a: "), bytes.Repeat([]byte("["), 100_000)}, nil), "nested more than"},
	} {
		k.step(t, c.namespace, "bad: "+what, func(t *testing.T) {
			defer k.layOverlay(t, c.namespace, bad.content)()
			k.awaitOverlays(t, "Refused", bad.want)
			require.Equal(t, pods, c.uids(t))
		})
	}
	k.step(t, c.namespace, "good", func(t *testing.T) {
		remove := k.layOverlay(t, c.namespace, []byte(goodOverlay))
		defer remove()
		k.awaitOverlays(t, "InForce", "")
		c.awaitAnnotation(t, "overlaid", "yes")
		eventually(t, boot, "the network policy is there", func(ctx context.Context) error {
			return k.Get(ctx, c.key(c.name+"-members"), &networkingv1.NetworkPolicy{})
		})
		remove()
		c.awaitAnnotation(t, "overlaid", "")
		eventually(t, boot, "the network policy is gone", func(ctx context.Context) error {
			if err := k.Get(ctx, c.key(c.name+"-members"), &networkingv1.NetworkPolicy{}); !apierrors.IsNotFound(err) {
				return errNotYet
			}
			return nil
		})
	})
	require.Equal(t, pods, c.uids(t), "no overlay was a reason to restart a pod")
	k.requireSameOperator(t, operator)
	c.delete(t)
	c.awaitGone(t, nothing)
}

// layOverlay makes the ConfigMap of an overlay for one namespace; it returns how to take it away again.
func (k kube) layOverlay(t *testing.T, namespace string, content []byte) (remove func()) {
	t.Helper()
	m := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: "e2e-" + namespace, Namespace: operatorNamespace,
			Labels: map[string]string{overlay.Label: "true"}, Annotations: map[string]string{overlay.NamespacesAnnotation: namespace},
		},
		BinaryData: map[string][]byte{"overlay.cue": content},
	}
	require.NoError(t, k.Create(context.Background(), m))
	remove = func() { require.NoError(t, client.IgnoreNotFound(k.Delete(context.Background(), m))) }
	t.Cleanup(remove)
	return remove
}

func (k kube) awaitOverlays(t *testing.T, state, message string) {
	t.Helper()
	eventually(t, boot, "overlays are "+state, func(ctx context.Context) error {
		var m corev1.ConfigMap
		if err := k.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: overlayState}, &m); err != nil {
			return err
		}
		if m.Data["state"] != state || !strings.Contains(m.Data["message"], message) {
			return fmt.Errorf("they are %s: %s", m.Data["state"], m.Data["message"])
		}
		return nil
	})
}

// grantNetworkPolicies lets the operator keep objects that it does not have without overlays.
func (k kube) grantNetworkPolicies(t *testing.T) {
	t.Helper()
	const name = "e2e-overlays"
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{networkingv1.GroupName}, Resources: []string{"networkpolicies"},
		Verbs: []string{"get", "list", "watch", "create", "patch", "delete"},
	}}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: operatorName, Namespace: operatorNamespace}},
	}
	for _, o := range []client.Object{role, binding} {
		require.NoError(t, client.IgnoreAlreadyExists(k.Create(context.Background(), o)))
		t.Cleanup(func() { require.NoError(t, client.IgnoreNotFound(k.Delete(context.Background(), o))) })
	}
}
