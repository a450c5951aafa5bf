package worker

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// ctr runs containerd's client on this worker, in the namespace of Kubernetes.
func (w Worker) ctr(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "ctr", append([]string{"--address", w.Socket(), "--namespace", "k8s.io"}, args...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: ctr %s: %w: %s", w.Name, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return string(output), nil
}

func (w Worker) checkContainerd(ctx context.Context) error {
	_, err := w.ctr(ctx, "containers", "list", "--quiet")
	return err
}

// Images returns the digest of every image on the worker by its name.
func (w Worker) Images(ctx context.Context) (map[string]string, error) {
	list, err := w.ctr(ctx, "images", "list")
	if err != nil {
		return nil, err
	}
	return parseImages(list), nil
}

// parseImages reads the table REF TYPE DIGEST ... of `ctr images list`.
func parseImages(list string) map[string]string {
	images := map[string]string{}
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[2], "sha256:") {
			images[fields[0]] = fields[2]
		}
	}
	return images
}

// Import imports an OCI archive.
func (w Worker) Import(ctx context.Context, archive string) error {
	_, err := w.ctr(ctx, "images", "import", archive)
	return err
}

// forgetContainers removes the containers of an earlier cluster: the image
// store outlives it and still lists them. It reports whether there were any;
// containerd must then be started anew, since it read the list when it started.
func (w Worker) forgetContainers(ctx context.Context) (bool, error) {
	list, err := w.ctr(ctx, "containers", "list", "--quiet")
	if err != nil {
		return false, err
	}
	containers := strings.Fields(list)
	if len(containers) == 0 {
		return false, nil
	}
	_, err = w.ctr(ctx, append([]string{"containers", "delete"}, containers...)...)
	return true, err
}
