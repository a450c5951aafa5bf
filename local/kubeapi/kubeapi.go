// Package kubeapi is the little of the Kubernetes API that the local cluster
// itself needs: is it ready, which nodes are, and server-side apply.
package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// FieldManager owns what the local cluster itself applies.
const FieldManager = "postgres-operator-local"

// Client talks to one server with a client certificate.
type Client struct {
	server string
	http   *http.Client
}

// New returns a client of server, a URL without path. The files are PEM encoded.
func New(server, authority, certificate, key string) (*Client, error) {
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(authority)
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's authority: %w", err)
	}
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", authority)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("reading the administrator's certificate: %w", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:      roots,
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
	}}
	return &Client{server: server, http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}, nil
}

// Get returns the body of a successful GET.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, "", nil)
}

// Apply creates or changes the object at path by server-side apply.
func (c *Client) Apply(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	path += "?force=true&fieldManager=" + FieldManager
	_, err = c.do(ctx, http.MethodPatch, path, "application/apply-patch+yaml", body)
	return err
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}

// Node is a node and what it says of its own health.
type Node struct {
	Name   string
	Ready  bool
	Reason string // why it is not ready, as its kubelet or the node controller puts it
}

type nodeList struct {
	Items []struct {
		Metadata struct{ Name string }
		Status   struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
}

// Nodes lists the registered nodes.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	body, err := c.Get(ctx, "/api/v1/nodes")
	if err != nil {
		return nil, fmt.Errorf("listing the nodes: %w", err)
	}
	var list nodeList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("reading the list of nodes: %w", err)
	}
	var nodes []Node
	for _, item := range list.Items {
		node := Node{Name: item.Metadata.Name, Reason: "it has not reported yet"}
		for _, condition := range item.Status.Conditions {
			if condition.Type == "Ready" {
				node.Ready, node.Reason = condition.Status == "True", condition.Message
			}
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}
