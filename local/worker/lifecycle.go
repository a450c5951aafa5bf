package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postgres-operator/local/controlplane"
	"postgres-operator/local/machine"
	"postgres-operator/local/process"
)

// StartRuntime starts the worker's containerd, which needs no API server.
func (w Worker) StartRuntime(ctx context.Context, s process.Supervisor, cgroups machine.Cgroups) error {
	if err := cgroups.Make(w.cgroup()); err != nil {
		return err
	}
	if err := w.startContainerd(ctx, s); err != nil {
		return err
	}
	_, err := os.Stat(w.Layout.Worker(w.Name, "kubelet"))
	if !errors.Is(err, fs.ErrNotExist) {
		return err // the kubelet has been here: the containers are its own
	}
	stale, err := w.forgetContainers(ctx)
	if err != nil || !stale {
		return err
	}
	if err := s.Stop(ctx, w.containerd(), 5*time.Second); err != nil {
		return err
	}
	return w.startContainerd(ctx, s)
}

func (w Worker) startContainerd(ctx context.Context, s process.Supervisor) error {
	if _, err := s.Ensure(ctx, w.containerdDaemon()); err != nil {
		return err
	}
	return s.WaitReady(ctx, w.containerd(), 30*time.Second, w.checkContainerd)
}

// StartNode starts the worker's kubelet and kube-proxy.
func (w Worker) StartNode(ctx context.Context, s process.Supervisor) error {
	for _, daemon := range []process.Daemon{w.kubeletDaemon(), w.proxyDaemon()} {
		if _, err := s.Ensure(ctx, daemon); err != nil {
			return err
		}
	}
	return nil
}

// Checks returns the health check of every daemon of the worker.
func (w Worker) Checks() map[string]controlplane.Check {
	return map[string]controlplane.Check{
		w.containerd(): w.checkContainerd,
		w.kubelet():    controlplane.CheckHTTP("http://" + w.Address + ":10248/healthz"),
		w.proxy():      controlplane.CheckHTTP("http://" + w.Address + ":10256/healthz"),
	}
}

// Stop ends the worker as a power failure would: daemons and containers are
// killed, nothing is told to the API server. What a reboot would clear is cleared.
func (w Worker) Stop(ctx context.Context, s process.Supervisor, cgroups machine.Cgroups) error {
	for _, name := range []string{w.kubelet(), w.proxy(), w.containerd()} {
		if err := s.Stop(ctx, name, 0); err != nil {
			return err
		}
	}
	if err := w.killShims(ctx); err != nil {
		return err
	}
	if err := cgroups.Empty(ctx, w.cgroup()); err != nil {
		return err
	}
	w.removeShimSockets()
	if err := machine.Unmount(w.Layout.WorkerRun(w.Name), w.Layout.Worker(w.Name)); err != nil {
		return err
	}
	if err := os.RemoveAll(w.Layout.WorkerRun(w.Name)); err != nil {
		return fmt.Errorf("clearing the run-time state of %s: %w", w.Name, err)
	}
	return cgroups.Remove(w.cgroup())
}

// killShims kills what carries containerd's mark: the shims, which outlive it
// by design, and what they were about to start.
func (w Worker) killShims(ctx context.Context) error {
	marked, err := process.All()
	if err != nil {
		return err
	}
	for _, p := range marked {
		if p.Name == w.containerd() {
			if err := p.Kill(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeShimSockets removes the sockets of killed shims. containerd keeps them
// outside its state directory, and their paths inside.
func (w Worker) removeShimSockets() {
	addresses, err := filepath.Glob(w.Layout.WorkerRun(w.Name, "containerd", "io.containerd.runtime.v2.task", "k8s.io", "*", "address"))
	if err != nil {
		return // only a malformed pattern
	}
	for _, file := range addresses {
		if content, err := os.ReadFile(file); err == nil {
			_ = os.Remove(strings.TrimPrefix(string(content), "unix://"))
		}
	}
}
