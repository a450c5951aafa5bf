// Package cluster brings the local Kubernetes up and takes it down.
//
// Up is a list of steps that each look at what is there and do what is missing,
// so that the first run, a second run, and a run after a crash or a reboot are
// the same program.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"postgres-operator/local/binaries"
	"postgres-operator/local/controlplane"
	"postgres-operator/local/layout"
	"postgres-operator/local/machine"
	"postgres-operator/local/network"
	"postgres-operator/local/process"
	"postgres-operator/local/progress"
	"postgres-operator/local/worker"
)

// workerCount is enough for a primary and a replica on different nodes.
const workerCount = 2

// Cluster is the local cluster of this machine, running or not.
type Cluster struct {
	layout     layout.Layout
	log        *progress.Log
	supervisor process.Supervisor
	cgroups    machine.Cgroups
	plane      controlplane.Plane
	workers    []worker.Worker
}

// Layout says where everything of the cluster lies.
func (c *Cluster) Layout() layout.Layout { return c.layout }

// Log is where the cluster reports progress.
func (c *Cluster) Log() *progress.Log { return c.log }

// Open returns the cluster without changing anything.
func Open(l layout.Layout, log *progress.Log) (*Cluster, error) {
	if err := machine.Check(); err != nil {
		return nil, err
	}
	cgroups, err := machine.FindCgroups()
	if err != nil {
		return nil, err
	}
	bin, err := binaries.Dir(filepath.Join(l.Repo, "local"), l.Cache)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		layout:     l,
		log:        log,
		supervisor: process.Supervisor{Logs: l.Logs()},
		cgroups:    cgroups,
		plane:      controlplane.Plane{Layout: l, Bin: bin},
	}
	for _, place := range network.Workers(workerCount) {
		c.workers = append(c.workers, worker.Worker{Worker: place, Layout: l, Plane: c.plane})
	}
	return c, nil
}

// Bin is the directory of the cluster's programs.
func (c *Cluster) Bin() string { return c.plane.Bin }

// Worker returns the worker of that name.
func (c *Cluster) Worker(name string) (worker.Worker, error) {
	var names []string
	for _, w := range c.workers {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return worker.Worker{}, fmt.Errorf("no worker %q: there are %q", name, names)
}

func (c *Cluster) places() []network.Worker {
	var places []network.Worker
	for _, w := range c.workers {
		places = append(places, w.Worker)
	}
	return places
}

// eachWorker calls a function for all workers at the same time.
func (c *Cluster) eachWorker(ctx context.Context, do func(context.Context, worker.Worker) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range c.workers {
		group.Go(func() error { return do(ctx, w) })
	}
	return group.Wait()
}

// checks returns the health check of every daemon of the cluster.
func (c *Cluster) checks() map[string]controlplane.Check {
	all := c.plane.Checks()
	for _, w := range c.workers {
		for name, check := range w.Checks() {
			all[name] = check
		}
	}
	return all
}

// waitHealthy waits for the named daemons, all at the same time.
func (c *Cluster) waitHealthy(ctx context.Context, timeout time.Duration, checks map[string]controlplane.Check) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, check := range checks {
		group.Go(func() error { return c.supervisor.WaitReady(ctx, name, timeout, check) })
	}
	return group.Wait()
}

// Lock keeps other runs of this program from changing the cluster at the same
// time; it waits for them.
func (c *Cluster) Lock() (unlock func(), err error) {
	if err := os.MkdirAll(c.layout.State, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(c.layout.State, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking the cluster: %w", err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
