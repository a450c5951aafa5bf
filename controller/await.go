package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

const (
	awaitPeriod  = time.Second
	awaitTimeout = 5 * time.Second // of one request
)

// awaitAPIServer waits until the API server answers. An operator that ended instead would be held back by
// Kubernetes for minutes after an outage (CrashLoopBackOff). What no waiting mends is an error.
func awaitAPIServer(ctx context.Context, o Options) error {
	c := rest.CopyConfig(o.REST)
	c.Timeout = awaitTimeout
	server, err := discovery.NewDiscoveryClientForConfig(c)
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	if _, err = server.ServerVersion(); isOutage(err) {
		o.Log.Info("waiting for the API server", "error", err.Error())
		probes, serveErr := serveWaiting(ctx, o.ProbeAddress)
		if serveErr != nil {
			return serveErr
		}
		defer probes.Close()
		if pollErr := wait.PollUntilContextCancel(ctx, awaitPeriod, true, func(context.Context) (bool, error) {
			_, err = server.ServerVersion()
			return !isOutage(err), nil
		}); pollErr != nil {
			return fmt.Errorf("wait for the API server: %w", errors.Join(pollErr, err))
		}
		o.Log.Info("the API server answers")
	}
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	return nil
}

// isOutage tells an API server that is away or not ready from one that refuses, and from a wrong address.
func isOutage(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Code >= http.StatusInternalServerError || apierrors.IsTooManyRequests(err)
	}
	var dns *net.DNSError
	var network net.Error
	var operation *net.OpError
	return errors.Is(err, io.EOF) || errors.As(err, &network) && network.Timeout() ||
		errors.As(err, &operation) && !errors.As(err, &dns)
}

// serveWaiting answers the probes of an operator that waits: it is alive, and not ready.
func serveWaiting(ctx context.Context, address string) (io.Closer, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "waiting for the API server", http.StatusServiceUnavailable)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: awaitTimeout}
	if address == "0" {
		return server, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for probes: %w", err)
	}
	go func() { _ = server.Serve(listener) }() // ends when it is closed
	return server, nil
}
