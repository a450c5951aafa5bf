package testenv_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"postgres-operator/testenv"
)

var server testenv.Server

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

func TestRecorderSeesRequests(t *testing.T) {
	env := server.Env(t)
	clients, err := kubernetes.NewForConfig(env.Config)
	require.NoError(t, err)
	require.Empty(t, env.Requests.All(), "making the namespace is not the test's doing")

	maps := clients.CoreV1().ConfigMaps(env.Namespace)
	_, err = maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{DryRun: []string{"All"}})
	require.NoError(t, err)
	_, err = maps.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)

	require.Len(t, env.Requests.All(), 2)
	writes := env.Requests.Writes()
	require.Len(t, writes, 1)
	require.Equal(t, "POST /api/v1/namespaces/"+env.Namespace+"/configmaps?dryRun=All", writes[0].String())
	env.Requests.Reset()
	require.Empty(t, env.Requests.All())

	other := server.Env(t)
	require.NotEqual(t, env.Namespace, other.Namespace)
	require.Empty(t, env.Requests.All(), "tests see only their own requests")
}
