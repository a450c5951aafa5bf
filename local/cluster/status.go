package cluster

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"postgres-operator/local/controlplane"
	"postgres-operator/local/network"
	"postgres-operator/local/process"
)

const (
	checkTimeout = 2 * time.Second // of one health check
	healthy      = "ok"
)

// Status prints what runs and how it is. It fails when the cluster is up but
// not healthy.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	running, err := c.running()
	if err != nil {
		return err
	}
	if len(running) == 0 {
		_, err := fmt.Fprintln(out, "The local cluster is down.")
		return err
	}
	var text strings.Builder
	problems := append(c.describeDaemons(ctx, &text, running), c.describeNodes(ctx, &text)...)
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	if len(problems) > 0 {
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

// describeDaemons writes a line per daemon and returns what is wrong with them.
func (c *Cluster) describeDaemons(ctx context.Context, text *strings.Builder, running map[string]process.Process) []string {
	const row = "%-24s %-8s %-10s %s\n"
	fmt.Fprintf(text, row, "COMPONENT", "PID", "SINCE", "HEALTH")
	var problems []string
	checks := c.checks()
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		pid, since, health := describe(ctx, running[name], checks[name])
		if health != healthy {
			problems = append(problems, name)
		}
		fmt.Fprintf(text, row, name, pid, since, health)
	}
	fmt.Fprintf(text, "\nkubeconfig  %s\nlogs        %s\naudit log   %s\n\n",
		c.layout.AdminKubeconfig(), c.layout.Logs(), c.layout.AuditLog())
	return problems
}

func describe(ctx context.Context, p process.Process, check controlplane.Check) (pid, since, health string) {
	if p.PID == 0 {
		return "-", "-", "not running"
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	health = healthy
	if err := check(ctx); err != nil {
		health = err.Error()
	}
	return strconv.Itoa(p.PID), time.Since(p.Started).Truncate(time.Second).String(), health
}

// describeNodes writes the nodes as the API server sees them and returns what
// is wrong with them.
func (c *Cluster) describeNodes(ctx context.Context, text *strings.Builder) []string {
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
		fmt.Fprintf(text, "%s  %s\n", node.Name, health)
	}
	problems := notReady(nodes, c.workers)
	for _, w := range c.workers {
		if network.IsCut(w.Worker) {
			problems = append(problems, w.Name+" is cut off the network")
		}
	}
	return problems
}
