// Command local runs a real Kubernetes on a bare Debian machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"postgres-operator/local/cluster"
	"postgres-operator/local/layout"
	"postgres-operator/local/progress"
)

const usage = `local runs a real Kubernetes on this machine: Linux, root, no Docker engine.

  local up                      start it, and build what is missing first
  local down [--purge]          stop and remove it; --purge forgets the imported images too
  local status                  what runs, and how it is
  local env                     shell lines for eval: KUBECONFIG and a PATH with kubectl
  local bin                     build the binaries only and print their directory
  local load FILE...            import OCI image archives on every worker
  local node stop NAME          end a worker as a power failure would
  local node start NAME         start it again
  local node cut NAME           take a worker off the network
  local node heal NAME          connect it again
  local apiserver stop|start    stop or start the API server
`

// errUsage asks main to print the usage.
var errUsage = errors.New("not a command")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "local %s: %v\n\n%s", strings.Join(os.Args[1:], " "), err, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "local: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	l, err := layout.Find()
	if err != nil {
		return err
	}
	c, err := cluster.Open(l, progress.New(os.Stderr))
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return errUsage
	}
	switch command, rest := args[0], args[1:]; command {
	case "up":
		return c.Up(ctx)
	case "down":
		return c.Down(ctx, len(rest) > 0)
	case "bin":
		dir, err := c.BuildBinaries(ctx)
		fmt.Println(dir)
		return err
	}
	return errUsage
}
