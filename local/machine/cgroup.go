package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Cgroups are the mount points of the control group hierarchies: one for
// version 2; one per controller for version 1, and for the hybrid of both one
// more that has no controllers but lists all processes.
type Cgroups struct {
	Unified bool // version 2 alone
	Roots   []string
}

// FindCgroups reads the hierarchies of this machine.
func FindCgroups() (Cgroups, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return Cgroups{}, fmt.Errorf("finding the control groups: %w", err)
	}
	found := parseCgroups(string(mounts))
	if len(found.Roots) == 0 {
		return Cgroups{}, errors.New("this machine has no control groups mounted")
	}
	return found, nil
}

// parseCgroups reads a mount table. With both versions mounted, version 1 has the controllers.
func parseCgroups(mounts string) Cgroups {
	var v1, v2 []string
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		switch fields[2] {
		case "cgroup":
			v1 = append(v1, fields[1])
		case "cgroup2":
			v2 = append(v2, fields[1])
		}
	}
	return Cgroups{Unified: len(v1) == 0, Roots: append(v1, v2...)}
}

// Make makes the group called name in every hierarchy, usable by a kubelet.
func (c Cgroups) Make(name string) error {
	for _, root := range c.Roots {
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the control group %s: %w", name, err)
		}
		enable := inheritCPUSet
		if c.Unified {
			enable = enableControllers
		}
		if err := enable(root, dir); err != nil {
			return fmt.Errorf("preparing the control group %s: %w", dir, err)
		}
	}
	return nil
}

// inheritCPUSet gives a version 1 group the processors and memory nodes of the
// root: a new cpuset has none, and no process may enter it.
func inheritCPUSet(root, dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(root, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// kubeletControllers are the version 2 controllers that a kubelet limits pods by.
var kubeletControllers = []string{"cpu", "cpuset", "hugetlb", "io", "memory", "pids"}

// enableControllers hands the controllers of a version 2 tree down to the
// group and to its children.
func enableControllers(root, dir string) error {
	available, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, parent := range []string{root, dir} {
		for _, controller := range strings.Fields(string(available)) {
			if !slices.Contains(kubeletControllers, controller) {
				continue
			}
			err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
			if err != nil {
				return fmt.Errorf("enabling the controller %s: %w", controller, err)
			}
		}
	}
	return nil
}

// Empty kills every process in the group called name and below it.
func (c Cgroups) Empty(ctx context.Context, name string) error {
	for deadline := time.Now().Add(20 * time.Second); ; {
		pids, err := c.processes(name)
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("processes in the control group %s do not leave: %v", name, pids)
		}
		for pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("killing process %d of the control group %s: %w", pid, name, err)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (c Cgroups) processes(name string) (map[int]bool, error) {
	pids := map[int]bool{}
	for _, root := range c.Roots {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return ignoreAbsent(err)
			}
			content, err := os.ReadFile(path)
			for _, line := range strings.Fields(string(content)) {
				if pid, err := strconv.Atoi(line); err == nil && pid > 0 {
					pids[pid] = true
				}
			}
			return ignoreAbsent(err)
		})
		if err != nil {
			return nil, fmt.Errorf("listing the processes of the control group %s: %w", name, err)
		}
	}
	return pids, nil
}

// Remove removes the emptied group called name with its children.
func (c Cgroups) Remove(name string) error {
	for _, root := range c.Roots {
		var dirs []string
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return ignoreAbsent(err)
		})
		if err != nil {
			return fmt.Errorf("listing the control group %s: %w", name, err)
		}
		for i := len(dirs) - 1; i >= 0; i-- { // children first
			if err := removeGroup(dirs[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeGroup waits a little: a group stays busy until its killed processes
// have been reaped.
func removeGroup(dir string) error {
	for attempt := 0; ; attempt++ {
		err := syscall.Rmdir(dir)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || attempt == 100 {
			return fmt.Errorf("removing the control group %s: %w", dir, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return err
}
