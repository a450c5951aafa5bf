package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// handlerTimeout bounds one answer, as in Zalando's operator.
	handlerTimeout = time.Minute

	// listenAgain is the pause before another try at a port that is taken.
	listenAgain = 10 * time.Second
)

// Cluster is what is known of a cluster beside its work.
type Cluster struct {
	Namespace, Name, UID, Team string
	Status                     string
	Spec                       map[string]any
	Databases                  []string

	// Objects are those of the cluster under the names that the API gives them, such as
	// MasterService; only where one cluster is asked for.
	Objects map[string]any
}

// Clusters knows what is served beside the work.
type Clusters interface {
	// List returns all clusters by namespace and name.
	List(ctx context.Context) ([]Cluster, error)

	// Get returns one cluster with its objects.
	Get(ctx context.Context, cluster types.NamespacedName) (Cluster, error)

	// Configuration returns the state of the process and the options in force, secrets masked.
	Configuration(ctx context.Context) (process, options any, err error)
}

// Server serves the API. It is a manager.Runnable.
type Server struct {
	Address  string // such as :8080
	Clusters Clusters
	Recorder *Recorder
	Log      logr.Logger

	// Leads tells whether this process does the work; another replica has nothing to tell.
	Leads <-chan struct{}

	// Profiles serves the profiles of package pprof, too: they tell a lot and cost time.
	Profiles bool
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *Server) NeedLeaderElection() bool { return false }

// Start serves until the context ends. A port that is taken stops nothing: the log says so, and it is
// tried again.
func (s *Server) Start(ctx context.Context) error {
	var listener net.Listener
	for {
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.Address); err == nil {
			break
		}
		s.Log.Error(err, "the REST API cannot be served, trying again", "address", s.Address)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(listenAgain):
		}
	}
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the REST API: %w", err)
	}
	return nil
}

// Handler routes requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/readyz/", reply(func(*http.Request) (any, error) { return "OK", nil }))
	for prefix, answer := range map[string]answer{
		"/status/": s.status, "/config/": s.config, "/clusters/": s.clusters, "/workers/": s.workers, "/databases/": s.databases,
	} {
		mux.Handle(prefix, reply(s.leading(answer)))
	}
	root := http.NewServeMux()
	root.Handle("/", http.TimeoutHandler(mux, handlerTimeout, `{"error": "took too long"}`))
	if s.Profiles {
		root.HandleFunc("/debug/pprof/", pprof.Index)
		root.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		root.HandleFunc("/debug/pprof/profile", pprof.Profile)
		root.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		root.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return root
}

// answer makes the value that a request is answered with.
type answer func(*http.Request) (any, error)

var errNotLeading = errors.New("this replica of the operator waits for the lease; another one does the work")

func (s *Server) leading(next answer) answer {
	return func(req *http.Request) (any, error) {
		select {
		case <-s.Leads:
			return next(req)
		default:
			return nil, errNotLeading
		}
	}
}

// reply writes an answer, or what went wrong, as Zalando's operator does: with status 500, also for
// what does not exist.
func reply(make answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		status := http.StatusOK
		value, err := make(req)
		if err != nil {
			status, value = http.StatusInternalServerError, map[string]string{"error": err.Error()}
		}
		text, err := json.Marshal(value)
		if err != nil {
			status, text = http.StatusInternalServerError, []byte(`{"error": "the answer cannot be encoded"}`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(text) // a client that has gone needs no answer
	})
}
