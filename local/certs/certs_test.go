package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func files(dir, name string) Pair {
	return Pair{Certificate: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
}

func load(t *testing.T, pair Pair) *x509.Certificate {
	t.Helper()
	loaded, err := tls.LoadX509KeyPair(pair.Certificate, pair.Key)
	require.NoError(t, err)
	return loaded.Leaf
}

func TestCertificatesStandStrictVerification(t *testing.T) {
	dir := t.TempDir()
	authority, err := LoadAuthority("test ca", files(dir, "ca"))
	require.NoError(t, err)
	request := Request{
		CommonName:   "kube-apiserver",
		Organization: []string{"system:masters"},
		DNSNames:     []string{"kubernetes.default.svc"},
		Addresses:    []net.IP{net.IPv4(10, 96, 0, 1)},
	}
	require.NoError(t, authority.Ensure(request, files(dir, "server")))

	ca, server := load(t, files(dir, "ca")), load(t, files(dir, "server"))
	require.Equal(t, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, ca.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign))
	require.NotEmpty(t, ca.SubjectKeyId)
	require.NotEmpty(t, server.SubjectKeyId)
	require.Equal(t, ca.SubjectKeyId, server.AuthorityKeyId)
	require.Equal(t, request.Organization, server.Subject.Organization)

	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for _, name := range []string{"kubernetes.default.svc", "10.96.0.1"} {
		_, err := server.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		require.NoError(t, err)
	}
	_, err = server.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	require.Error(t, err)
}

func TestKeysAreReadableByTheOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadAuthority("test ca", files(dir, "ca"))
	require.NoError(t, err)
	info, err := os.Stat(files(dir, "ca").Key)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestFilesAreKeptWhileTheAuthorityIsTheSame(t *testing.T) {
	dir := t.TempDir()
	request := Request{CommonName: "client"}
	issue := func() (ca, client *x509.Certificate) {
		authority, err := LoadAuthority("test ca", files(dir, "ca"))
		require.NoError(t, err)
		require.NoError(t, authority.Ensure(request, files(dir, "client")))
		return load(t, files(dir, "ca")), load(t, files(dir, "client"))
	}
	ca, client := issue()
	sameCA, sameClient := issue()
	require.Equal(t, ca.SerialNumber, sameCA.SerialNumber)
	require.Equal(t, client.SerialNumber, sameClient.SerialNumber)

	require.NoError(t, os.Remove(files(dir, "ca").Certificate))
	newCA, newClient := issue()
	require.NotEqual(t, ca.SerialNumber, newCA.SerialNumber)
	require.NotEqual(t, client.SerialNumber, newClient.SerialNumber)
	require.NoError(t, newClient.CheckSignatureFrom(newCA))
}

func TestBrokenAuthorityIsReported(t *testing.T) {
	dir := t.TempDir()
	pair := files(dir, "ca")
	require.NoError(t, os.WriteFile(pair.Certificate, []byte("nonsense"), 0o644))
	require.NoError(t, os.WriteFile(pair.Key, []byte("nonsense"), 0o600))
	_, err := LoadAuthority("test ca", pair)
	require.ErrorContains(t, err, "PEM")
}
