package cluster

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"postgres-operator/local/controlplane"
	"postgres-operator/local/network"
	"postgres-operator/local/process"
)

// checkTimeout bounds one health check of Status.
const checkTimeout = 2 * time.Second

// Status prints what runs and how it is. It fails when the cluster is up but
// not healthy.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	running, err := c.running()
	if err != nil {
		return err
	}
	if len(running) == 0 {
		fmt.Fprintln(out, "The local cluster is down.")
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "COMPONENT\tPID\tSINCE\tHEALTH")
	var unhealthy []string
	checks := c.checks()
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		pid, since, health := describe(ctx, running[name], checks[name])
		if health != "ok" {
			unhealthy = append(unhealthy, name)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, pid, since, health)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nkubeconfig  %s\nlogs        %s\naudit log   %s\n\n",
		c.layout.AdminKubeconfig(), c.layout.Logs(), c.layout.AuditLog())
	waiting := c.printNodes(ctx, out)
	if problems := append(unhealthy, waiting...); len(problems) > 0 {
		return fmt.Errorf("not healthy: %s", strings.Join(problems, "; "))
	}
	return nil
}

// running returns the daemons that run, by name.
func (c *Cluster) running() (map[string]process.Process, error) {
	running := map[string]process.Process{}
	for name := range c.checks() {
		found, err := process.Find(name)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			running[name] = found[0]
		}
	}
	return running, nil
}

func describe(ctx context.Context, p process.Process, check controlplane.Check) (pid, since, health string) {
	if p.PID == 0 {
		return "-", "-", "not running"
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	health = "ok"
	if err := check(ctx); err != nil {
		health = err.Error()
	}
	return fmt.Sprint(p.PID), time.Since(p.Started).Truncate(time.Second).String(), health
}

// printNodes prints the nodes as the API server sees them and returns what is
// wrong with them.
func (c *Cluster) printNodes(ctx context.Context, out io.Writer) []string {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	client, err := c.plane.AdminClient()
	if err != nil {
		return []string{err.Error()}
	}
	nodes, err := client.Nodes(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	for _, node := range nodes {
		health := "ready"
		if !node.Ready {
			health = "not ready: " + node.Reason
		}
		fmt.Fprintf(out, "%s  %s\n", node.Name, health)
	}
	waiting := notReady(nodes, c.workers)
	for _, w := range c.workers {
		if network.IsCut(w.Worker) {
			waiting = append(waiting, w.Name+" is cut off the network")
		}
	}
	return waiting
}
