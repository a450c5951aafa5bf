package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// hostpathDir is where Kubernetes' host path provisioner makes its volumes; the path is
// fixed in its code (pkg/volume/hostpath, newProvisioner and Provision).
const hostpathDir = "/tmp/hostpath_pv"

// linkVolumes leads the provisioner's directory into the cluster's state, so
// that volumes survive a /tmp that is cleaned and vanish with the cluster.
func (c *Cluster) linkVolumes() error {
	volumes := c.layout.Cluster("volumes")
	if err := os.MkdirAll(volumes, 0o755); err != nil {
		return err
	}
	if target, err := os.Readlink(hostpathDir); err == nil && target == volumes {
		return nil
	}
	if err := os.Remove(hostpathDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is in the way, another cluster may be keeping its volumes there: %w", hostpathDir, err)
	}
	return os.Symlink(volumes, hostpathDir)
}

// unlinkVolumes removes the link if it is ours.
func (c *Cluster) unlinkVolumes() error {
	if target, err := os.Readlink(hostpathDir); err != nil || target != c.layout.Cluster("volumes") {
		return nil
	}
	return os.Remove(hostpathDir)
}
