// Package worker runs the workers of the cluster: per worker a containerd, a
// kubelet and a kube-proxy of its own, in a network namespace of its own.
//
// Everything that two kubelets on one machine would fight over is separate:
// the root directory, the pods' logs, the control group, the plugin directory.
package worker

import (
	"fmt"

	"postgres-operator/local/controlplane"
	"postgres-operator/local/layout"
	"postgres-operator/local/network"
	"postgres-operator/local/process"
)

// PauseImage is the image whose process holds a pod's namespaces. The image
// archives bring it: there is no registry to pull it from.
const PauseImage = "docker.io/local/pause:1"

// Worker is one worker. Name and addresses come from the network.
type Worker struct {
	network.Worker
	Layout layout.Layout
	Plane  controlplane.Plane
}

// The names of the worker's daemons.
func (w Worker) containerd() string { return "containerd-" + w.Name }
func (w Worker) kubelet() string    { return "kubelet-" + w.Name }
func (w Worker) proxy() string      { return "kube-proxy-" + w.Name }

// cgroup is the group that holds all pods of the worker.
func (w Worker) cgroup() string { return "pglocal-" + w.Name }

// Socket is the address of the worker's containerd.
func (w Worker) Socket() string { return w.Layout.WorkerRun(w.Name, "containerd.sock") }

func (w Worker) containerdDaemon() process.Daemon {
	l := w.Layout
	config := process.File{Path: l.Worker(w.Name, "containerd.toml"), Content: w.containerdConfig()}
	cni := process.File{Path: l.Worker(w.Name, "cni", "10-local.conflist"), Content: w.cniConfig()}
	return process.Daemon{
		Name:      w.containerd(),
		Namespace: w.Namespace(),
		Files:     []process.File{config, cni},
		Requires:  []string{l.ImageStore(w.Name), l.WorkerRun(w.Name)},
		Argv:      []string{"/usr/bin/containerd", "--config", config.Path},
	}
}

// containerdConfig limits oom_score_adj to what containerd itself has: without
// CAP_SYS_RESOURCE, which virtual machines may lack, the kernel refuses to lower it
// and no pod would start.
func (w Worker) containerdConfig() string {
	l := w.Layout
	return fmt.Sprintf(`version = 2
root = %q
state = %q
oom_score = 0

[grpc]
  address = %q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
`, l.ImageStore(w.Name), l.WorkerRun(w.Name, "containerd"), w.Socket(), PauseImage, l.Worker(w.Name, "cni"))
}

// cniConfig routes each pod over a veth pair of its own. The addresses given
// out are run-time state: no pod keeps one over a reboot.
func (w Worker) cniConfig() string {
	return fmt.Sprintf(`{
  "cniVersion": "1.0.0",
  "name": "local",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": %q,
        "ranges": [[{"subnet": %q}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`, w.Layout.WorkerRun(w.Name, "addresses"), w.PodCIDR)
}

func (w Worker) kubeletDaemon() process.Daemon {
	l := w.Layout
	config := process.File{Path: l.Worker(w.Name, "kubelet.yaml"), Content: w.kubeletConfig()}
	return process.Daemon{
		Name:      w.kubelet(),
		Namespace: w.Namespace(),
		Files:     []process.File{config},
		Requires:  []string{l.Worker(w.Name, "kubelet"), l.Worker(w.Name, "pod-logs"), l.Worker(w.Name, "volume-plugins")},
		Argv: []string{
			w.Plane.Bin + "/kubelet",
			"--config=" + config.Path,
			"--kubeconfig=" + l.Kubeconfig(w.kubelet()),
			"--root-dir=" + l.Worker(w.Name, "kubelet"),
			"--cert-dir=" + l.Worker(w.Name, "kubelet", "pki"),
			"--hostname-override=" + w.Name,
			"--node-ip=" + w.Address,
		},
	}
}

// kubeletConfig keeps images whatever the disk looks like: they cannot be
// pulled again. The worker's memory and processors are the machine's, so
// nothing is reserved or enforced for the node as a whole.
func (w Worker) kubeletConfig() string {
	l := w.Layout
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[1]s
healthzBindAddress: %[1]s
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %[2]s}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: /%[3]s
failCgroupV1: false
enforceNodeAllocatable: []
clusterDNS: [%[4]s]
clusterDomain: %[5]s
containerRuntimeEndpoint: unix://%[6]s
podLogsDir: %[7]s
volumePluginDir: %[8]s
failSwapOn: false
oomScoreAdj: 0
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard:
  memory.available: 50Mi
  nodefs.available: 1%%
  nodefs.inodesFree: 1%%
  imagefs.available: 1%%
`, w.Address, l.Certificate("ca"), w.cgroup(), network.Gateway, controlplane.Domain, w.Socket(),
		l.Worker(w.Name, "pod-logs"), l.Worker(w.Name, "volume-plugins"))
}

func (w Worker) proxyDaemon() process.Daemon {
	return w.Plane.Proxy(w.proxy(), w.Name, w.Address, w.Namespace())
}
