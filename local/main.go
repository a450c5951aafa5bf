// Command local runs a real Kubernetes on a bare Debian machine: root, two
// cores, no Docker engine, and nothing downloaded but Go modules and Debian packages.
//
// The packages, in the order in which `up` uses them:
//
//	layout        where everything lies
//	machine       Debian packages, control groups, mounts
//	binaries      etcd, Kubernetes and CoreDNS, built from the modules etcd/, kubernetes/, coredns/
//	image         container images, built from Debian packages
//	network       a bridge, and a network namespace per worker
//	certs         certificates
//	process       daemons that outlive this program
//	controlplane  etcd, API server, controller manager, scheduler, DNS, the host's proxy
//	worker        containerd, kubelet and proxy of a worker
//	kubeapi       the little of the Kubernetes API that is needed here
//	cluster       up, down, status, failures: the order of things
//
// Control groups: version 1 and the hybrid layout are what this was tried on;
// on a machine with version 2 alone the workers' groups are made usable, untried.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"postgres-operator/local/cluster"
	"postgres-operator/local/layout"
	"postgres-operator/local/progress"
)

const usage = `local runs a real Kubernetes on this machine: Linux, root, no Docker engine.

  local up                      start it, and build what is missing first
  local down [--purge]          stop and remove it; --purge forgets the imported images too
  local status                  what runs, and how it is
  local env                     shell lines for eval: KUBECONFIG, and a PATH with kubectl
  local bin                     build the programs only and print their directory
  local load FILE...            import OCI image archives on every worker
  local deploy BINARY [--with-cluster]
                                run the operator with this binary, and a first Postgres cluster
  local image BINARY FILE       write the image of the operator as an OCI archive
  local node stop NAME          end a worker as a power failure would
  local node start NAME         start it again
  local node cut NAME           take a worker off the network
  local node heal NAME          connect it again
  local apiserver stop|start    stop or start the API server
`

func main() {
	err := run(os.Args[1:])
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "local: %v\n\n%s", err, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "local: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command, err := parse(args)
	if err != nil {
		return err
	}
	places, err := layout.Find()
	if err != nil {
		return err
	}
	log := progress.New(os.Stderr)
	if command.alone != nil {
		return command.alone(ctx, places, log)
	}
	c, err := cluster.Open(places, log)
	if err != nil {
		return err
	}
	return command.do(ctx, c)
}
