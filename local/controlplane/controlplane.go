// Package controlplane defines the daemons that run on the host: etcd, the API
// server, the controller manager, the scheduler, CoreDNS, and a kube-proxy that
// makes service addresses reachable from the host itself.
package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"postgres-operator/local/layout"
	"postgres-operator/local/network"
	"postgres-operator/local/process"
)

// Domain is the DNS domain of the cluster's services.
const Domain = "cluster.local"

// The names of the daemons.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	CoreDNS           = "coredns"
	Proxy             = "kube-proxy"
)

const etcdURL = "https://127.0.0.1:12379"

// Plane makes the definitions of the daemons. Bin is the directory of their programs.
type Plane struct {
	Layout layout.Layout
	Bin    string
}

func (p Plane) program(name string) string { return filepath.Join(p.Bin, name) }

// Etcd is the store. It skips fsync: only a power failure can lose data of
// this disposable cluster, and every write is several times faster.
func (p Plane) Etcd() process.Daemon {
	l := p.Layout
	const peer = "http://127.0.0.1:12380"
	return process.Daemon{Name: Etcd, Argv: []string{
		p.program("etcd"),
		"--name=local",
		"--data-dir=" + l.Cluster("etcd"),
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=local=" + peer,
		"--client-cert-auth",
		"--trusted-ca-file=" + l.Certificate(etcdAuthority),
		"--cert-file=" + l.Certificate("etcd"),
		"--key-file=" + l.Key("etcd"),
		"--unsafe-no-fsync",
		"--log-level=warn",
	}}
}

// auditPolicy records who asked what, never bodies, once per request.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// APIServer is the API server, with the audit log at Layout.AuditLog.
func (p Plane) APIServer() process.Daemon {
	l := p.Layout
	policy := process.File{Path: l.Cluster("config", "audit-policy.yaml"), Content: auditPolicy}
	const issuer = "https://kubernetes.default.svc." + Domain
	return process.Daemon{Name: APIServer, Files: []process.File{policy}, Argv: []string{
		p.program(APIServer),
		"--etcd-servers=" + etcdURL,
		"--etcd-cafile=" + l.Certificate(etcdAuthority),
		"--etcd-certfile=" + l.Certificate("kube-apiserver-etcd"),
		"--etcd-keyfile=" + l.Key("kube-apiserver-etcd"),
		"--bind-address=" + network.Gateway,
		"--advertise-address=" + network.Gateway,
		"--secure-port=6443",
		"--service-cluster-ip-range=" + network.ServiceCIDR,
		"--tls-cert-file=" + l.Certificate("kube-apiserver"),
		"--tls-private-key-file=" + l.Key("kube-apiserver"),
		"--client-ca-file=" + l.Certificate(authority),
		"--kubelet-client-certificate=" + l.Certificate("kube-apiserver-kubelet"),
		"--kubelet-client-key=" + l.Key("kube-apiserver-kubelet"),
		"--kubelet-preferred-address-types=InternalIP",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + l.Key(tokenKey),
		"--service-account-signing-key-file=" + l.Key(tokenKey),
		"--audit-policy-file=" + policy.Path,
		"--audit-log-path=" + l.AuditLog(),
		"--audit-log-maxsize=512",
		"--audit-log-maxbackup=2",
		"--profiling=false",
	}}
}

// ControllerManager runs the controllers, among them the one that provisions
// host directories as volumes and the one that signs certificates.
func (p Plane) ControllerManager() process.Daemon {
	l := p.Layout
	return process.Daemon{Name: ControllerManager, Argv: []string{
		p.program(ControllerManager),
		"--kubeconfig=" + l.Kubeconfig(ControllerManager),
		"--bind-address=" + network.Gateway,
		"--tls-cert-file=" + l.Certificate(ControllerManager),
		"--tls-private-key-file=" + l.Key(ControllerManager),
		"--leader-elect=false", // there is one
		"--use-service-account-credentials",
		"--service-account-private-key-file=" + l.Key(tokenKey),
		"--root-ca-file=" + l.Certificate(authority),
		"--cluster-signing-cert-file=" + l.Certificate(authority),
		"--cluster-signing-key-file=" + l.Key(authority),
		"--cluster-cidr=" + network.PodRange,
		"--enable-hostpath-provisioner=true",
		"--profiling=false",
	}}
}

// Scheduler places the pods.
func (p Plane) Scheduler() process.Daemon {
	l := p.Layout
	return process.Daemon{Name: Scheduler, Argv: []string{
		p.program(Scheduler),
		"--kubeconfig=" + l.Kubeconfig(Scheduler),
		"--bind-address=" + network.Gateway,
		"--tls-cert-file=" + l.Certificate(Scheduler),
		"--tls-private-key-file=" + l.Key(Scheduler),
		"--leader-elect=false",
		"--profiling=false",
	}}
}

// DNS serves the names of services and pods on the bridge's address, and asks
// the host's resolvers for all others.
func (p Plane) DNS() process.Daemon {
	corefile := process.File{Path: p.Layout.Cluster("config", "Corefile"), Content: p.corefile("/etc/resolv.conf")}
	return process.Daemon{Name: CoreDNS, Files: []process.File{corefile}, Argv: []string{
		p.program("coredns"), "-conf", corefile.Path,
	}}
}

func (p Plane) corefile(resolvConf string) string {
	var forward string
	if content, err := os.ReadFile(resolvConf); err == nil && strings.Contains(string(content), "nameserver") {
		forward = "\tforward . " + resolvConf + "\n"
	}
	return fmt.Sprintf(`.:53 {
	bind %s
	errors
	cache 30 {
		disable success %[2]s
		disable denial %[2]s
	}
	kubernetes %[2]s in-addr.arpa ip6.arpa {
		kubeconfig %[3]s
		pods insecure
		ttl 5
	}
%[4]s}
`, network.Gateway, Domain, p.Layout.Kubeconfig("coredns"), forward)
}

// Proxy is the kube-proxy of the host, or of a worker's namespace. The host is
// no node of the cluster, so its proxy goes by the first worker's name.
func (p Plane) Proxy(name, node, address, namespace string) process.Daemon {
	config := process.File{Path: p.Layout.Cluster("config", name+".yaml"), Content: fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: %s
bindAddress: %s
healthzBindAddress: %[2]s:10256
metricsBindAddress: %[2]s:10249
clusterCIDR: %[3]s
detectLocalMode: ClusterCIDR
clientConnection:
  kubeconfig: %[4]s
nftables:
  syncPeriod: 30s
  minSyncPeriod: 100ms
# The connection tracking limits belong to the machine, not to a namespace.
conntrack:
  maxPerCore: 0
  min: 0
  tcpEstablishedTimeout: 0s
  tcpCloseWaitTimeout: 0s
oomScoreAdj: 0
`, node, address, network.PodRange, p.Layout.Kubeconfig(Proxy))}
	return process.Daemon{Name: name, Files: []process.File{config}, Namespace: namespace, Argv: []string{
		p.program(Proxy), "--config=" + config.Path,
	}}
}
