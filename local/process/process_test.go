package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testDaemon is a shell script under a name that no other test run uses.
func testDaemon(t *testing.T, script string) (Supervisor, Daemon) {
	t.Helper()
	s := Supervisor{Logs: t.TempDir()}
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	d := Daemon{Name: fmt.Sprintf("%s-%d", name, os.Getpid()), Argv: []string{"/bin/sh", "-c", script}}
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background(), d.Name, 0)) })
	return s, d
}

func only(t *testing.T, d Daemon) Process {
	t.Helper()
	found, err := Find(d.Name)
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

func TestEnsureStartsOnce(t *testing.T) {
	s, d := testDaemon(t, "while :; do sleep 1; done")
	started, err := s.Ensure(t.Context(), d)
	require.NoError(t, err)
	require.True(t, started)
	first := only(t, d)

	started, err = s.Ensure(t.Context(), d)
	require.NoError(t, err)
	require.False(t, started)
	require.Equal(t, first.PID, only(t, d).PID)
}

func TestEnsureRestartsOnChange(t *testing.T) {
	config := filepath.Join(t.TempDir(), "sub", "config")
	s, d := testDaemon(t, "while :; do sleep 1; done")
	_, err := s.Ensure(t.Context(), d)
	require.NoError(t, err)
	first := only(t, d)

	d.Files = []File{{Path: config, Content: "new"}}
	started, err := s.Ensure(t.Context(), d)
	require.NoError(t, err)
	require.True(t, started)
	require.NotEqual(t, first.PID, only(t, d).PID)
	content, err := os.ReadFile(config)
	require.NoError(t, err)
	require.Equal(t, "new", string(content))
}

func TestEnsureStartsAgainAfterKill(t *testing.T) {
	s, d := testDaemon(t, "while :; do sleep 1; done")
	_, err := s.Ensure(t.Context(), d)
	require.NoError(t, err)
	require.NoError(t, only(t, d).Kill(t.Context()))

	started, err := s.Ensure(t.Context(), d)
	require.NoError(t, err)
	require.True(t, started)
}

// A child inherits the mark. It is in All, so that nothing is left behind, but
// it is not the daemon.
func TestFindLeavesOutChildren(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	s, d := testDaemon(t, "sleep 60 & touch "+ready+"; wait")
	_, err := s.Ensure(t.Context(), d)
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, 5*time.Second, 10*time.Millisecond)

	require.Equal(t, "/bin/sh", only(t, d).Argv[0])
	var marked []Process
	require.Eventually(t, func() bool {
		marked = nil
		all, err := All()
		require.NoError(t, err)
		for _, p := range all {
			if p.Name == d.Name {
				marked = append(marked, p)
			}
		}
		return len(marked) == 2
	}, 5*time.Second, 10*time.Millisecond)
	for _, p := range marked {
		require.NoError(t, p.Kill(t.Context()))
	}
}

func TestStopKillsTheStubborn(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	s, d := testDaemon(t, "trap '' TERM; touch "+ready+"; while :; do sleep 0.1; done")
	_, err := s.Ensure(t.Context(), d)
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, 5*time.Second, 10*time.Millisecond)

	start := time.Now()
	require.NoError(t, s.Stop(t.Context(), d.Name, 200*time.Millisecond))
	require.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)
	found, err := Find(d.Name)
	require.NoError(t, err)
	require.Empty(t, found)
	require.NoError(t, s.Stop(t.Context(), d.Name, time.Second), "stopping what does not run")
}

func TestDaemonOutlivesItsContext(t *testing.T) {
	s, d := testDaemon(t, "while :; do sleep 1; done")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Ensure(ctx, d)
	require.NoError(t, err)
	cancel()
	time.Sleep(100 * time.Millisecond)

	p := only(t, d)
	session, err := exec.CommandContext(t.Context(), "ps", "-o", "sid=", "-p", strconv.Itoa(p.PID)).Output()
	require.NoError(t, err)
	require.Contains(t, string(session), strconv.Itoa(p.PID), "it leads a session of its own")
}

func TestWaitReady(t *testing.T) {
	healthy := func(context.Context) error { return nil }
	sick := func(context.Context) error { return errors.New("no answer") }
	tests := []struct {
		name, script string
		ready        func(context.Context) error
		wantErrors   []string
	}{
		{"healthy", "while :; do sleep 1; done", healthy, nil},
		{"exits", "echo cannot bind port; exit 1", sick, []string{"it exited", "cannot bind port"}},
		{"never ready", "echo waiting for etcd; while :; do sleep 1; done", sick,
			[]string{"not ready within 300ms", "no answer", "waiting for etcd"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, d := testDaemon(t, test.script)
			_, err := s.Ensure(t.Context(), d)
			require.NoError(t, err)
			err = s.WaitReady(t.Context(), d.Name, 300*time.Millisecond, test.ready)
			if test.wantErrors == nil {
				require.NoError(t, err)
			}
			for _, want := range test.wantErrors {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestLogIsMovedAsideWhenLarge(t *testing.T) {
	s, d := testDaemon(t, "while :; do sleep 1; done")
	require.NoError(t, os.WriteFile(s.LogFile(d.Name), make([]byte, maxLog+1), 0o644))
	_, err := s.Ensure(t.Context(), d)
	require.NoError(t, err)
	old, err := os.Stat(s.LogFile(d.Name) + ".old")
	require.NoError(t, err)
	require.EqualValues(t, maxLog+1, old.Size())
}

func TestParseMark(t *testing.T) {
	tests := []struct {
		name, environ, wantName, wantDigest string
		want                                bool
	}{
		{"ours", "PATH=/bin\x00" + mark + "=etcd:abc\x00HOME=/\x00", "etcd", "abc", true},
		{"foreign", "PATH=/bin\x00", "", "", false},
		{"longer name", mark + "_X=etcd:abc\x00", "", "", false},
		{"no digest", mark + "=etcd\x00", "etcd", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name, digest, ok := parseMark([]byte(test.environ))
			require.Equal(t, test.want, ok)
			require.Equal(t, test.wantName, name)
			require.Equal(t, test.wantDigest, digest)
		})
	}
}
