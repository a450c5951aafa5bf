package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// openForward opens one connection through the portforward subresource of a pod: a stream for data and one
// for what goes wrong. No port of this machine is opened, so nobody else on it can use the connection.
func openForward(ctx context.Context, server *rest.Config, pod *url.URL, port uint16) (net.Conn, error) {
	dialer, err := forwardDialer(server, pod)
	if err != nil {
		return nil, err
	}
	type opened struct {
		conn net.Conn
		err  error
	}
	result := make(chan opened, 1)
	go func() { // the dialer knows no context
		conn, err := startForward(dialer, port)
		result <- opened{conn, err}
	}()
	select {
	case o := <-result:
		return o.conn, o.err
	case <-ctx.Done():
		go func() {
			if late := <-result; late.conn != nil {
				_ = late.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// forwardDialer speaks WebSocket, and SPDY to API servers and proxies that know no better.
func forwardDialer(server *rest.Config, pod *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(server)
	if err != nil {
		return nil, err
	}
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(pod, server)
	if err != nil {
		return nil, err
	}
	plain := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, pod)
	return portforward.NewFallbackDialerForStreaming(tunnel, plain, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

func startForward(dialer httpstream.Dialer, port uint16) (net.Conn, error) {
	connection, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	stream := func(kind string) (httpstream.Stream, error) {
		headers := http.Header{}
		headers.Set(corev1.StreamType, kind)
		headers.Set(corev1.PortHeader, strconv.Itoa(int(port)))
		headers.Set(corev1.PortForwardRequestIDHeader, "0")
		return connection.CreateStream(headers)
	}
	problems, err := stream(corev1.StreamTypeError)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	_ = problems.Close() // for writing: nothing is said there from this side
	data, err := stream(corev1.StreamTypeData)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return newForwarded(connection, data, problems), nil
}

// forwarded is a connection to a port of a pod. A pipe gives it the deadlines that streams do not have.
type forwarded struct {
	net.Conn
	failure chan error // what the other end said went wrong, once
}

func newForwarded(connection io.Closer, data io.ReadWriteCloser, problems io.Reader) *forwarded {
	near, far := net.Pipe()
	f := &forwarded{Conn: near, failure: make(chan error, 1)}
	go func() {
		if text, err := io.ReadAll(io.LimitReader(problems, 1<<16)); err == nil && len(text) > 0 {
			f.failure <- fmt.Errorf("the pod does not answer: %s", strings.TrimSpace(string(text)))
			_ = far.Close()
		}
	}()
	go func() {
		_, _ = io.Copy(far, data)
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(data, far)
		_ = connection.Close() // with both streams
	}()
	return f
}

// Read tells why the other end is gone, if it has said so.
func (f *forwarded) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		select {
		case failure := <-f.failure:
			return n, failure
		default:
		}
	}
	return n, err
}
