package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running process that carries our mark.
type Process struct {
	PID     int
	Name    string // the daemon's, or its parent daemon's for a child such as a shim
	Argv    []string
	Started time.Time
	digest  string
}

// runs tells a daemon itself from a child that inherited its mark.
func (p Process) runs(program string) bool { return len(p.Argv) > 0 && p.Argv[0] == program }

// Find returns the processes started as the named daemon, without the
// children that inherited its mark: a daemon leads a session of its own.
func Find(name string) ([]Process, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, p := range all {
		if p.Name == name && session(p.PID) == p.PID {
			found = append(found, p)
		}
	}
	return found, nil
}

// All returns every process that carries our mark.
func All() ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("reading the process table: %w", err)
	}
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, ok := read(pid); ok {
			found = append(found, p)
		}
	}
	return found, nil
}

// read returns false for foreign processes and for those that are just leaving.
func read(pid int) (Process, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	environ, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return Process{}, false
	}
	name, digest, ok := parseMark(environ)
	if !ok {
		return Process{}, false
	}
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return Process{}, false
	}
	info, err := os.Stat(dir)
	if err != nil {
		return Process{}, false
	}
	argv := strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
	return Process{PID: pid, Name: name, Argv: argv, Started: info.ModTime(), digest: digest}, true
}

func parseMark(environ []byte) (name, digest string, ok bool) {
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if value, found := bytes.CutPrefix(variable, []byte(mark+"=")); found {
			name, digest, ok = strings.Cut(string(value), ":")
			return name, digest, ok
		}
	}
	return "", "", false
}

// session returns the process that leads the session of pid, 0 when it has gone.
func session(pid int) int {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	// The second field is the command in parentheses and may hold anything;
	// after it come state, parent, process group and session.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 4 {
		return 0
	}
	leader, err := strconv.Atoi(fields[3])
	if err != nil {
		return 0
	}
	return leader
}

func (p Process) stop(ctx context.Context, grace time.Duration) error {
	if grace > 0 {
		if err := p.signal(syscall.SIGTERM); err != nil {
			return err
		}
		if p.waitGone(ctx, grace) {
			return nil
		}
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	if !p.waitGone(ctx, 10*time.Second) {
		return fmt.Errorf("%s (pid %d) does not leave, not even on SIGKILL", p.Name, p.PID)
	}
	return nil
}

// Kill kills the process at once and waits until it is gone.
func (p Process) Kill(ctx context.Context) error { return p.stop(ctx, 0) }

func (p Process) signal(signal syscall.Signal) error {
	if err := syscall.Kill(p.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping %s (pid %d): %w", p.Name, p.PID, err)
	}
	return nil
}

func (p Process) waitGone(ctx context.Context, timeout time.Duration) bool {
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline) && ctx.Err() == nil; {
		if now, ok := read(p.PID); !ok || now.digest != p.digest {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// tail returns the last lines of a file.
func tail(path string, lines int) string {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "(no log)"
	} else if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
