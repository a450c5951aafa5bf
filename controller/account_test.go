package controller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/names"
)

const someRole, otherRole = "arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"

// accountRole waits until the pod service account has a role; an empty one is none.
func (w *world) accountRole(want string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) {
		account := w.get(serviceAccountKind, "postgres-pod")
		if assert.NotNil(c, account) {
			role, found := account.GetAnnotations()[names.RoleARN]
			assert.Equal(c, want, role)
			assert.Equal(c, want != "", found)
		}
	}, "the account has the role %q", want)
}

func TestAccountFollowsConfiguredRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "irsa_role_arn", someRole)
	w.start()
	w.createdCluster(clusterName)
	w.accountRole(someRole)
	w.configure("irsa_role_arn", otherRole)
	w.accountRole(otherRole)
	w.edit(serviceAccountKind, "postgres-pod", func(o *unstructured.Unstructured) { o.SetAnnotations(nil) })
	w.accountRole(otherRole)
	w.configure("irsa_role_arn", "")
	w.accountRole("")
}

// TestAccountThatExistsGetsTheRoleAlone: such an account may be of Zalando's operator or of the owner of the namespace.
func TestAccountThatExistsGetsTheRoleAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: w.namespace, Name: "postgres-pod",
		Labels: map[string]string{"mine": "yes"}, Annotations: map[string]string{names.RoleARN: "by hand", "note": "stays"},
	}}
	w.create(account)
	w.start()
	w.createdCluster(clusterName)
	w.stays(func() bool {
		return w.get(serviceAccountKind, "postgres-pod").GetResourceVersion() == account.ResourceVersion
	},
		"a role that we did not set is left alone")
	w.configure("irsa_role_arn", someRole)
	w.accountRole(someRole)
	w.configure("irsa_role_arn", "")
	w.accountRole("")
	left := w.get(serviceAccountKind, "postgres-pod")
	require.Equal(t, map[string]string{"mine": "yes"}, left.GetLabels())
	require.Equal(t, map[string]string{"note": "stays"}, left.GetAnnotations())
}
