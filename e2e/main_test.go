//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
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
