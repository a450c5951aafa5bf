package controlplane

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"postgres-operator/local/kubeapi"
	"postgres-operator/local/network"
)

// Check reports why a component is not healthy, or nil.
type Check func(context.Context) error

// AdminClient returns a client with the administrator's rights.
func (p Plane) AdminClient() (*kubeapi.Client, error) {
	l := p.Layout
	return kubeapi.New(Server, l.Certificate(authority), l.Certificate(admin), l.Key(admin))
}

// Checks returns the health check of every daemon that this package defines.
func (p Plane) Checks() map[string]Check {
	return map[string]Check{
		Etcd:              p.checkEtcd,
		APIServer:         p.secure(Server, "/readyz"),
		ControllerManager: p.secure("https://"+network.Gateway+":10257", "/healthz"),
		Scheduler:         p.secure("https://"+network.Gateway+":10259", "/healthz"),
		CoreDNS:           resolveService,
		Proxy:             CheckHTTP("http://" + network.Gateway + ":10256/healthz"),
	}
}

func (p Plane) checkEtcd(ctx context.Context) error {
	l := p.Layout
	const user = "kube-apiserver-etcd"
	client, err := kubeapi.New(etcdURL, l.Certificate(etcdAuthority), l.Certificate(user), l.Key(user))
	if err != nil {
		return err
	}
	_, err = client.Get(ctx, "/health")
	return err
}

func (p Plane) secure(server, path string) Check {
	l := p.Layout
	return func(ctx context.Context) error {
		client, err := kubeapi.New(server, l.Certificate(authority), l.Certificate(admin), l.Key(admin))
		if err != nil {
			return err
		}
		_, err = client.Get(ctx, path)
		return err
	}
}

// CheckHTTP is satisfied by status 200.
func CheckHTTP(url string) Check {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, response.Status)
		}
		return nil
	}
}

// resolveService asks CoreDNS for the API server's service.
func resolveService(ctx context.Context) error {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", network.Gateway+":53")
	}}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := resolver.LookupHost(ctx, "kubernetes.default.svc."+Domain+".")
	return err
}
