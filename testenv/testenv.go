// Package testenv gives tests a real Kubernetes API server: etcd and
// kube-apiserver, nothing else. No controller runs, so no pods appear, nothing
// is garbage collected, and no namespace is ever gone; what a test needs of
// that it does itself.
//
// A test binary declares one Server, which starts at its first use, and stops
// it when the tests are over:
//
//	var server = testenv.Server{CRDs: []string{"../manifests"}}
//
//	func TestMain(m *testing.M) { os.Exit(server.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		env := server.Env(t) // a namespace and a client configuration of its own
//		…
//		require.Empty(t, env.Requests.Writes())
//	}
//
// The binaries are those that the environment variable KUBEBUILDER_ASSETS names
// or that `make test` has left in the user's cache. Without them tests fail:
// a suite that skips what it cannot run proves nothing.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Server is one API server, shared by the tests of a binary. The zero value is
// ready to use.
type Server struct {
	// CRDs are files or directories of custom resource definitions to install.
	CRDs []string

	once    sync.Once
	process *envtest.Environment
	config  *rest.Config
	err     error
}

// Env is what one test works with.
type Env struct {
	// Config connects as cluster administrator, without a client-side rate
	// limit. All its requests are recorded.
	Config *rest.Config
	// Namespace is new and belongs to this test.
	Namespace string
	// Requests records what was sent by way of Config.
	Requests *Recorder
}

// Run runs the tests and stops the server, if any of them started it. The
// result is the exit code for TestMain.
func (s *Server) Run(m *testing.M) int {
	code := m.Run()
	if s.process != nil {
		if err := s.process.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "testenv: stop API server:", err)
		}
	}
	return code
}

// Env starts the server at the first call and makes a namespace for the test.
func (s *Server) Env(t testing.TB) *Env {
	t.Helper()
	s.once.Do(s.start)
	if s.err != nil {
		t.Fatal(s.err)
	}
	config := rest.CopyConfig(s.config)
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	namespace, err := clients.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal("create namespace of the test: ", err)
	}
	requests := &Recorder{}
	config.Wrap(requests.wrap)
	return &Env{Config: config, Namespace: namespace.Name, Requests: requests}
}

func (s *Server) start() {
	dir, err := assets()
	if err != nil {
		s.err = err
		return
	}
	s.process = &envtest.Environment{
		BinaryAssetsDirectory:    dir,
		ControlPlaneStartTimeout: 2 * time.Minute, // a cold disk, busy cores
		ControlPlaneStopTimeout:  time.Minute,
		CRDDirectoryPaths:        s.CRDs,
		ErrorIfCRDPathMissing:    true,
	}
	// Room for the Services of a thousand clusters.
	s.process.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/16")
	if s.config, err = s.process.Start(); err != nil {
		s.err = fmt.Errorf("start API server from %s: %w", dir, err)
		return
	}
	s.config.QPS = -1 // No client-side limit, as in the operator.
	s.config.WarningHandler = rest.NoWarnings{}
}

var errNoAssets = errors.New("no kube-apiserver and etcd to test against: run `make test`, " +
	"which builds them once, or set KUBEBUILDER_ASSETS to a directory that holds them")

// assets finds the directory of the binaries.
func assets() (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		if !complete(dir) {
			return "", fmt.Errorf("KUBEBUILDER_ASSETS=%s lacks kube-apiserver or etcd", dir)
		}
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	for _, pattern := range []string{"kube-apiserver", "*/kube-apiserver", "*/*/kube-apiserver"} {
		found, err := filepath.Glob(filepath.Join(cache, "postgres-operator-local", pattern))
		if err != nil {
			return "", fmt.Errorf("search %s: %w", cache, err)
		}
		for i := len(found) - 1; i >= 0; i-- { // the highest version last
			if dir := filepath.Dir(found[i]); complete(dir) {
				return dir, nil
			}
		}
	}
	return "", errNoAssets
}

func complete(dir string) bool {
	for _, name := range []string{"kube-apiserver", "etcd"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}
