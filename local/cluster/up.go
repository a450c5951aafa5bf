package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"postgres-operator/local/binaries"
	"postgres-operator/local/controlplane"
	"postgres-operator/local/image"
	"postgres-operator/local/machine"
	"postgres-operator/local/network"
	"postgres-operator/local/process"
	"postgres-operator/local/worker"
)

// How long a daemon may take to become healthy: seconds on a quiet machine,
// much more while images are built on the same two cores.
const (
	startTimeout = 2 * time.Minute
	nodeTimeout  = 3 * time.Minute
)

// Up makes the cluster run, with its images imported. It returns when both
// nodes are ready and every component is healthy.
func (c *Cluster) Up(ctx context.Context) error {
	unlock, err := c.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.installPackages(ctx); err != nil {
		return err
	}
	group, both := errgroup.WithContext(ctx)
	var archives []image.Archive
	group.Go(func() (err error) {
		archives, err = image.All(both, c.layout.Images(), c.log.Printf)
		return err
	})
	group.Go(func() error { return c.start(both) })
	if err := group.Wait(); err != nil {
		return err
	}
	return c.LoadArchives(ctx, archives)
}

func (c *Cluster) installPackages(ctx context.Context) error {
	missing := machine.Missing()
	if len(missing) == 0 {
		return nil
	}
	return c.log.Step(ctx, "installing Debian packages "+strings.Join(missing, " "), func(ctx context.Context) error {
		return machine.Install(ctx, missing)
	})
}

// BuildBinaries builds what the cache lacks and returns the directory.
func (c *Cluster) BuildBinaries(ctx context.Context) (string, error) {
	return binaries.Build(ctx, filepath.Join(c.layout.Repo, "local"), c.layout.Cache, c.log.Step)
}

// start runs everything but the images.
func (c *Cluster) start(ctx context.Context) error {
	if _, err := c.BuildBinaries(ctx); err != nil {
		return err
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	started, err := c.startServers(ctx)
	if err != nil {
		return err
	}
	nodes, err := c.startRest(ctx)
	if err != nil {
		return err
	}
	if started || nodes {
		c.log.Printf("waiting for the components and the nodes")
	}
	if err := c.waitHealthy(ctx, startTimeout, c.checks()); err != nil {
		return err
	}
	if err := c.applyDefaults(ctx); err != nil {
		return err
	}
	if err := c.waitNodes(ctx); err != nil {
		return err
	}
	c.log.Printf("Kubernetes is up: %d nodes are ready", len(c.workers))
	return nil
}

// prepare makes what the daemons stand on.
func (c *Cluster) prepare(ctx context.Context) error {
	if err := machine.Tune(); err != nil {
		return err
	}
	if err := network.Up(ctx, c.places()); err != nil {
		return fmt.Errorf("setting up the network: %w", err)
	}
	if err := controlplane.Identities(c.layout, c.places()); err != nil {
		return fmt.Errorf("making the certificates: %w", err)
	}
	return c.linkVolumes()
}

// startServers starts what needs no API server, and the API server. It reports
// whether anything had to be started.
func (c *Cluster) startServers(ctx context.Context) (bool, error) {
	started, err := c.ensure(ctx, c.plane.Etcd(), c.plane.APIServer())
	if err != nil {
		return false, err
	}
	if started {
		c.log.Printf("starting etcd, the API server and the workers' containerd")
	}
	checks := c.plane.Checks()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return c.waitHealthy(ctx, startTimeout, map[string]controlplane.Check{
			controlplane.Etcd:      checks[controlplane.Etcd],
			controlplane.APIServer: checks[controlplane.APIServer],
		})
	})
	group.Go(func() error {
		return c.eachWorker(ctx, func(ctx context.Context, w worker.Worker) error {
			return w.StartRuntime(ctx, c.supervisor, c.cgroups)
		})
	})
	return started, group.Wait()
}

// startRest starts what talks to the API server.
func (c *Cluster) startRest(ctx context.Context) (bool, error) {
	host := c.plane.Proxy(controlplane.Proxy, c.workers[0].Name, network.Gateway, "")
	started, err := c.ensure(ctx, c.plane.ControllerManager(), c.plane.Scheduler(), c.plane.DNS(), host)
	if err != nil {
		return false, err
	}
	return started, c.eachWorker(ctx, func(ctx context.Context, w worker.Worker) error {
		return w.StartNode(ctx, c.supervisor)
	})
}

func (c *Cluster) ensure(ctx context.Context, daemons ...process.Daemon) (bool, error) {
	var any bool
	for _, daemon := range daemons {
		started, err := c.supervisor.Ensure(ctx, daemon)
		if err != nil {
			return any, err
		}
		any = any || started
	}
	return any, nil
}

// applyDefaults makes the StorageClass that claims without a class get.
func (c *Cluster) applyDefaults(ctx context.Context) error {
	client, err := c.plane.AdminClient()
	if err != nil {
		return err
	}
	const name = "standard"
	class := map[string]any{
		"apiVersion": "storage.k8s.io/v1",
		"kind":       "StorageClass",
		"metadata": map[string]any{
			"name":        name,
			"annotations": map[string]any{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		"provisioner":          "kubernetes.io/host-path",
		"reclaimPolicy":        "Delete",
		"volumeBindingMode":    "Immediate",
		"allowVolumeExpansion": true,
	}
	return client.Apply(ctx, "/apis/storage.k8s.io/v1/storageclasses/"+name, class)
}

func (c *Cluster) waitNodes(ctx context.Context) error {
	client, err := c.plane.AdminClient()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(nodeTimeout); ; {
		nodes, err := client.Nodes(ctx)
		if err != nil {
			return err
		}
		waiting := notReady(nodes, c.workers)
		if len(waiting) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready within %s: %s; the logs are in %s",
				nodeTimeout, strings.Join(waiting, "; "), c.layout.Logs())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
