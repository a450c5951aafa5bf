package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSelfSignedCertificateFitsItsKeyAndNamesTheServices(t *testing.T) {
	dir := t.TempDir()
	env := environment{
		"SCOPE":                "acid-minimal-cluster",
		"SSL_CERTIFICATE_FILE": filepath.Join(dir, "server.crt"),
		"SSL_PRIVATE_KEY_FILE": filepath.Join(dir, "server.key"),
	}
	require.NoError(t, selfSigned(env, identity{}))
	pair, err := tls.LoadX509KeyPair(env["SSL_CERTIFICATE_FILE"], env["SSL_PRIVATE_KEY_FILE"])
	require.NoError(t, err)
	require.Equal(t, []string{"acid-minimal-cluster", "acid-minimal-cluster-repl"}, pair.Leaf.DNSNames)
	info, err := os.Stat(env["SSL_PRIVATE_KEY_FILE"])
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "Postgres refuses a key that others may read")
}

func TestOpenDirectoryClosesTheDataToOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pgroot", "data")
	require.NoError(t, os.MkdirAll(path, 0o777))
	require.NoError(t, os.Chmod(path, 0o2770)) // as an fsGroup leaves it
	require.NoError(t, openDirectory(path, 0o700, identity{uid: os.Getuid(), gid: os.Getgid()}))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}
