//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
)

const (
	// testLabel marks the namespaces of this suite, and most have the prefix.
	testLabel       = "postgres-operator/e2e"
	namespacePrefix = "e2e-"

	// How long things may take on two busy cores. No test relies on their being faster.
	soon   = time.Minute     // one pass of the operator, nothing to start
	boot   = 4 * time.Minute // pods start, Postgres bootstraps or fails over
	pollAt = 100 * time.Millisecond
)

// kube reaches the local Kubernetes, past every cache.
type kube struct {
	client.Client
	kubeconfig string
	repo       string // root of the repository, where manifests/ is
}

// connect reads KUBECONFIG.
func connect(t *testing.T) kube {
	t.Helper()
	k, err := open()
	require.NoError(t, err)
	return k
}

func open() (kube, error) {
	path := os.Getenv("KUBECONFIG")
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return kube{}, fmt.Errorf("KUBECONFIG=%q: %w", path, err)
	}
	config.QPS = -1
	// What a test sends against its better knowledge, the server's answer tells.
	config.WarningHandlerWithContext = nil
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return kube{}, err
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return kube{}, err
	}
	repo, err := filepath.Abs("..")
	return kube{Client: c, kubeconfig: path, repo: repo}, err
}

// kubectl runs kubectl in the root of the repository and fails the test unless it succeeds.
func (k kube) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := k.tryKubectl(context.Background(), "", args...)
	require.NoError(t, err)
	return out
}

// tryKubectl runs kubectl with some standard input; the error holds what it wrote to standard error.
func (k kube) tryKubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = k.repo, strings.NewReader(stdin), &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problems.String()))
	}
	return out.String(), nil
}

// namespace makes a namespace that is deleted when the test is over. If the test has failed by then,
// what there is to know about it is printed first.
func (k kube) namespace(t *testing.T, name string) string {
	t.Helper()
	name = namespacePrefix + name
	k.forgetNamespace(t, name)
	require.NoError(t, k.Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{testLabel: "true"},
	}}))
	t.Cleanup(func() {
		if t.Failed() {
			k.diagnose(t, name)
		}
		_ = k.Delete(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	})
	return name
}

// forgetNamespace deletes a namespace of an earlier run and waits until it is gone.
func (k kube) forgetNamespace(t *testing.T, name string) {
	t.Helper()
	eventually(t, boot, "namespace "+name+" is free", func(ctx context.Context) error {
		var found corev1.Namespace
		err := k.Get(ctx, client.ObjectKey{Name: name}, &found)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil && found.Labels[testLabel] == "" {
			return fmt.Errorf("namespace %s is not of this suite: delete it first", name)
		}
		if err == nil && found.DeletionTimestamp == nil {
			err = k.Delete(ctx, &found)
		}
		return errors.Join(errors.New("still there"), err)
	})
}

// errNotYet is for checks that have no more to say.
var errNotYet = errors.New("not yet")

// eventually polls until check returns nil, and fails the test with its last error when that takes
// longer than the limit.
func eventually(t *testing.T, limit time.Duration, what string, check func(context.Context) error) {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var last error
	for tick := time.NewTicker(pollAt); ; {
		err := check(ctx)
		if err == nil {
			if took := time.Since(start); took > time.Second {
				t.Logf("%.1fs until %s", took.Seconds(), what)
			}
			return
		}
		if ctx.Err() == nil || last == nil {
			last = err // not that the time is over
		}
		select {
		case <-ctx.Done():
			require.FailNow(t, fmt.Sprintf("not within %s: %s", limit, what), last.Error())
		case <-tick.C:
		}
	}
}

// part runs a part of a test. When it fails, the namespace is diagnosed as it is at that moment.
func (k kube) part(t *testing.T, namespace, name string, do func(*testing.T)) (ok bool) {
	t.Helper()
	return t.Run(name, func(t *testing.T) {
		defer func() { // before the part cleans up
			if t.Failed() {
				k.diagnose(t, namespace)
			}
		}()
		do(t)
	})
}

// step runs a part that the next ones rely on: when it fails, the test ends.
func (k kube) step(t *testing.T, namespace, name string, do func(*testing.T)) {
	t.Helper()
	if !k.part(t, namespace, name, do) {
		t.FailNow()
	}
}
