package kubeapi

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/local/certs"
)

// serve runs a server with a certificate of a new authority and returns its client.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	dir := t.TempDir()
	files := func(name string) certs.Pair {
		return certs.Pair{Certificate: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
	}
	authority, err := certs.LoadAuthority("test", files("ca"))
	require.NoError(t, err)
	request := certs.Request{CommonName: "admin", Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	require.NoError(t, authority.Ensure(request, files("admin")))
	pair, err := tls.LoadX509KeyPair(files("admin").Certificate, files("admin").Key)
	require.NoError(t, err)

	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	client, err := New(server.URL, files("ca").Certificate, files("admin").Certificate, files("admin").Key)
	require.NoError(t, err)
	return client
}

func TestNodes(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/v1/nodes", r.URL.Path)
		require.Equal(t, "admin", r.TLS.PeerCertificates[0].Subject.CommonName)
		_, _ = io.WriteString(w, `{"items":[
			{"metadata":{"name":"a"},"status":{"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"True","message":"kubelet is posting ready status"}]}},
			{"metadata":{"name":"b"},"status":{"conditions":[{"type":"Ready","status":"False","message":"no CNI"}]}},
			{"metadata":{"name":"c"}}]}`)
	})
	nodes, err := client.Nodes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Node{
		{Name: "a", Ready: true, Reason: "kubelet is posting ready status"},
		{Name: "b", Reason: "no CNI"},
		{Name: "c", Reason: "it has not reported yet"},
	}, nodes)
}

func TestApply(t *testing.T) {
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		require.Equal(t, http.MethodPatch, r.Method)
		require.Equal(t, "application/apply-patch+yaml", r.Header.Get("Content-Type"))
		require.Equal(t, FieldManager, r.URL.Query().Get("fieldManager"))
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.JSONEq(t, `{"kind":"StorageClass"}`, string(body))
	})
	require.NoError(t, client.Apply(t.Context(), "/x", map[string]any{"kind": "StorageClass"}))
}

func TestErrorsCarryTheServersWords(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "[-]etcd failed", http.StatusInternalServerError)
	})
	_, err := client.Get(t.Context(), "/readyz")
	require.ErrorContains(t, err, "GET /readyz: 500 Internal Server Error: [-]etcd failed")
}
