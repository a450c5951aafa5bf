package patroni

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

const (
	// Port is where Patroni listens in a pod.
	Port = 8008

	// maxAnswer bounds what is read of an answer. A cluster with a hundred
	// members and long configuration stays far below it.
	maxAnswer = 4 << 20
)

// Options say how to reach Patroni. The zero value is plain HTTP with defaults.
type Options struct {
	// HTTPClient is shared by the clients of all pods; see NewHTTPClient.
	// Nil makes one for plain HTTP.
	HTTPClient *http.Client
	// Timeout bounds a call together with its retries. Default 5s.
	Timeout time.Duration
	// Interval is the pause between two attempts. Default 1s.
	Interval time.Duration
	// Username and Password, where Patroni's restapi.authentication is set.
	Username, Password string
}

// TLS says how to trust Patroni's certificate.
type TLS struct {
	CA         []byte // PEM of the authorities to trust; empty for those of the system
	ServerName string // name in the certificate, where it is not the address
	SkipVerify bool   // trust any certificate
}

// NewHTTPClient returns a client for the pods of all clusters that have the
// same trust. It follows no redirects and uses no proxy: pods are addressed
// directly. Connections are not kept, as Patroni closes them anyway.
func NewHTTPClient(trust TLS) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: trust.ServerName, InsecureSkipVerify: trust.SkipVerify}
	if len(trust.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(trust.CA) {
			return nil, errors.New("patroni: no certificate in the PEM of the authorities")
		}
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Client talks to the Patroni of one pod. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	options Options
}

// New returns a client for address, which is a URL such as
// https://10.0.0.7:8008 or host:port for plain HTTP.
func New(address string, options Options) (*Client, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	base, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("patroni: parse address: %w", err)
	}
	if base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("patroni: address %q must be host:port or an http or https URL", address)
	}
	if options.HTTPClient == nil {
		if options.HTTPClient, err = NewHTTPClient(TLS{}); err != nil {
			return nil, err
		}
	}
	if options.Timeout <= 0 {
		options.Timeout = 5 * time.Second
	}
	if options.Interval <= 0 {
		options.Interval = time.Second
	}
	return &Client{base: base, options: options}, nil
}

// request is one call of an endpoint.
type request struct {
	method, path string
	body         any  // sent as JSON unless nil
	idempotent   bool // may be sent again after it may have arrived
}

// do sends r until there is an answer, and decodes the answer into the value
// that into points to, unless that is nil. It returns the raw answer.
func (c *Client) do(ctx context.Context, r request, into any) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	answer, err := c.attempts(ctx, r)
	if err != nil {
		return "", err
	}
	if into == nil {
		return string(answer), nil
	}
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber() // numbers of configurations are shown as they were written
	if err := decoder.Decode(into); err != nil {
		return "", fmt.Errorf("%s: answer is not what Patroni documents: %w: %s", c.name(r), err, excerpt(answer))
	}
	return string(answer), nil
}

// attempts repeats r while nobody answers and repeating is harmless.
func (c *Client) attempts(ctx context.Context, r request) ([]byte, error) {
	for {
		answer, sent, err := c.once(ctx, r)
		var refused *Error
		var untrusted *tls.CertificateVerificationError
		switch {
		case err == nil || errors.As(err, &refused):
			return answer, err
		case errors.As(err, &untrusted):
			return nil, fmt.Errorf("%s: %w", c.name(r), err)
		case sent && !r.idempotent:
			return nil, fmt.Errorf("%s: %w: %w", c.name(r), ErrUnknownOutcome, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: no answer: %w", c.name(r), err)
		case <-time.After(c.options.Interval):
		}
	}
}

// once sends r once and tells whether it left. Its error is an *Error when
// Patroni answered with another status than 2xx, else one of the transport.
func (c *Client) once(ctx context.Context, r request) (answer []byte, sent bool, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent = true }})
	httpRequest, err := c.newRequest(ctx, r)
	if err != nil {
		return nil, false, err
	}
	response, err := c.options.HTTPClient.Do(httpRequest)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the endpoint is named once, by name
		}
		return nil, sent, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, true, err
	case len(answer) > maxAnswer:
		return nil, true, &Error{Method: r.method, URL: c.url(r), Status: response.StatusCode, Body: fmt.Sprintf("answer exceeds %d bytes", maxAnswer)}
	case response.StatusCode/100 != 2:
		return nil, true, &Error{Method: r.method, URL: c.url(r), Status: response.StatusCode, Body: excerpt(answer)}
	}
	return answer, true, nil
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, &Error{Method: r.method, URL: c.url(r), Body: "cannot encode: " + err.Error()}
		}
		body = bytes.NewReader(encoded)
	}
	httpRequest, err := http.NewRequestWithContext(ctx, r.method, c.url(r), body)
	if err != nil {
		return nil, &Error{Method: r.method, URL: c.url(r), Body: err.Error()}
	}
	httpRequest.Header.Set("Content-Type", "application/json")
	if c.options.Username != "" {
		httpRequest.SetBasicAuth(c.options.Username, c.options.Password)
	}
	return httpRequest, nil
}

func (c *Client) url(r request) string { return c.base.JoinPath(r.path).String() }

func (c *Client) name(r request) string { return "patroni: " + r.method + " " + c.url(r) }
