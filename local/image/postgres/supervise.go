package main

import (
	"crypto/sha256"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// tooShort is how long patroni must have run to be started again; one
	// that ends at once is shown to Kubernetes as a failing container.
	tooShort = 15 * time.Second
	// tlsPeriod is how often changed certificates are looked for.
	tlsPeriod = 30 * time.Second
)

// passedOn are the variables that patroni and postgres see: what they need,
// and no passwords. A trailing _ stands for all names that begin so.
var passedOn = []string{"PATH", "HOSTNAME", "LANG", "LC_ALL", "TZ", "PGHOME", "POD_IP", "POD_NAMESPACE", "KUBERNETES_SERVICE_", "KUBERNETES_PORT_"}

func childEnvironment(env environment) []string {
	// Patroni 4.1 calls urllib3 in a way that newer ones warn of at every start.
	child := []string{"HOME=" + home, "PYTHONWARNINGS=ignore::FutureWarning"}
	for name, value := range env {
		if slices.ContainsFunc(passedOn, func(allowed string) bool {
			return name == allowed || strings.HasSuffix(allowed, "_") && strings.HasPrefix(name, allowed)
		}) {
			child = append(child, name+"="+value)
		}
	}
	slices.Sort(child)
	return child
}

// supervise runs patroni until the container is told to stop, and returns the
// exit code. As process 1 it also inherits the postmaster, which patroni
// starts detached: a patroni that crashes is started again beside it.
func supervise(who identity, environment, watched []string) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGCHLD)
	tick := time.NewTicker(tlsPeriod)
	defer tick.Stop()
	seen := fingerprint(watched)
	patroni, started, err := start(who, environment)
	if err != nil {
		return 1, err
	}
	stopping := false
	for {
		select {
		case <-tick.C:
			if now := fingerprint(watched); now != seen {
				seen = now
				log.Printf("entry point: certificates changed, reloading")
				_ = syscall.Kill(patroni, syscall.SIGHUP) // gone: its end is seen below
			}
		case received := <-signals:
			if received != syscall.SIGCHLD {
				stopping = stopping || received != syscall.SIGHUP
				_ = syscall.Kill(patroni, received.(syscall.Signal))
				continue
			}
			status, ended := reap(patroni)
			if !ended {
				continue
			}
			killed := status.Signaled() && status.Signal() == syscall.SIGKILL // as a major upgrade does it, whenever it comes
			if stopping || time.Since(started) < tooShort && !killed {
				return exitCode(status), nil
			}
			log.Printf("entry point: patroni ended with code %d, starting it again", exitCode(status))
			if patroni, started, err = start(who, environment); err != nil {
				return 1, err
			}
		}
	}
}

// start runs patroni and returns its process id. It is not waited for here:
// reap collects it with all other children.
func start(who identity, environment []string) (pid int, at time.Time, err error) {
	program, err := exec.LookPath("patroni")
	if err != nil {
		return 0, at, err
	}
	attributes := &syscall.ProcAttr{Dir: "/", Env: environment, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{}}
	if who.change {
		groups := make([]uint32, len(who.groups))
		for i, group := range who.groups {
			groups[i] = uint32(group)
		}
		attributes.Sys.Credential = &syscall.Credential{Uid: uint32(who.uid), Gid: uint32(who.gid), Groups: groups}
	}
	pid, err = syscall.ForkExec(program, []string{"patroni", configFile}, attributes)
	return pid, time.Now(), err
}

// reap collects all children that have ended and tells whether pid is one.
func reap(pid int) (status syscall.WaitStatus, ended bool) {
	for {
		var each syscall.WaitStatus
		child, err := syscall.Wait4(-1, &each, syscall.WNOHANG, nil)
		if child <= 0 || err != nil {
			return status, ended
		}
		if child == pid {
			status, ended = each, true
		}
	}
}

func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// tlsFiles are the files which Kubernetes may exchange under a running server.
func tlsFiles(env environment) []string {
	return []string{env["SSL_CERTIFICATE_FILE"], env["SSL_PRIVATE_KEY_FILE"], env["SSL_CA_FILE"]}
}

func fingerprint(paths []string) string {
	hash := sha256.New()
	for _, path := range paths {
		content, _ := os.ReadFile(path) // absent counts as empty
		fmt.Fprintf(hash, "%d:%s", len(content), content)
	}
	return string(hash.Sum(nil))
}
