//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// TestMain deploys the operator of this repository once, whichever tests run.
func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard()) // warnings about deprecated kinds
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func prepare() error {
	if _, err := os.Stat(auditLog); err != nil {
		return fmt.Errorf("these tests run on the local Kubernetes alone, start it by `make up`: %w", err)
	}
	k, err := open()
	if err != nil {
		return err
	}
	if err := lock(k.kubeconfig + ".e2e-lock"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := k.removeLeftovers(ctx); err != nil {
		return fmt.Errorf("remove what an earlier run left: %w", err)
	}
	start := time.Now()
	if err := k.deployOperator(ctx); err != nil {
		return fmt.Errorf("deploy the operator: %w\n%s", err, k.operatorTail(ctx))
	}
	fmt.Printf("operator deployed in %.1fs\n", time.Since(start).Seconds())
	return nil
}

// lock waits until no other run of this suite works on the same Kubernetes. The lock is held until
// the process ends: closing the file would give it up, so nothing does.
func lock(path string) error {
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return nil
	}
	fmt.Println("waiting for another run of these tests to end")
	if err := syscall.Flock(fd, syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	return nil
}

func (k kube) removeLeftovers(ctx context.Context) error {
	var namespaces corev1.NamespaceList
	if err := k.List(ctx, &namespaces, client.MatchingLabels{testLabel: "true"}); err != nil {
		return err
	}
	for i := range namespaces.Items {
		if err := client.IgnoreNotFound(k.Delete(ctx, &namespaces.Items[i])); err != nil {
			return err
		}
	}
	return nil
}

func (k kube) operatorTail(ctx context.Context) string {
	pods, _ := k.tryKubectl(ctx, "", "--namespace", operatorNamespace, "get", "pods", "--output=wide")
	log, _ := k.operatorLog(ctx)
	return pods + lastLines(log, 30)
}
