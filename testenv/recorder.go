package testenv

import (
	"net/http"
	"slices"
	"sync"
)

// Recorder notes the requests of one test's clients, in order.
type Recorder struct {
	mu   sync.Mutex
	seen []Request
}

// Request is one HTTP request to the API server.
type Request struct{ Method, Path, Query string }

// String is "PATCH /api/v1/namespaces/x/services/y?fieldManager=…".
func (r Request) String() string {
	if r.Query == "" {
		return r.Method + " " + r.Path
	}
	return r.Method + " " + r.Path + "?" + r.Query
}

// Writes are the requests that can change something, dry runs included.
func (r *Recorder) Writes() []Request {
	return slices.DeleteFunc(r.All(), func(q Request) bool { return q.Method == http.MethodGet })
}

// All are all requests: reads, writes and watches.
func (r *Recorder) All() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// Reset forgets what was seen, to count from here.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = nil
}

func (r *Recorder) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		r.mu.Lock()
		r.seen = append(r.seen, Request{req.Method, req.URL.Path, req.URL.RawQuery})
		r.mu.Unlock()
		return next.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
