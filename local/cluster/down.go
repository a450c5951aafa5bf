package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postgres-operator/local/machine"
	"postgres-operator/local/network"
	"postgres-operator/local/process"
	"postgres-operator/local/worker"
)

// containerLogs is where kubelets link to the logs of their containers; the path is
// fixed in their code (pkg/kubelet, ContainerLogsDir).
const containerLogs = "/var/log/containers"

// Down stops the cluster and removes it: processes, mounts, namespaces, rules,
// data. What only saves time stays: the binaries, and, unless purge is set, the
// imported images. Taking down what is not up succeeds.
func (c *Cluster) Down(ctx context.Context, purge bool) error {
	unlock, err := c.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return c.log.Step(ctx, "taking the cluster down", func(ctx context.Context) error {
		if err := c.stop(ctx); err != nil {
			return err
		}
		return c.remove(ctx, purge)
	})
}

// stop kills everything: what it would write while leaving is deleted anyway.
func (c *Cluster) stop(ctx context.Context) error {
	err := c.eachWorker(ctx, func(ctx context.Context, w worker.Worker) error {
		return w.Stop(ctx, c.supervisor, c.cgroups)
	})
	if err != nil {
		return err
	}
	left, err := process.All()
	if err != nil {
		return err
	}
	var problems []error
	for _, p := range left {
		problems = append(problems, p.Kill(ctx))
	}
	return errors.Join(problems...)
}

func (c *Cluster) remove(ctx context.Context, purge bool) error {
	l := c.layout
	if err := machine.Unmount(l.Run, l.State); err != nil {
		return err
	}
	if err := network.Down(ctx, c.places()); err != nil {
		return fmt.Errorf("removing the network: %w", err)
	}
	problems := []error{c.unlinkVolumes(), removeLinks(containerLogs, l.State)}
	dirs := []string{l.Cluster(), l.Run}
	if purge {
		dirs = append(dirs, filepath.Join(l.State, "image-store"))
	}
	for _, dir := range dirs {
		problems = append(problems, os.RemoveAll(dir))
	}
	if err := os.Remove(l.AdminKubeconfig()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// removeLinks removes the symbolic links in dir that lead below target.
func removeLinks(dir, target string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if to, err := os.Readlink(path); err == nil && strings.HasPrefix(to, target+"/") {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}
