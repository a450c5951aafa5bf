package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// forwardServer is an API server's portforward of SPDY: every pod echoes what it is sent on port 5432, and
// listens on no other.
func forwardServer(t *testing.T) (server *rest.Config, open *atomic.Int32) {
	open = &atomic.Int32{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/test/pods/acid-test-0/portforward" || r.Header.Get("Authorization") != "Bearer user" {
			http.Error(w, r.URL.Path, http.StatusNotFound)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
			return // WebSocket, which is refused: the client falls back
		}
		streams := make(chan httpstream.Stream, 2)
		connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		})
		if connection == nil {
			return
		}
		open.Add(1)
		defer open.Add(-1)
		problems, data := <-streams, <-streams
		if data.Headers().Get(corev1.PortHeader) != "5432" {
			_, _ = fmt.Fprint(problems, "connection refused")
			_ = problems.Close()
		} else {
			go func() { _, _ = io.Copy(data, data); _ = data.Close() }()
		}
		<-connection.CloseChan()
	}))
	t.Cleanup(h.Close)
	return &rest.Config{Host: h.URL, BearerToken: "user"}, open
}

func newTestReach(t *testing.T, mode Forwarding) (r *reach, open *atomic.Int32) {
	t.Helper()
	server, open := forwardServer(t)
	r, err := newReach(mode, server, logr.Discard())
	require.NoError(t, err)
	return r, open
}

var primaryPod = types.NamespacedName{Namespace: "test", Name: "acid-test-0"}

func echoes(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	long := strings.Repeat("hello ", 100_000)
	go func() { _, _ = io.WriteString(conn, long) }()
	got := make([]byte, len(long))
	_, err := io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, long, string(got))
}

func TestForward(t *testing.T) {
	t.Parallel()
	r, open := newTestReach(t, ForwardAlways)
	dial := r.to(primaryPod)
	conn, err := dial(t.Context(), "tcp", "acid-test.test.svc.cluster.local:5432")
	require.NoError(t, err)
	echoes(t, conn)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(-time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, errTimeout(err), "deadlines work")
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return open.Load() == 0 }, patience, 10*time.Millisecond, "nothing is left open")

	conn, err = dial(t.Context(), "tcp", "acid-test:1")
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.EqualError(t, err, "the pod does not answer: connection refused")
	require.NoError(t, conn.Close())

	_, err = r.to(types.NamespacedName{Namespace: "test", Name: "gone"})(t.Context(), "tcp", "x:5432")
	require.ErrorContains(t, err, "forward port 5432 of pod test/gone: ")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = dial(over, "tcp", "x:5432")
	require.ErrorIs(t, err, context.Canceled)
}

// errTimeout is the error itself when it is a timeout, else another.
func errTimeout(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return errors.New("no timeout")
}

// On a laptop the network does not lead to pods: it is tried once.
func TestForwardWhereTheNetworkDoesNotLead(t *testing.T) {
	t.Parallel()
	r, _ := newTestReach(t, ForwardAuto)
	tried := 0
	r.direct = func(context.Context, string, string) (net.Conn, error) {
		tried++
		return nil, errors.New("no such host")
	}
	_, err := r.to(types.NamespacedName{Namespace: "test", Name: "gone"})(t.Context(), "tcp", "x:5432")
	require.ErrorContains(t, err, "no such host")
	require.ErrorContains(t, err, "forward port 5432")
	for range 2 {
		conn, err := r.to(primaryPod)(t.Context(), "tcp", "x:5432")
		require.NoError(t, err)
		echoes(t, conn)
		require.NoError(t, conn.Close())
	}
	require.Equal(t, 2, tried, "once it is known, the network is left alone")
}

func TestForwardIsNotNeededInside(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	r, open := newTestReach(t, ForwardAuto)
	conn, err := r.to(primaryPod)(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Zero(t, open.Load())
	require.False(t, r.outside.Load())
	inside, _ := newTestReach(t, ForwardNever)
	require.Nil(t, inside.to(primaryPod))
	usual := &http.Client{Transport: &http.Transport{}}
	require.Same(t, usual, inside.httpClient(usual, primaryPod))
	require.NotSame(t, usual, r.httpClient(usual, primaryPod))
	require.Nil(t, (*reach)(nil).to(primaryPod))
}
