package cluster

import (
	"context"
	"fmt"
	"time"

	"postgres-operator/local/image"
	"postgres-operator/local/kubeapi"
	"postgres-operator/local/worker"
)

// LoadArchives imports on every worker the images that it lacks or has another version of.
func (c *Cluster) LoadArchives(ctx context.Context, archives []image.Archive) error {
	return c.eachWorker(ctx, func(ctx context.Context, w worker.Worker) error {
		present, err := w.Images(ctx)
		if err != nil {
			return err
		}
		for _, archive := range archives {
			if present[archive.Name] == archive.Digest {
				continue
			}
			start := time.Now()
			if err := w.Import(ctx, archive.Path); err != nil {
				return err
			}
			c.log.Printf("%s: imported %s in %.1fs", w.Name, archive.Name, time.Since(start).Seconds())
		}
		return nil
	})
}

// Load imports OCI archives on every worker.
func (c *Cluster) Load(ctx context.Context, files []string) error {
	return c.eachWorker(ctx, func(ctx context.Context, w worker.Worker) error {
		for _, file := range files {
			if err := w.Import(ctx, file); err != nil {
				return err
			}
			c.log.Printf("%s: imported %s", w.Name, file)
		}
		return nil
	})
}

// notReady lists the workers that are missing among the nodes or not ready,
// each with its reason.
func notReady(nodes []kubeapi.Node, workers []worker.Worker) []string {
	byName := map[string]kubeapi.Node{}
	for _, node := range nodes {
		byName[node.Name] = node
	}
	var waiting []string
	for _, w := range workers {
		node, registered := byName[w.Name]
		switch {
		case !registered:
			waiting = append(waiting, w.Name+" has not registered")
		case !node.Ready:
			waiting = append(waiting, fmt.Sprintf("%s: %s", w.Name, node.Reason))
		}
	}
	return waiting
}
