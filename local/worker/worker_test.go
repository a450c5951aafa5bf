package worker

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/local/controlplane"
	"postgres-operator/local/layout"
	"postgres-operator/local/network"
	"postgres-operator/local/process"
)

func testWorkers(root string) []Worker {
	l := layout.Layout{State: root + "/state", Run: root + "/run"}
	var workers []Worker
	for _, place := range network.Workers(2) {
		workers = append(workers, Worker{Worker: place, Layout: l, Plane: controlplane.Plane{Layout: l, Bin: "/bin"}})
	}
	return workers
}

// Two kubelets or containerds on one directory destroy each other's work.
func TestWorkersShareNoPath(t *testing.T) {
	workers := testWorkers("/root-of-test")
	paths := func(w Worker) map[string]bool {
		found := map[string]bool{}
		for _, d := range []process.Daemon{w.containerdDaemon(), w.kubeletDaemon(), w.proxyDaemon()} {
			text := d.Namespace
			for _, word := range append(d.Argv[1:], d.Requires...) {
				text += "\n" + word
			}
			for _, file := range d.Files {
				text += "\n" + file.Path + "\n" + file.Content
			}
			for _, path := range regexp.MustCompile(`/root-of-test/[^\s"=,}]*|/run/netns/\S*`).FindAllString(text, -1) {
				found[path] = true
			}
		}
		return found
	}
	first, second := paths(workers[0]), paths(workers[1])
	require.Greater(t, len(first), 10)
	shared := map[string]bool{}
	for path := range first {
		if second[path] {
			shared[path] = true
		}
	}
	require.Equal(t, map[string]bool{
		"/root-of-test/state/cluster/pki/ca.crt":            true,
		"/root-of-test/state/cluster/kubeconfig/kube-proxy": true,
	}, shared, "only what is read")
}

func TestParseImages(t *testing.T) {
	const list = `REF                     TYPE                                       DIGEST      SIZE      PLATFORMS   LABELS
docker.io/local/pause:1 application/vnd.oci.image.manifest.v1+json sha256:54da 644.5 KiB linux/amd64 io.cri-containerd.image=managed
sha256:09a2             application/vnd.oci.image.manifest.v1+json sha256:9380 34.3 MiB  linux/amd64 io.cri-containerd.image=managed
`
	require.Equal(t, map[string]string{"docker.io/local/pause:1": "sha256:54da", "sha256:09a2": "sha256:9380"}, parseImages(list))
}

func TestRemoveShimSockets(t *testing.T) {
	root := t.TempDir()
	w := testWorkers(root)[0]
	socket, other := filepath.Join(root, "socket"), filepath.Join(root, "other")
	task := w.Layout.WorkerRun(w.Name, "containerd", "io.containerd.runtime.v2.task", "k8s.io", "id")
	require.NoError(t, os.MkdirAll(task, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(task, "address"), []byte("unix://"+socket), 0o644))
	for _, file := range []string{socket, other} {
		require.NoError(t, os.WriteFile(file, nil, 0o644))
	}
	w.removeShimSockets()
	require.NoFileExists(t, socket)
	require.FileExists(t, other)
}
