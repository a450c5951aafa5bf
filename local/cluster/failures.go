package cluster

import (
	"context"
	"fmt"
	"time"

	"postgres-operator/local/controlplane"
	"postgres-operator/local/network"
	"postgres-operator/local/worker"
)

// StopNode ends a worker as a power failure would: the API server is not told.
func (c *Cluster) StopNode(ctx context.Context, name string) error {
	return c.onWorker(name, "stopped", func(w worker.Worker) error { return w.Stop(ctx, c.supervisor, c.cgroups) })
}

// StartNode starts a worker that was stopped, and returns when its daemons are
// healthy. The node becomes ready a moment later.
func (c *Cluster) StartNode(ctx context.Context, name string) error {
	return c.onWorker(name, "started", func(w worker.Worker) error {
		if err := w.StartRuntime(ctx, c.supervisor, c.cgroups); err != nil {
			return err
		}
		if err := w.StartNode(ctx, c.supervisor); err != nil {
			return err
		}
		return c.waitHealthy(ctx, startTimeout, w.Checks())
	})
}

// CutNode takes a worker off the network. Its pods run on and reach each other,
// and nothing else.
func (c *Cluster) CutNode(ctx context.Context, name string) error {
	return c.onWorker(name, "cut off", func(w worker.Worker) error { return network.Cut(ctx, w.Worker) })
}

// HealNode connects a worker that was cut off.
func (c *Cluster) HealNode(ctx context.Context, name string) error {
	return c.onWorker(name, "connected", func(w worker.Worker) error { return network.Heal(ctx, w.Worker) })
}

func (c *Cluster) onWorker(name, done string, do func(worker.Worker) error) error {
	w, err := c.Worker(name)
	if err != nil {
		return err
	}
	unlock, err := c.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := do(w); err != nil {
		return err
	}
	c.log.Printf("%s: %s", name, done)
	return nil
}

// apiServerGrace is how long the API server may take to leave. With watches
// open it would take a minute; clients must stand either.
const apiServerGrace = 3 * time.Second

// StopAPIServer stops the API server; everything else runs on.
func (c *Cluster) StopAPIServer(ctx context.Context) error {
	if err := c.supervisor.Stop(ctx, controlplane.APIServer, apiServerGrace); err != nil {
		return err
	}
	c.log.Printf("the API server has stopped")
	return nil
}

// StartAPIServer starts the API server and returns when it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	if _, err := c.supervisor.Ensure(ctx, c.plane.APIServer()); err != nil {
		return fmt.Errorf("is the cluster up? %w", err)
	}
	name := controlplane.APIServer
	if err := c.supervisor.WaitReady(ctx, name, startTimeout, c.plane.Checks()[name]); err != nil {
		return err
	}
	c.log.Printf("the API server is ready")
	return nil
}
