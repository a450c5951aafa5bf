package controller

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// TestOperatorWaitsForTheAPIServer: it is alive and not ready while the API server is away or not ready itself.
func TestOperatorWaitsForTheAPIServer(t *testing.T) {
	t.Parallel()
	address, probes := freeAddress(t), freeAddress(t)
	ended := make(chan error, 1)
	go func() {
		ended <- awaitAPIServer(t.Context(), Options{REST: &rest.Config{Host: "http://" + address}, ProbeAddress: probes, Log: logr.Discard()})
	}()
	waits := func() {
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.Equal(c, http.StatusOK, get(probes, "healthz"))
			assert.Equal(c, http.StatusServiceUnavailable, get(probes, "readyz"))
			assert.Empty(c, ended)
		}, patience, 50*time.Millisecond)
	}
	waits()

	var ready atomic.Bool
	refused := make(chan struct{}, 1000)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			refused <- struct{}{}
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"major":"1","minor":"36"}`)
	}))
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	<-refused
	waits()

	ready.Store(true)
	require.NoError(t, <-ended)
	require.Zero(t, get(probes, "healthz"), "the probes are the manager's from now on")
}

func TestOperatorDoesNotWaitInVain(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(server.Close)
	err := awaitAPIServer(t.Context(), Options{REST: &rest.Config{Host: server.URL}, ProbeAddress: "0", Log: logr.Discard()})
	require.ErrorContains(t, err, "reach the API server: ")
}

func TestIsOutage(t *testing.T) {
	t.Parallel()
	dial := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://10.96.0.1:443/version", Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}}
	}
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"connection refused", dial(syscall.ECONNREFUSED), true},
		{"no route", dial(syscall.EHOSTUNREACH), true},
		{"timeout", &url.Error{Op: "Get", Err: context.DeadlineExceeded}, true},
		{"no such host", dial(&net.DNSError{Err: "no such host", IsNotFound: true}), false},
		{"foreign certificate", &url.Error{Op: "Get", Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, false},
		{"anything else", errors.New("unexpected"), false},
	} {
		require.Equal(t, tt.want, isOutage(tt.err), tt.name)
	}
}
