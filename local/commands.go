package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"postgres-operator/local/binaries"
	"postgres-operator/local/cluster"
	"postgres-operator/local/layout"
	"postgres-operator/local/progress"
)

// errUsage asks main to print the usage.
var errUsage = errors.New("wrong arguments")

// command is one thing to do, with its arguments filled in. One that needs
// neither root nor a cluster has alone in place of do.
type command struct {
	do    func(context.Context, *cluster.Cluster) error
	alone func(context.Context, layout.Layout, *progress.Log) error
}

// parse turns the command line into a command.
func parse(args []string) (command, error) {
	switch line := strings.Join(args, " "); {
	case line == "up":
		return command{do: func(ctx context.Context, c *cluster.Cluster) error { return c.Up(ctx) }}, nil
	case line == "down", line == "down --purge":
		purge := line != "down"
		return command{do: func(ctx context.Context, c *cluster.Cluster) error { return c.Down(ctx, purge) }}, nil
	case line == "status":
		return command{do: func(ctx context.Context, c *cluster.Cluster) error { return c.Status(ctx, os.Stdout) }}, nil
	case line == "env":
		return command{alone: printEnv}, nil
	case line == "bin":
		return command{alone: printBin}, nil
	case len(args) > 1 && args[0] == "load":
		return command{do: func(ctx context.Context, c *cluster.Cluster) error { return c.Load(ctx, args[1:]) }}, nil
	case len(args) == 3 && args[0] == "image":
		return command{alone: writeImage(args[1], args[2])}, nil
	case len(args) == 2 && args[0] == "deploy":
		return command{do: deploy(args[1], false)}, nil
	case len(args) == 3 && args[0] == "deploy" && args[2] == "--with-cluster":
		return command{do: deploy(args[1], true)}, nil
	case len(args) == 3 && args[0] == "node":
		return parseNode(args[1], args[2])
	case line == "apiserver stop":
		return command{do: func(ctx context.Context, c *cluster.Cluster) error { return c.StopAPIServer(ctx) }}, nil
	case line == "apiserver start":
		return command{do: func(ctx context.Context, c *cluster.Cluster) error { return c.StartAPIServer(ctx) }}, nil
	case line == "":
		return command{}, fmt.Errorf("%w: name a command", errUsage)
	default:
		return command{}, fmt.Errorf("%w: %q", errUsage, line)
	}
}

func parseNode(action, name string) (command, error) {
	actions := map[string]func(*cluster.Cluster, context.Context, string) error{
		"stop":  (*cluster.Cluster).StopNode,
		"start": (*cluster.Cluster).StartNode,
		"cut":   (*cluster.Cluster).CutNode,
		"heal":  (*cluster.Cluster).HealNode,
	}
	do, known := actions[action]
	if !known {
		return command{}, fmt.Errorf("%w: node %q is none of stop, start, cut, heal", errUsage, action)
	}
	return command{do: func(ctx context.Context, c *cluster.Cluster) error { return do(c, ctx, name) }}, nil
}

// printBin builds the programs and prints where they are, as
// KUBEBUILDER_ASSETS wants it.
func printBin(ctx context.Context, l layout.Layout, log *progress.Log) error {
	dir, err := binaries.Build(ctx, filepath.Join(l.Repo, "local"), l.Cache, log.Step)
	if err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}

// printEnv prints what a shell needs to use the cluster.
func printEnv(_ context.Context, l layout.Layout, _ *progress.Log) error {
	if _, err := os.Stat(l.AdminKubeconfig()); err != nil {
		return fmt.Errorf("the cluster is not up: %w", err)
	}
	dir, err := binaries.Dir(filepath.Join(l.Repo, "local"), l.Cache)
	if err != nil {
		return err
	}
	fmt.Printf("export KUBECONFIG=%s\nexport PATH=%s:\"$PATH\"\n", quote(l.AdminKubeconfig()), quote(dir))
	return nil
}

// quote makes a string one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
