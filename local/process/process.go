// Package process runs the daemons of the cluster so that they outlive the
// program that started them, and finds them again.
//
// There are no pid files to go stale. Every daemon carries a mark in its
// environment: its name and a digest of how it was started. The process table
// is then the only record: after a crash, a reboot or a kill -9 of anything
// it still says the truth, and a changed command line or configuration shows.
package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// mark is the environment variable that identifies our processes. Children
// inherit it, which is how containerd's shims are found as well.
const mark = "POSTGRES_OPERATOR_LOCAL"

// maxLog is the size from which a daemon's log is moved aside when it starts.
const maxLog = 32 << 20

// Daemon is one program that keeps running.
type Daemon struct {
	Name      string   // unique in the cluster, names the log file too
	Argv      []string // Argv[0] is an absolute path
	Env       []string // additions to a minimal environment
	Namespace string   // path of the network namespace to run in; empty is the host's
	Files     []File   // configuration, written before the start
	Requires  []string // directories that must exist
}

// File is a configuration file that belongs to a daemon.
type File struct{ Path, Content string }

// digest changes whenever the daemon must be started anew to follow its definition.
func (d Daemon) digest() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", d.Argv, d.Env, d.Namespace, d.Files))
	return hex.EncodeToString(sum[:8])
}

// Supervisor starts and stops daemons. Logs is the directory of their output.
type Supervisor struct{ Logs string }

// LogFile is where a daemon's output goes.
func (s Supervisor) LogFile(name string) string { return filepath.Join(s.Logs, name+".log") }

// Ensure makes the daemon run as defined: it starts it, restarts it when it
// runs by an older definition, and else does nothing. It reports whether it started it.
func (s Supervisor) Ensure(ctx context.Context, d Daemon) (bool, error) {
	running, err := Find(d.Name)
	if err != nil {
		return false, err
	}
	for _, p := range running {
		if p.digest == d.digest() && p.runs(d.Argv[0]) {
			return false, nil
		}
	}
	if err := s.Stop(ctx, d.Name, 5*time.Second); err != nil {
		return false, err
	}
	if err := s.start(ctx, d); err != nil {
		return false, fmt.Errorf("starting %s: %w", d.Name, err)
	}
	return true, nil
}

// start runs the daemon; the end of ctx does not end it.
func (s Supervisor) start(ctx context.Context, d Daemon) error {
	if err := prepare(d); err != nil {
		return err
	}
	log, err := s.openLog(d.Name)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	argv := d.Argv
	if d.Namespace != "" {
		// Not `ip netns exec`: that mounts another /sys and so hides the cgroups.
		argv = append([]string{"/usr/bin/nsenter", "--net=" + d.Namespace, "--"}, argv...)
	}
	command := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...)
	command.Env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		mark + "=" + d.Name + ":" + d.digest(),
	}, d.Env...)
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return err
	}
	return command.Process.Release()
}

func prepare(d Daemon) error {
	for _, dir := range d.Requires {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, file := range d.Files {
		if err := os.MkdirAll(filepath.Dir(file.Path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file.Path, []byte(file.Content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s Supervisor) openLog(name string) (*os.File, error) {
	if err := os.MkdirAll(s.Logs, 0o755); err != nil {
		return nil, err
	}
	path := s.LogFile(name)
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(log, "---- started %s\n", time.Now().Format(time.RFC3339)); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

// Stop asks the named daemon to leave and kills it when it has not within grace.
// Stopping what does not run succeeds.
func (s Supervisor) Stop(ctx context.Context, name string, grace time.Duration) error {
	running, err := Find(name)
	if err != nil {
		return err
	}
	var problems []error
	for _, p := range running {
		problems = append(problems, p.stop(ctx, grace))
	}
	return errors.Join(problems...)
}

// WaitReady polls ready until it succeeds. It fails with the end of the
// daemon's log when the daemon dies or is not ready in time.
func (s Supervisor) WaitReady(ctx context.Context, name string, timeout time.Duration, ready func(context.Context) error) error {
	deadline := time.Now().Add(timeout)
	for {
		attempt, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := ready(attempt)
		cancel()
		if err == nil {
			return nil
		}
		running, findErr := Find(name)
		switch {
		case findErr != nil:
			return findErr
		case ctx.Err() != nil:
			return ctx.Err()
		case len(running) == 0:
			return s.failure(name, errors.New("it exited"))
		case time.Now().After(deadline):
			return s.failure(name, fmt.Errorf("not ready within %s: %w", timeout, err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s Supervisor) failure(name string, cause error) error {
	return fmt.Errorf("%s: %w\nthe end of %s:\n%s", name, cause, s.LogFile(name), tail(s.LogFile(name), 25))
}
