package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	kclient "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Forwarding says whether connections to pods go through the API server, as kubectl port-forward does.
type Forwarding string

// Ways to pods. In a pod of the cluster the first is right; on a laptop the second, which finds out.
const (
	ForwardNever  Forwarding = "never"
	ForwardAuto   Forwarding = "auto" // where a pod or Service cannot be reached
	ForwardAlways Forwarding = "always"
)

// ForwardingModes are the values of Forwarding.
func ForwardingModes() []Forwarding { return []Forwarding{ForwardNever, ForwardAuto, ForwardAlways} }

// directPatience is how long ForwardAuto waits for a connection before it takes the other way.
const directPatience = 3 * time.Second

// dial opens a connection, as net.Dialer does.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

// reach leads to the pods of clusters, by the network or through the API server.
type reach struct {
	mode   Forwarding
	rest   *rest.Config
	api    rest.Interface
	direct dial
	log    logr.Logger

	// outside is true once the network has not led to a pod and the API server has.
	outside atomic.Bool
}

func newReach(mode Forwarding, server *rest.Config, log logr.Logger) (*reach, error) {
	client, err := kclient.NewForConfig(server)
	if err != nil {
		return nil, fmt.Errorf("forward ports of pods: %w", err)
	}
	return &reach{
		mode: mode, rest: server, api: client.CoreV1().RESTClient(), log: log,
		direct: (&net.Dialer{Timeout: directPatience}).DialContext,
	}, nil
}

// to returns how to open connections to a pod. The address that is asked for is that of the pod or of its
// Service; through the API server only its port counts. Nil is the usual way, by the network.
func (r *reach) to(pod types.NamespacedName) dial {
	if r == nil || r.mode == ForwardNever || r.mode == "" {
		return nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if r.mode == ForwardAlways || r.outside.Load() {
			return r.forward(ctx, pod, address)
		}
		conn, err := r.direct(ctx, network, address)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		conn, forwardErr := r.forward(ctx, pod, address)
		if forwardErr != nil {
			return nil, errors.Join(err, forwardErr)
		}
		if !r.outside.Swap(true) {
			r.log.Info("pods are reached through the API server, since the network does not lead to them", "error", err.Error())
		}
		return conn, nil
	}
}

// forward opens a connection to a port of a pod through the API server.
func (r *reach) forward(ctx context.Context, pod types.NamespacedName, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("forward a port of pod %s: %w", pod, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("forward a port of pod %s: %w", pod, err)
	}
	url := r.api.Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	conn, err := openForward(ctx, r.rest, url, uint16(number))
	if err != nil {
		return nil, fmt.Errorf("forward port %d of pod %s: %w", number, pod, err)
	}
	return conn, nil
}

// httpClient returns a client for a pod that is like another in all but its way.
func (r *reach) httpClient(like *http.Client, pod types.NamespacedName) *http.Client {
	d := r.to(pod)
	if d == nil {
		return like
	}
	out, transport := *like, like.Transport.(*http.Transport).Clone()
	transport.DialContext = d
	out.Transport = transport
	return &out
}
