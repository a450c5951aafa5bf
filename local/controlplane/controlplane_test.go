package controlplane

import (
	"crypto/tls"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/local/layout"
	"postgres-operator/local/network"
)

func testLayout(t *testing.T) layout.Layout {
	t.Helper()
	root := t.TempDir()
	return layout.Layout{
		State: filepath.Join(root, "state"), Run: filepath.Join(root, "run"),
		Cache: filepath.Join(root, "cache"), Repo: filepath.Join(root, "repo"),
	}
}

// Kubernetes' built-in roles are bound to these names.
func TestIdentitiesCarryTheNamesOfTheBuiltInRoles(t *testing.T) {
	l := testLayout(t)
	require.NoError(t, Identities(l, network.Workers(2)))
	tests := []struct {
		name, user string
		groups     []string
	}{
		{"admin", "local-admin", []string{"system:masters"}},
		{"kube-controller-manager", "system:kube-controller-manager", nil},
		{"kube-scheduler", "system:kube-scheduler", nil},
		{"kube-proxy", "system:kube-proxy", nil},
		{"kubelet-worker-2", "system:node:worker-2", []string{"system:nodes"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pair, err := tls.LoadX509KeyPair(l.Certificate(test.name), l.Key(test.name))
			require.NoError(t, err)
			require.Equal(t, test.user, pair.Leaf.Subject.CommonName)
			require.Equal(t, test.groups, pair.Leaf.Subject.Organization)
			certificate, err := os.ReadFile(l.Certificate(test.name))
			require.NoError(t, err)
			kubeconfig, err := os.ReadFile(l.Kubeconfig(test.name))
			require.NoError(t, err)
			require.Contains(t, string(kubeconfig), base64.StdEncoding.EncodeToString(certificate))
		})
	}
}

func TestServerCertificateNamesEveryWayIn(t *testing.T) {
	l := testLayout(t)
	require.NoError(t, Identities(l, network.Workers(2)))
	pair, err := tls.LoadX509KeyPair(l.Certificate("kube-apiserver"), l.Key("kube-apiserver"))
	require.NoError(t, err)
	for _, name := range []string{"127.0.0.1", network.Gateway, network.ServiceAPI, "kubernetes.default.svc"} {
		require.NoError(t, pair.Leaf.VerifyHostname(name))
	}
}

func TestAdminKubeconfig(t *testing.T) {
	l := testLayout(t)
	require.NoError(t, Identities(l, network.Workers(2)))
	path := l.AdminKubeconfig()
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(written), "current-context: local\n")
	require.Contains(t, string(written), "server: "+Server+"\n")

	edited := string(written) + "# namespace: mine\n"
	require.NoError(t, os.WriteFile(path, []byte(edited), 0o600))
	require.NoError(t, Identities(l, network.Workers(2)))
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, edited, string(kept), "a kubeconfig of this cluster is left alone")

	require.NoError(t, os.RemoveAll(l.Cluster()))
	require.NoError(t, Identities(l, network.Workers(2)))
	renewed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(renewed), "mine", "one of an earlier cluster is replaced")
}

func TestCorefileForwardsOnlyToAResolver(t *testing.T) {
	plane := Plane{Layout: testLayout(t)}
	resolvConf := filepath.Join(t.TempDir(), "resolv.conf")
	require.NotContains(t, plane.corefile(resolvConf), "forward")
	require.NoError(t, os.WriteFile(resolvConf, []byte("search example.org\n"), 0o644))
	require.NotContains(t, plane.corefile(resolvConf), "forward")
	require.NoError(t, os.WriteFile(resolvConf, []byte("nameserver 192.0.2.53\n"), 0o644))
	require.Contains(t, plane.corefile(resolvConf), "forward . "+resolvConf)
}

// Every file that a daemon is told to read must be one that Identities makes.
func TestDaemonsReadOnlyWhatIsMade(t *testing.T) {
	l := testLayout(t)
	require.NoError(t, Identities(l, network.Workers(2)))
	plane := Plane{Layout: l, Bin: "/bin"}
	var checked int
	for _, argument := range slices.Concat(plane.Etcd().Argv, plane.APIServer().Argv,
		plane.ControllerManager().Argv, plane.Scheduler().Argv) {
		_, value, _ := strings.Cut(argument, "=")
		if strings.HasPrefix(value, l.Cluster("pki")) || strings.HasPrefix(value, l.Cluster("kubeconfig")) {
			require.FileExists(t, value)
			checked++
		}
	}
	require.Greater(t, checked, 15)
}
