//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
)

// TestNonsense sends manifests full of nonsense. The API server refuses some; the operator has an
// answer to each of the others, serves a proper cluster meanwhile, neither ends nor panics, and leaves
// nothing behind when they are deleted.
func TestNonsense(t *testing.T) {
	const manifests, seed = 200, 20260722
	k := connect(t)
	ns, properNS := k.namespace(t, "nonsense"), k.namespace(t, "proper")
	operator := k.operatorPod(t)
	proper := k.cluster(properNS, "acid-proper")
	proper.apply(t, instances(0))
	eventually(t, soon, "the proper cluster has its objects", proper.hasStatefulSet)

	source := newNonsense(seed)
	var accepted []client.ObjectKey
	for i := range manifests {
		c := k.cluster(ns, fmt.Sprintf("acid-nonsense-%03d", i))
		manifest := c.minimal(t, instances(0))
		source.spoil(manifest.Object)
		withoutPods(manifest.Object)
		if k.send(t, manifest) {
			accepted = append(accepted, c.key(c.name))
		}
	}
	t.Logf("the API server accepts %d of %d", len(accepted), manifests)
	require.Greater(t, len(accepted), manifests/10, "most of it should reach the operator")
	require.Less(t, len(accepted), manifests*9/10, "the API server should refuse something")

	proper.apply(t, instances(0), with("amid nonsense", "spec", "serviceAnnotations", "served"))
	proper.awaitServed(t, "amid nonsense")
	eventually(t, 2*time.Minute, "the operator has an answer to each", func(ctx context.Context) error {
		return k.answered(ctx, t, accepted)
	})
	k.requireSameOperator(t, operator)
	panics, err := k.operatorMetric(context.Background(), metricPanics)
	require.NoError(t, err)
	require.Zero(t, panics, "panics of the operator")

	k.kubectl(t, "--namespace", ns, "delete", "postgresql", "--all", "--wait=false")
	k.cluster(ns, "the nonsense").awaitGone(t, nothing)
	proper.apply(t, instances(0), with("after nonsense", "spec", "serviceAnnotations", "served"))
	proper.awaitServed(t, "after nonsense")
	k.requireSameOperator(t, operator)
}

// send reports whether the API server accepts a manifest. It has to answer in either case.
func (k kube) send(t *testing.T, manifest *unstructured.Unstructured) bool {
	t.Helper()
	err := k.Create(context.Background(), manifest)
	if err == nil {
		return true
	}
	var refusal apierrors.APIStatus
	require.ErrorAs(t, err, &refusal)
	require.Less(t, refusal.Status().Code, int32(http.StatusInternalServerError), "%v", err)
	return false
}

// answered reports the first cluster whose status does not speak of its manifest.
func (k kube) answered(ctx context.Context, t *testing.T, clusters []client.ObjectKey) error {
	t.Helper()
	for _, key := range clusters {
		var pg apiv1.Postgresql
		if err := k.Get(ctx, key, &pg); err != nil {
			return err
		}
		if pg.Status.PostgresClusterStatus == "" || pg.Status.ObservedGeneration != pg.Generation {
			return fmt.Errorf("%s: status is %q of generation %d", key.Name, pg.Status.PostgresClusterStatus, pg.Status.ObservedGeneration)
		}
	}
	return nil
}
