package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakePatroni puts a shell script on the PATH under patroni's name and
// returns a file that it may write to.
func fakePatroni(t *testing.T, script string) (said string) {
	t.Helper()
	dir := t.TempDir()
	said = filepath.Join(dir, "said")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "patroni"), []byte("#!/bin/sh\nsaid="+said+"\n"+script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return said
}

func TestSupervisePassesOnTheSignalToStop(t *testing.T) {
	said := fakePatroni(t, `trap 'echo stopping >> $said; exit 3' TERM; echo $1 > $said; while :; do sleep 0.1; done`)
	go func() {
		for {
			if content, _ := os.ReadFile(said); len(content) > 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	code, err := supervise(identity{}, os.Environ(), nil)
	require.NoError(t, err)
	require.Equal(t, 3, code)
	content, err := os.ReadFile(said)
	require.NoError(t, err)
	require.Equal(t, configFile+"\nstopping\n", string(content))
}

func TestSuperviseShowsAPatroniThatEndsAtOnce(t *testing.T) {
	fakePatroni(t, "exit 7")
	code, err := supervise(identity{}, os.Environ(), nil)
	require.NoError(t, err)
	require.Equal(t, 7, code)
}

func TestExitCodeOfASignal(t *testing.T) {
	require.Equal(t, 128+9, exitCode(syscall.WaitStatus(9)))
}

func TestFingerprintSeesChangedCertificates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tls.crt")
	watched := []string{path, ""}
	absent := fingerprint(watched)
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o600))
	first := fingerprint(watched)
	require.NotEqual(t, absent, first)
	require.Equal(t, first, fingerprint(watched))
	require.NoError(t, os.WriteFile(path, []byte("two"), 0o600))
	require.NotEqual(t, first, fingerprint(watched))
}
