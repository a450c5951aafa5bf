// Package machine prepares a Debian machine: packages, kernel settings,
// control groups, and the mounts to undo afterwards.
package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// packages maps a file that must exist to the Debian package that brings it.
var packages = []struct{ file, name string }{
	{"/usr/bin/containerd", "containerd"},
	{"/usr/sbin/runc", "runc"},
	{"/usr/lib/cni/ptp", "containernetworking-plugins"},
	{"/usr/sbin/iptables", "iptables"},
	{"/usr/sbin/nft", "nftables"},
	{"/usr/sbin/ip", "iproute2"},
	{"/usr/sbin/conntrack", "conntrack"},
	{"/usr/sbin/debootstrap", "debootstrap"},
	{"/usr/bin/nsenter", "util-linux"},
	{"/usr/sbin/sysctl", "procps"},
	{"/usr/bin/psql", "postgresql-client"},
}

// Check says why this machine cannot run the local cluster, or nothing.
func Check() error {
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("the local cluster needs Linux, this is %s", runtime.GOOS)
	case os.Geteuid() != 0:
		return errors.New("the local cluster needs root: it makes network namespaces, mounts and containers")
	}
	return nil
}

// Missing returns the Debian packages that this machine lacks.
func Missing() []string {
	var missing []string
	for _, p := range packages {
		if _, err := os.Stat(p.file); err != nil {
			missing = append(missing, p.name)
		}
	}
	return missing
}

// Install installs packages without starting the services they bring: the
// cluster starts its own containerd.
func Install(ctx context.Context, names []string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing programs of the packages %s, and no apt-get to install them: %w",
			strings.Join(names, " "), err)
	}
	restore, err := forbidServices("/usr/sbin/policy-rc.d")
	if err != nil {
		return err
	}
	defer restore()
	install := append([]string{"install", "-y", "--no-install-recommends"}, names...)
	if err := apt(ctx, install...); err == nil {
		return nil
	}
	if err := apt(ctx, "update"); err != nil {
		return err
	}
	return apt(ctx, install...)
}

func apt(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, "apt-get", append([]string{"-q"}, args...)...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return nil
}

// forbidServices puts a policy in place that forbids packages to start their
// services, unless the machine has a policy of its own. restore removes it.
func forbidServices(path string) (restore func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	} else if err != nil {
		return nil, err
	}
	_, writeErr := file.WriteString("#!/bin/sh\nexit 101\n")
	if err := errors.Join(writeErr, file.Close()); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(path) }, nil
}

// Tune raises the kernel limits that two kubelets and their pods run into.
func Tune() error {
	settings := []struct{ name, value string }{
		{"fs/inotify/max_user_instances", "8192"},
		{"fs/inotify/max_user_watches", "524288"},
	}
	for _, s := range settings {
		if err := os.WriteFile(filepath.Join("/proc/sys", s.name), []byte(s.value), 0o644); err != nil {
			return fmt.Errorf("setting %s: %w", s.name, err)
		}
	}
	return nil
}
