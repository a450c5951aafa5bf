// Package layout says where everything of the local cluster lies.
//
//	State  /var/lib/postgres-operator-local
//	         cluster/       one cluster's life: certificates, etcd, logs, volumes; removed by down
//	         image-store/   each worker's containerd root; kept by down, so that images are imported once
//	Run    /run/postgres-operator-local   sockets and container state; does not outlive a reboot
//	Cache  ~/.cache/postgres-operator-local   binaries and images, built once per user
//	Repo   <repository>/.local   the administrator's kubeconfig
package layout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const name = "postgres-operator-local"

// Layout holds the four roots; every path of the cluster is derived from them.
type Layout struct {
	State, Run, Cache, Repo string
}

// Find returns the layout of this machine and user. The repository is the
// nearest directory at or above the working directory that holds local/kubernetes.
func Find() (Layout, error) {
	repo, err := findRepo()
	if err != nil {
		return Layout{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Layout{}, fmt.Errorf("finding the cache directory: %w", err)
	}
	return Layout{
		State: filepath.Join("/var/lib", name),
		Run:   filepath.Join("/run", name),
		Cache: filepath.Join(cache, name),
		Repo:  repo,
	}, nil
}

func findRepo() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "local", "kubernetes", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no repository at or above " + start + ": start this from within the repository")
		}
	}
}

// Cluster is a path below the directory that one cluster's life fills.
func (l Layout) Cluster(elem ...string) string {
	return filepath.Join(append([]string{l.State, "cluster"}, elem...)...)
}

// ImageStore is the containerd root of a worker.
func (l Layout) ImageStore(worker string) string {
	return filepath.Join(l.State, "image-store", worker)
}

// Logs is the directory of the daemons' log files.
func (l Layout) Logs() string { return l.Cluster("logs") }

// AuditLog is the API server's audit log: one JSON line per request, level Metadata.
func (l Layout) AuditLog() string { return l.Cluster("audit.log") }

// Certificate and Key are the files of the certificate called name.
func (l Layout) Certificate(name string) string { return l.Cluster("pki", name+".crt") }

// Key is the private key of the certificate called name.
func (l Layout) Key(name string) string { return l.Cluster("pki", name+".key") }

// Kubeconfig is the kubeconfig of a component.
func (l Layout) Kubeconfig(component string) string {
	return l.Cluster("kubeconfig", component)
}

// AdminKubeconfig is the kubeconfig for people and tests.
func (l Layout) AdminKubeconfig() string { return filepath.Join(l.Repo, ".local", "kubeconfig") }

// Worker is a path below a worker's part of the cluster's state.
func (l Layout) Worker(worker string, elem ...string) string {
	return l.Cluster(append([]string{"workers", worker}, elem...)...)
}

// WorkerRun is a path below a worker's run-time state.
func (l Layout) WorkerRun(worker string, elem ...string) string {
	return filepath.Join(append([]string{l.Run, worker}, elem...)...)
}

// Images is the cache of image archives.
func (l Layout) Images() string { return filepath.Join(l.Cache, "images") }
