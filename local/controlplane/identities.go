package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"postgres-operator/local/certs"
	"postgres-operator/local/layout"
	"postgres-operator/local/network"
)

// Server is the API server's address. It listens on the bridge only: the host,
// the workers and the pods reach it there, other machines do not.
const Server = "https://" + network.Gateway + ":6443"

// ContextName is the context of the administrator's kubeconfig.
const ContextName = "local"

// The names of the certificates and kubeconfigs that more than one place uses.
const (
	authority     = "ca"
	etcdAuthority = "etcd-ca"
	admin         = "admin"
	tokenKey      = "service-account"
)

// identity is one client or server of the cluster.
type identity struct {
	name       string
	authority  string
	request    certs.Request
	kubeconfig bool
}

// identities follow the user and group names that Kubernetes' built-in roles
// are bound to (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles).
func identities(workers []network.Worker) []identity {
	masters := []string{"system:masters"}
	loopback := net.IPv4(127, 0, 0, 1)
	all := []identity{
		{name: "etcd", authority: etcdAuthority, request: certs.Request{
			CommonName: "etcd", DNSNames: []string{"localhost"}, Addresses: []net.IP{loopback}}},
		{name: "kube-apiserver-etcd", authority: etcdAuthority, request: certs.Request{CommonName: "kube-apiserver"}},
		{name: "kube-apiserver", authority: authority, request: certs.Request{
			CommonName: "kube-apiserver",
			DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
				"kubernetes.default.svc.cluster.local"},
			Addresses: []net.IP{loopback, net.ParseIP(network.Gateway), net.ParseIP(network.ServiceAPI)},
		}},
		{name: "kube-apiserver-kubelet", authority: authority, request: certs.Request{
			CommonName: "kube-apiserver-kubelet", Organization: masters}},
		{name: admin, authority: authority, kubeconfig: true, request: certs.Request{
			CommonName: "local-admin", Organization: masters}},
		{name: "coredns", authority: authority, kubeconfig: true, request: certs.Request{
			CommonName: "coredns", Organization: masters}},
	}
	for _, component := range []string{ControllerManager, Scheduler, Proxy} {
		all = append(all, identity{name: component, authority: authority, kubeconfig: true,
			request: certs.Request{CommonName: "system:" + component, Addresses: []net.IP{net.ParseIP(network.Gateway)}}})
	}
	for _, worker := range workers {
		all = append(all, identity{name: "kubelet-" + worker.Name, authority: authority, kubeconfig: true,
			request: certs.Request{CommonName: "system:node:" + worker.Name, Organization: []string{"system:nodes"}}})
	}
	return all
}

// Identities makes the authorities, certificates and kubeconfigs that are
// missing, and the administrator's kubeconfig in the repository.
func Identities(l layout.Layout, workers []network.Worker) error {
	authorities := map[string]*certs.Authority{}
	for _, name := range []string{authority, etcdAuthority} {
		loaded, err := certs.LoadAuthority("local "+name, pair(l, name))
		if err != nil {
			return fmt.Errorf("reading the authority %s: %w", name, err)
		}
		authorities[name] = loaded
	}
	for _, id := range identities(workers) {
		if err := authorities[id.authority].Ensure(id.request, pair(l, id.name)); err != nil {
			return err
		}
		if id.kubeconfig {
			if err := writeKubeconfig(l, id.name, l.Kubeconfig(id.name)); err != nil {
				return err
			}
		}
	}
	if err := ensureTokenKey(l.Key(tokenKey)); err != nil {
		return err
	}
	return ensureAdminKubeconfig(l)
}

func pair(l layout.Layout, name string) certs.Pair {
	return certs.Pair{Certificate: l.Certificate(name), Key: l.Key(name)}
}

// ensureTokenKey makes the key that signs service account tokens.
func ensureTokenKey(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return certs.WriteKey(path, key)
}

// ensureAdminKubeconfig leaves a kubeconfig of this very cluster alone: people
// set their namespace in it.
func ensureAdminKubeconfig(l layout.Layout) error {
	ca, err := os.ReadFile(l.Certificate(authority))
	if err != nil {
		return err
	}
	path := l.AdminKubeconfig()
	present, err := os.ReadFile(path)
	if err == nil && strings.Contains(string(present), base64.StdEncoding.EncodeToString(ca)) {
		return nil
	}
	return writeKubeconfig(l, admin, path)
}

func writeKubeconfig(l layout.Layout, user, path string) error {
	var data []any
	for _, file := range []string{l.Certificate(authority), l.Certificate(user), l.Key(user)} {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("writing the kubeconfig of %s: %w", user, err)
		}
		data = append(data, base64.StdEncoding.EncodeToString(content))
	}
	content := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[4]s
users:
- name: %[3]s
  user:
    client-certificate-data: %[5]s
    client-key-data: %[6]s
contexts:
- name: %[1]s
  context:
    cluster: %[1]s
    user: %[3]s
current-context: %[1]s
`, append([]any{ContextName, Server, user}, data...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}
