package cluster

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/local/kubeapi"
	"postgres-operator/local/network"
	"postgres-operator/local/worker"
)

func TestNotReady(t *testing.T) {
	var workers []worker.Worker
	for _, place := range network.Workers(2) {
		workers = append(workers, worker.Worker{Worker: place})
	}
	tests := []struct {
		name  string
		nodes []kubeapi.Node
		want  []string
	}{
		{"none", nil, []string{"worker-1 has not registered", "worker-2 has not registered"}},
		{"one not ready", []kubeapi.Node{{Name: "worker-1", Ready: true}, {Name: "worker-2", Reason: "no CNI"}}, []string{"worker-2: no CNI"}},
		{"all, and a stranger", []kubeapi.Node{{Name: "worker-1", Ready: true}, {Name: "worker-2", Ready: true}, {Name: "other"}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, notReady(test.nodes, workers))
		})
	}
}

func TestWorkerUnknown(t *testing.T) {
	c := &Cluster{workers: []worker.Worker{{Worker: network.Workers(1)[0]}}}
	_, err := c.Worker("worker-9")
	require.EqualError(t, err, `no worker "worker-9": there are ["worker-1"]`)
}

func TestRemoveLinks(t *testing.T) {
	dir, ours := t.TempDir(), t.TempDir()
	link := func(name, target string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Symlink(target, path))
		return path
	}
	gone := link("ours", filepath.Join(ours, "pod.log"))
	kept := link("other", ours+"-of-another/pod.log")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))

	require.NoError(t, removeLinks(dir, ours))
	_, err := os.Lstat(gone)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = os.Lstat(kept)
	require.NoError(t, err)
	require.FileExists(t, file)
	require.NoError(t, removeLinks(filepath.Join(dir, "absent"), ours))
}
