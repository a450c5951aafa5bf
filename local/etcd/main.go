// Command etcd is the etcd server of the local cluster, built as an ordinary
// dependency so that the Go module proxy is the only thing it needs.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
