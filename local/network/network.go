// Package network joins the workers to one network on this machine.
//
//	host ── bridge 10.100.0.1/24 ─┬─ veth ─ namespace of worker-1  10.100.0.11, pods 10.244.1.0/24
//	                              └─ veth ─ namespace of worker-2  10.100.0.12, pods 10.244.2.0/24
//
// Pods are routed, not bridged: each has a veth pair of its own into its
// worker's namespace, so that every packet passes that namespace's
// nftables rules, also between two pods of one worker.
package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The addresses of the cluster. Services get 10.96.0.0/16, the API server its
// first address.
const (
	Bridge      = "pglocal0"
	Gateway     = "10.100.0.1"
	nodeRange   = "10.100.0.0/24"
	PodRange    = "10.244.0.0/16"
	ServiceCIDR = "10.96.0.0/16"
	ServiceAPI  = "10.96.0.1"
	natTable    = "pglocal"
)

// Worker is a worker's place in the network.
type Worker struct {
	Name    string
	Address string // of the node
	PodCIDR string
}

// Workers returns count workers, named and numbered from 1.
func Workers(count int) []Worker {
	var workers []Worker
	for i := 1; i <= count; i++ {
		workers = append(workers, Worker{
			Name:    fmt.Sprintf("worker-%d", i),
			Address: fmt.Sprintf("10.100.0.%d", 10+i),
			PodCIDR: fmt.Sprintf("10.244.%d.0/24", i),
		})
	}
	return workers
}

func (w Worker) namespace() string { return "pglocal-" + w.Name }

// link is the host's end of the worker's veth pair.
func (w Worker) link() string { return "pglocal-" + strings.TrimPrefix(w.Name, "worker-") }

// Namespace is the path of the worker's network namespace.
func (w Worker) Namespace() string { return filepath.Join("/run/netns", w.namespace()) }

// Up makes the bridge, the namespaces, the routes between them, and address
// translation for what pods send to the outside. What exists is left as it is.
func Up(ctx context.Context, workers []Worker) error {
	if err := checkRanges(ctx); err != nil {
		return err
	}
	if err := forward(); err != nil {
		return err
	}
	if !exists(Bridge) {
		if err := ip(ctx, "link", "add", Bridge, "type", "bridge"); err != nil {
			return err
		}
	}
	err := run(ctx,
		"ip addr replace "+Gateway+"/24 dev "+Bridge,
		"ip link set "+Bridge+" up",
		"ip route replace "+ServiceCIDR+" dev "+Bridge)
	if err != nil {
		return err
	}
	for _, worker := range workers {
		if err := worker.up(ctx, workers); err != nil {
			return fmt.Errorf("connecting %s: %w", worker.Name, err)
		}
	}
	return masquerade(ctx)
}

func (w Worker) up(ctx context.Context, all []Worker) error {
	if _, err := os.Stat(w.Namespace()); errors.Is(err, fs.ErrNotExist) {
		if err := ip(ctx, "netns", "add", w.namespace()); err != nil {
			return err
		}
	}
	if !exists(w.link()) {
		if err := ip(ctx, "link", "add", w.link(), "type", "veth", "peer", "name", "eth0", "netns", w.namespace()); err != nil {
			return err
		}
	}
	inside := "ip -n " + w.namespace() + " "
	commands := []string{
		"ip link set " + w.link() + " master " + Bridge + " up",
		inside + "link set lo up",
		inside + "addr replace " + w.Address + "/24 dev eth0",
		inside + "link set eth0 up",
		inside + "route replace default via " + Gateway,
		"ip route replace " + w.PodCIDR + " via " + w.Address,
		"nsenter --net=" + w.Namespace() + " sysctl -qw net.ipv4.ip_forward=1",
	}
	for _, other := range all {
		if other != w {
			commands = append(commands, inside+"route replace "+other.PodCIDR+" via "+other.Address)
		}
	}
	return run(ctx, commands...)
}

// Cut takes a worker off the network, as a pulled cable would; Heal undoes it.
func Cut(ctx context.Context, worker Worker) error {
	return ip(ctx, "link", "set", worker.link(), "down")
}

// Heal connects a worker that was cut off.
func Heal(ctx context.Context, worker Worker) error {
	return ip(ctx, "link", "set", worker.link(), "up")
}

// IsCut reports whether the worker is cut off.
func IsCut(worker Worker) bool {
	flags, err := os.ReadFile(filepath.Join("/sys/class/net", worker.link(), "operstate"))
	return err == nil && strings.TrimSpace(string(flags)) == "down"
}

// Down removes what Up made and the tables that kube-proxy left on the host.
// Removing what is not there succeeds.
func Down(ctx context.Context, workers []Worker) error {
	var problems []error
	for _, worker := range workers {
		if exists(worker.link()) {
			problems = append(problems, ip(ctx, "link", "del", worker.link()))
		}
		if _, err := os.Stat(worker.Namespace()); err == nil {
			problems = append(problems, ip(ctx, "netns", "del", worker.namespace()))
		}
	}
	if exists(Bridge) {
		problems = append(problems, ip(ctx, "link", "del", Bridge))
	}
	for _, table := range []string{"ip " + natTable, "ip kube-proxy", "ip6 kube-proxy"} {
		problems = append(problems, deleteTable(ctx, table))
	}
	return errors.Join(problems...)
}

func exists(link string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", link))
	return err == nil
}

// forward lets this machine route. It stays on after Down: who else relies on
// it cannot be known.
func forward() error {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("switching on IP forwarding: %w", err)
	}
	return nil
}

// checkRanges refuses to take addresses that this machine already routes elsewhere.
func checkRanges(ctx context.Context) error {
	routes, err := exec.CommandContext(ctx, "ip", "-4", "-o", "route", "show").Output()
	if err != nil {
		return fmt.Errorf("reading the routes of this machine: %w", err)
	}
	if line := foreignRoute(string(routes)); line != "" {
		return fmt.Errorf("this machine already routes an address range that the local cluster needs (%s, %s, %s): %q",
			nodeRange, PodRange, ServiceCIDR, line)
	}
	return nil
}

func run(ctx context.Context, commands ...string) error {
	for _, command := range commands {
		words := strings.Fields(command)
		if output, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(output)))
		}
	}
	return nil
}

func ip(ctx context.Context, args ...string) error {
	return run(ctx, "ip "+strings.Join(args, " "))
}
