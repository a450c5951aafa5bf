//go:build e2e

package e2e

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// What these tests do to the machine is not for every day: make e2e-failures.
var (
	failures = flag.Bool("failures", false, "also run the tests of failures during rollouts, which take half an hour")
	kills    = flag.Int("kills", 20, "how often TestFailureOperatorKilled kills the operator")
	rollouts = flag.Int("rollouts", 5, "how many rollouts TestFailureNone measures")
)

func onlyWithFailures(t *testing.T) kube {
	t.Helper()
	if !*failures {
		t.Skip("only with -failures: make e2e-failures")
	}
	return connect(t)
}

// local runs the program of `make up`.
func (k kube) local(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command(filepath.Join(k.repo, "bin", "local"), args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

// cutOff takes a node off the network until the returned function or the end of the test.
func (k kube) cutOff(t *testing.T, node string) (heal func()) {
	t.Helper()
	k.local(t, "node", "cut", node)
	heal = sync.OnceFunc(func() { k.local(t, "node", "heal", node) })
	t.Cleanup(heal)
	return heal
}

// stopAPIServer stops the API server until the returned function or the end of the test.
func (k kube) stopAPIServer(t *testing.T) (start func()) {
	t.Helper()
	start = sync.OnceFunc(func() { k.local(t, "apiserver", "start") })
	t.Cleanup(start)
	k.local(t, "apiserver", "stop")
	return start
}

// refuse makes Patroni in a pod answer 503 to everybody outside the pod until the returned function or
// the end of the test: requests to its port reach another server in the same network namespace.
func refuse(t *testing.T, pod corev1.Pod) (restore func()) {
	t.Helper()
	const port = "18008"
	pid, err := processIn(pod, "patroni")
	require.NoError(t, err)
	namespace := fmt.Sprintf("/proc/%d/ns/net", pid)
	listener, err := listenIn(namespace, ":"+port)
	require.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "refused by a test", http.StatusServiceUnavailable)
	})}
	go func() { _ = server.Serve(listener) }()
	rule := func(action string) error {
		out, err := exec.Command("nsenter", "--net="+namespace, "iptables", "-t", "nat", action, "PREROUTING",
			"-p", "tcp", "--dport", "8008", "-j", "REDIRECT", "--to-ports", port).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("iptables: %w: %s", err, out)
		}
		return err
	}
	require.NoError(t, rule("-A"))
	restore = sync.OnceFunc(func() {
		_ = rule("-D") // the pod may be gone
		_ = server.Close()
	})
	t.Cleanup(restore)
	return restore
}

// listenIn listens in another network namespace: a socket stays where it was made.
func listenIn(namespace, address string) (net.Listener, error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine if it does not come back
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	there, err := os.Open(namespace)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter %s: %w", namespace, err)
	}
	listener, err := net.Listen("tcp", address)
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		return nil, fmt.Errorf("come back from %s: %w", namespace, back)
	}
	runtime.UnlockOSThread()
	return listener, err
}

// processIn finds a process of a pod on this machine by a word of its command line.
func processIn(pod corev1.Pod, word string) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		groups, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cgroup"))
		if strings.Contains(string(command), word) && strings.Contains(string(groups), string(pod.UID)) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no process with %q of pod %s on this machine", word, pod.Name)
}
