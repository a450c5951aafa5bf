//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The operator as manifests/ deploys it.
const (
	operatorNamespace = "default"
	operatorName      = "postgres-operator"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":" + operatorName
	metricsPort       = 8082
)

// operatorManifests in the order of the tutorial.
var operatorManifests = []string{
	"manifests/configmap.yaml",
	"manifests/operator-service-account-rbac.yaml",
	"manifests/postgres-operator.yaml",
}

// deployOperator replaces whatever operator runs by the one of this repository, with the
// configuration as shipped.
func (k kube) deployOperator(ctx context.Context) error {
	if err := k.removeOperator(ctx); err != nil {
		return err
	}
	for _, manifest := range operatorManifests {
		if _, err := k.tryKubectl(ctx, "", "create", "--filename", manifest); err != nil {
			return err
		}
	}
	return k.rolloutStatus(ctx)
}

func (k kube) removeOperator(ctx context.Context) error {
	for i := range operatorManifests {
		manifest := operatorManifests[len(operatorManifests)-1-i]
		_, err := k.tryKubectl(ctx, "", "delete", "--ignore-not-found", "--wait", "--cascade=foreground", "--filename", manifest)
		if err != nil {
			return err
		}
	}
	return nil
}

func (k kube) rolloutStatus(ctx context.Context) error {
	_, err := k.tryKubectl(ctx, "", "--namespace", operatorNamespace, "rollout", "status", "deployment/"+operatorName, "--timeout=120s")
	return err
}

// scaleOperator returns when as many operators run.
func (k kube) scaleOperator(t *testing.T, replicas int) {
	t.Helper()
	k.kubectl(t, "--namespace", operatorNamespace, "scale", "deployment/"+operatorName, "--replicas="+strconv.Itoa(replicas))
	eventually(t, boot, fmt.Sprintf("%d operators run", replicas), func(ctx context.Context) error {
		pods, err := k.operatorPods(ctx)
		if err != nil {
			return err
		}
		if len(pods) != replicas {
			return fmt.Errorf("there are %d", len(pods))
		}
		return allReady(pods)
	})
}

func (k kube) operatorPods(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := k.List(ctx, &pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"name": operatorName})
	return pods.Items, err
}

// operatorPod waits for the one pod of the operator to be ready.
func (k kube) operatorPod(t *testing.T) corev1.Pod {
	t.Helper()
	var pod corev1.Pod
	eventually(t, boot, "the operator is ready", func(ctx context.Context) error {
		pods, err := k.operatorPods(ctx)
		if err != nil {
			return err
		}
		if len(pods) != 1 {
			return fmt.Errorf("%d operator pods", len(pods))
		}
		pod = pods[0]
		return allReady(pods)
	})
	return pod
}

// requireSameOperator fails the test if the operator's process has ended since pod was read.
func (k kube) requireSameOperator(t *testing.T, pod corev1.Pod) {
	t.Helper()
	now := k.operatorPod(t)
	require.Equal(t, pod.UID, now.UID, "the operator's pod was replaced")
	require.Equal(t, restarts(pod), restarts(now), "the operator restarted")
}

func restarts(pod corev1.Pod) int32 {
	var n int32
	for _, status := range pod.Status.ContainerStatuses {
		n += status.RestartCount
	}
	return n
}

func allReady(pods []corev1.Pod) error {
	for _, pod := range pods {
		if !isReady(pod) {
			return fmt.Errorf("pod %s is not ready (%s)", pod.Name, pod.Status.Phase)
		}
	}
	return nil
}

func isReady(pod corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil
		}
	}
	return false
}

// killOperator ends the operator's process as a power failure would, and lets the Deployment make a
// new pod: the old one would be restarted only after a growing pause.
func (k kube) killOperator(t *testing.T) {
	t.Helper()
	pods, err := k.operatorPods(context.Background())
	require.NoError(t, err)
	require.Len(t, pods, 1)
	pid, err := processOf(pods[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	k.kubectl(t, "--namespace", operatorNamespace, "delete", "pod", pods[0].Name, "--grace-period=0", "--force")
}

// processOf finds the operator's process on this machine by the control group of its pod.
func processOf(pod corev1.Pod) (int, error) { return processIn(pod, "/"+operatorName) }
