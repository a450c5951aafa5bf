//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/testenv"
)

// Names of Zalando's operator: as field manager, its annotation on pods to be recreated, and that on
// manifests for an operator with a CONTROLLER_ID.
const (
	formerManager        = "postgres-operator"
	recreateMark         = "zalando-postgres-operator-rolling-update-required"
	controllerAnnotation = "acid.zalan.do/controller"
)

// TestAdoption: clusters that Zalando's operator v2.0.1 has made and that run are taken over without
// a pod noticing. What that operator makes stands in testdata/adoption; here it has a CONTROLLER_ID, and
// removing that from the manifests hands them over.
func TestAdoption(t *testing.T) {
	k := connect(t)
	minimal, complete := k.former(t, "minimal", 2), k.former(t, "complete", 1)
	clusters := []*formerCluster{minimal, complete}
	for _, c := range clusters {
		c.awaitMembers(t)
		c.mustQuery(t, c.primary(), "CREATE TABLE kept AS SELECT 42 AS answer")
		c.remember(t)
	}
	for _, c := range clusters {
		c.handOver(t)
	}
	for _, c := range clusters {
		k.part(t, c.namespace, c.name+" is taken over", c.testTakenOver)
		k.part(t, c.namespace, c.name+" costs nothing", c.testSecondPass)
	}
	k.part(t, minimal.namespace, "annotations reach pods that go on running", minimal.testAnnotations)
	k.part(t, complete.namespace, "an environment takes new pods", complete.testEnvironment)
	k.part(t, minimal.namespace, "a marked pod is recreated, and no other", minimal.testMarkedPod)
}

// formerCluster is a cluster as the former operator left it, and how it was.
type formerCluster struct {
	cluster
	members int
	objects []*unstructured.Unstructured

	pods  map[string]string
	start string // of Postgres
	state map[string]*unstructured.Unstructured
}

// former makes the manifest and the objects of a file, by plain requests under the former operator's name.
func (k kube) former(t *testing.T, file string, members int) *formerCluster {
	t.Helper()
	ctx := context.Background()
	namespace := k.namespace(t, "adoption-"+file)
	recorded, err := testenv.ReadRecorded(filepath.Join(k.repo, "testdata", "adoption", file+".txtar"))
	require.NoError(t, err)
	manifest := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(recorded.In(namespace, "").Manifest), &manifest.Object))
	manifest.SetAnnotations(map[string]string{controllerAnnotation: "former"})
	require.NoError(t, k.Create(ctx, manifest))
	status := map[string]any{"PostgresClusterStatus": apiv1.ClusterStatusRunning}
	require.NoError(t, unstructured.SetNestedMap(manifest.Object, status, "status"))
	require.NoError(t, k.Status().Update(ctx, manifest, client.FieldOwner(formerManager)))

	c := &formerCluster{cluster: k.cluster(namespace, manifest.GetName()), members: members}
	t.Cleanup(c.stop)
	c.objects, err = testenv.AsSent(recorded.In(namespace, string(manifest.GetUID())).Objects)
	require.NoError(t, err)
	for _, o := range c.objects {
		require.NoError(t, k.Create(ctx, o.DeepCopy(), client.FieldOwner(formerManager)), "%s %s", o.GetKind(), o.GetName())
	}
	return c
}

// stop ends the pods at once, which otherwise, having five minutes for it, hold up the namespace's end.
func (c *formerCluster) stop() {
	ctx := context.Background()
	for _, object := range []client.Object{&apiv1.Postgresql{}, &appsv1.StatefulSet{}} {
		_ = c.DeleteAllOf(ctx, object, client.InNamespace(c.namespace), client.PropagationPolicy(metav1.DeletePropagationOrphan))
	}
	_ = c.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(c.namespace), client.GracePeriodSeconds(0))
}

// awaitMembers waits until the pods run Postgres, whoever made them.
func (c *formerCluster) awaitMembers(t *testing.T) {
	t.Helper()
	eventually(t, boot, c.name+" runs without an operator", func(ctx context.Context) error { return c.hasMembers(ctx, c.members) })
	c.awaitQuery(t, c.primary(), "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", fmt.Sprint(c.members-1))
}

const postmasterStart = "SELECT pg_postmaster_start_time()::text"

// remember notes what must not change.
func (c *formerCluster) remember(t *testing.T) {
	t.Helper()
	c.pods, c.start, c.state = c.started(t), c.mustQuery(t, c.primary(), postmasterStart), c.live(t)
}

// handOver makes the operator under test the one that looks after the cluster.
func (c *formerCluster) handOver(t *testing.T) {
	t.Helper()
	var pg apiv1.Postgresql
	require.NoError(t, c.Get(context.Background(), c.key(c.name), &pg))
	require.Equal(t, apiv1.PostgresStatus{PostgresClusterStatus: apiv1.ClusterStatusRunning}, pg.Status, "nobody has looked after it yet")
	c.patch(t, &apiv1.Postgresql{}, c.name, `[{"op": "remove", "path": "/metadata/annotations"}]`)
}

// started tells of each container of each pod when it has started.
func (c *formerCluster) started(t *testing.T) map[string]string {
	t.Helper()
	pods, err := c.cluster.pods(context.Background())
	require.NoError(t, err)
	found := map[string]string{}
	for _, pod := range pods {
		found[pod.Name] = fmt.Sprintf("%s of revision %s", pod.UID, pod.Labels[appsv1.StatefulSetRevisionLabel])
		for _, status := range pod.Status.ContainerStatuses {
			require.NotNil(t, status.State.Running, "container %s of %s", status.Name, pod.Name)
			found[pod.Name+"/"+status.Name] = fmt.Sprintf("%s since %s", status.ContainerID, status.State.Running.StartedAt)
		}
	}
	return found
}

// live reads the objects that the former operator made.
func (c *formerCluster) live(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	found := map[string]*unstructured.Unstructured{}
	for _, made := range c.objects {
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(made.GroupVersionKind())
		require.NoError(t, c.Get(context.Background(), client.ObjectKeyFromObject(made), o))
		found[o.GetKind()+" "+o.GetName()] = o
	}
	return found
}

// testTakenOver: the operator says that all is well, and nothing has changed but who owns the fields.
func (c *formerCluster) testTakenOver(t *testing.T) {
	c.awaitRunning(t, c.members)
	c.awaitQuiet(t, 3*time.Second)
	require.Equal(t, c.pods, c.started(t))
	require.Equal(t, c.start, c.mustQuery(t, c.primary(), postmasterStart))
	require.Equal(t, "42", c.mustQuery(t, c.primary(), "SELECT answer FROM kept"))
	for id, now := range c.live(t) {
		requireSameObject(t, id, c.state[id], now)
		requireOwner(t, id, now)
	}
}

func requireSameObject(t *testing.T, id string, before, after *unstructured.Unstructured) {
	t.Helper()
	for _, o := range []**unstructured.Unstructured{&before, &after} {
		*o = (*o).DeepCopy()
		(*o).SetManagedFields(nil)
		(*o).SetResourceVersion("")
		if (*o).GetKind() == "PodDisruptionBudget" { // its status is about pods, at any time
			unstructured.RemoveNestedField((*o).Object, "status")
		}
	}
	require.Equal(t, before.Object, after.Object, id)
}

// requireOwner: whoever looks for the former operator in the fields of an object finds none. What
// serves a whole namespace stays as it was made.
func requireOwner(t *testing.T, id string, o *unstructured.Unstructured) {
	t.Helper()
	managers := map[string]bool{}
	for _, entry := range o.GetManagedFields() {
		if entry.Subresource == "" {
			managers[string(entry.Operation)+" by "+entry.Manager] = true
		}
	}
	switch o.GetKind() {
	case "ServiceAccount", "RoleBinding":
		require.NotContains(t, managers, "Apply by postgres-operator/cluster", id)
	default:
		require.Contains(t, managers, "Apply by postgres-operator/cluster", id)
		require.NotContains(t, managers, string(metav1.ManagedFieldsOperationUpdate)+" by "+formerManager, id)
	}
}

// testSecondPass: the next look at the cluster costs nothing.
func (c *formerCluster) testSecondPass(t *testing.T) {
	passes, mark := c.reconciles(t, "cluster"), markAudit(t)
	c.patch(t, &apiv1.Postgresql{}, c.name, `[{"op": "add", "path": "/metadata/labels", "value": {"look": "again"}}]`)
	eventually(t, soon, "a pass over "+c.name, func(context.Context) error {
		if c.reconciles(t, "cluster") == passes {
			return errNotYet
		}
		return nil
	})
	require.Empty(t, operatorRequests(t, mark, c.namespace))
}

// testAnnotations: new annotations of pods are put on those that run.
func (c *formerCluster) testAnnotations(t *testing.T) {
	before := c.uids(t)
	c.patch(t, &apiv1.Postgresql{}, c.name, `[{"op": "add", "path": "/spec/podAnnotations", "value": {"example.com/new": "yes"}}]`)
	eventually(t, soon, "the pods are annotated", func(ctx context.Context) error {
		pods, err := c.cluster.pods(ctx)
		for _, pod := range pods {
			if pod.Annotations["example.com/new"] != "yes" {
				err = errors.Join(err, fmt.Errorf("%s is not", pod.Name))
			}
		}
		return err
	})
	c.awaitRunning(t, c.members)
	require.Equal(t, before, c.uids(t))
}

// testEnvironment: a new variable takes new pods, with the same data.
func (c *formerCluster) testEnvironment(t *testing.T) {
	c.patch(t, &apiv1.Postgresql{}, c.name, `[{"op": "add", "path": "/spec/env/-", "value": {"name": "NEW", "value": "yes"}}]`)
	eventually(t, boot, "the pods have the variable", func(ctx context.Context) error {
		pods, err := c.cluster.pods(ctx)
		if err == nil && len(pods) != c.members {
			err = fmt.Errorf("%d pods", len(pods))
		}
		for _, pod := range pods {
			if !hasVariable(pod, "NEW") {
				err = errors.Join(err, fmt.Errorf("%s has not", pod.Name))
			}
		}
		return err
	})
	c.awaitRunning(t, c.members)
	c.awaitQuery(t, c.primary(), "SELECT answer FROM kept", "42")
}

func hasVariable(pod corev1.Pod, name string) bool {
	for _, variable := range pod.Spec.Containers[0].Env {
		if variable.Name == name {
			return true
		}
	}
	return false
}

// testMarkedPod: what the former operator had begun is brought to its end.
func (c *formerCluster) testMarkedPod(t *testing.T) {
	before := c.uids(t)
	marked := c.name + "-0"
	if c.leader(t).Name == marked {
		marked = c.name + "-1"
	}
	var pod corev1.Pod
	require.NoError(t, c.Get(context.Background(), c.key(marked), &pod))
	patch := client.MergeFrom(pod.DeepCopy())
	pod.Annotations[recreateMark] = "true"
	require.NoError(t, c.Patch(context.Background(), &pod, patch, client.FieldOwner(formerManager)))
	eventually(t, boot, marked+" is another pod", func(ctx context.Context) error {
		var now corev1.Pod
		if err := c.Get(ctx, c.key(marked), &now); err != nil {
			return err
		}
		if now.UID == pod.UID {
			return errNotYet
		}
		return nil
	})
	c.awaitRunning(t, c.members)
	after := c.uids(t)
	require.NotEqual(t, before[marked], after[marked])
	delete(before, marked)
	delete(after, marked)
	require.Equal(t, before, after)
}
