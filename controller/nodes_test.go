package controller

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Who gives the operator no right to see nodes does without moves, and without nothing else.
func TestOperatorWithoutTheRightToSeeNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := "blind-" + w.namespace
	blind := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, o := range manifestObjects(t, "operator-service-account-rbac.yaml") {
		if o.GetKind() == "ClusterRole" && o.GetName() == "postgres-operator" {
			var role rbacv1.ClusterRole
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role))
			blind.Rules = role.Rules
		}
	}
	for i := range blind.Rules {
		blind.Rules[i].Resources = slices.DeleteFunc(slices.Clone(blind.Rules[i].Resources), func(r string) bool { return r == "nodes" })
	}
	blind.Rules = append(blind.Rules, rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"*"}})
	w.create(blind)
	w.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
	})
	as := rest.CopyConfig(w.env.Config)
	as.Impersonate = rest.ImpersonationConfig{UserName: name}
	eyes, err := client.New(as, client.Options{Scheme: w.client.Scheme()})
	require.NoError(t, err)
	require.True(t, apierrors.IsForbidden(eyes.List(t.Context(), &corev1.NodeList{})))
	w.start(func(o *Options) { o.REST = as })
	w.createdCluster(clusterName)
}

func TestPatroniIsAskedByTheSchemeThatItServes(t *testing.T) {
	t.Parallel()
	variable := []corev1.EnvVar{{Name: "SSL_RESTAPI_CERTIFICATE_FILE", Value: "/tls/tls.crt"}}
	for _, test := range []struct {
		name, status string
		env          []corev1.EnvVar
		want         string
	}{
		{"nothing is known", "", nil, "http://10.0.0.1:8008"},
		{"the member says so", `{"api_url":"https://10.0.0.1:8008/patroni"}`, nil, "https://10.0.0.1:8008"},
		{"the member says no", `{"api_url":"http://10.0.0.1:8008/patroni"}`, variable, "http://10.0.0.1:8008"},
		{"before the member says anything", "", variable, "https://10.0.0.1:8008"},
		{"what it says is no JSON", "x", variable, "https://10.0.0.1:8008"},
	} {
		pod := member("a-0", "", true)
		pod.Annotations, pod.Status.PodIP = map[string]string{"status": test.status}, "10.0.0.1"
		pod.Spec.Containers = []corev1.Container{{Name: "postgres", Env: test.env}}
		require.Equal(t, test.want, patroniURL(&pod), test.name)
	}
}
