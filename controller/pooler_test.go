package controller

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
	"postgres-operator/overlay"
	"postgres-operator/render"
)

const poolerName = clusterName + "-pooler"

// setPoolers is an edit of a manifest.
func setPoolers(primary, replica bool) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		setField(o, primary, "spec", "enableConnectionPooler")
		setField(o, replica, "spec", "enableReplicaConnectionPooler")
	}
}

// poolerObjects are the objects of a cluster's poolers and of their role.
func (w *world) poolerObjects() []string {
	w.Helper()
	return slices.DeleteFunc(w.objects(clusterName), func(o string) bool { return !strings.Contains(o, "pooler") })
}

func (w *world) poolersBecome(objects ...string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) { assert.ElementsMatch(c, objects, w.poolerObjects()) }, "the objects of poolers")
}

func TestPoolersComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	others := w.objects(clusterName)
	require.Empty(t, w.poolerObjects())

	w.change(clusterName, setPoolers(true, true))
	both := []string{
		"Deployment acid-test-pooler", "Deployment acid-test-pooler-repl",
		"Service acid-test-pooler", "Service acid-test-pooler-repl",
		"Secret acid-test-pooler-repl-u", "Secret acid-test-pooler-u", "Secret pooler.acid-test.credentials",
	}
	w.poolersBecome(both...)
	password := w.password("pooler")
	require.Equal(t, `"pooler" "`+password+"\"\n", string(dataOf(w.get(secretKind, poolerName+"-u"))["userlist.txt"]))
	w.reaches(clusterName, apiv1.ClusterStatusRunning)

	w.change(clusterName, setPoolers(true, false))
	w.poolersBecome("Deployment acid-test-pooler", "Service acid-test-pooler", "Secret acid-test-pooler-u", "Secret pooler.acid-test.credentials")
	require.Equal(t, password, w.password("pooler"))

	w.change(clusterName, setPoolers(false, false))
	w.poolersBecome()
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.Equal(t, others, w.objects(clusterName))

	w.change(clusterName, setPoolers(true, true))
	w.poolersBecome(both...)
	require.NotEqual(t, password, w.password("pooler"))
}

func TestPoolersCostNothingWhenIdle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manifest := w.minimal(clusterName)
	setPoolers(true, true)(manifest)
	setField(manifest, "pg-tls", "spec", "tls", "secretName")
	setField(manifest, map[string]any{"cpu": "1000m"}, "spec", "connectionPooler", "resources", "requests")
	w.create(manifest)
	scheme, err := newScheme()
	require.NoError(t, err)
	recorded, err := client.New(w.options.REST, client.Options{Scheme: scheme})
	require.NoError(t, err)
	r := w.reconciler(recorded)
	for range 2 {
		_, err := r.Reconcile(t.Context(), w.request(clusterName))
		require.NoError(t, err)
	}
	require.NotEmpty(t, w.env.Requests.Writes())
	require.Len(t, w.poolerObjects(), 7)

	w.env.Requests.Reset()
	_, err = r.Reconcile(t.Context(), w.request(clusterName))
	require.NoError(t, err)
	require.NotEmpty(t, w.env.Requests.All())
	require.Empty(t, w.env.Requests.Writes())
}

// A user of the manifest may be called like the poolers' role; its Secret is then a user's, and stays.
func TestUserWithTheNameOfThePoolersRoleKeepsItsSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	w.change(clusterName, func(o *unstructured.Unstructured) { setField(o, []any{}, "spec", "users", "pooler") })
	password := w.password("pooler")
	w.change(clusterName, setPoolers(false, false))
	w.change(clusterName, setReplicas(1))
	w.eventually(func(c *assert.CollectT) {
		assert.EqualValues(c, 1, replicasOf(w.get(statefulSetKind, clusterName)))
	}, "a pass after the change")
	require.Equal(t, password, w.password("pooler"))
}

func TestUserListsGoWithTheClusterWhereSecretsStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_secrets_deletion", "false")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.change(clusterName, setPoolers(true, false))
	w.appears(deploymentKind, poolerName)
	w.delete(postgresqlKind, clusterName)
	w.gone(clusterName,
		"Secret foo-user.acid-test.credentials", "Secret pooler.acid-test.credentials", "Secret postgres.acid-test.credentials",
		"Secret standby.acid-test.credentials", "Secret zalando.acid-test.credentials")
}

// PgBouncer reads its password at its start alone.
func TestAnotherPasswordReplacesPoolerPods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	w.change(clusterName, setPoolers(true, false))
	deployment := w.appears(deploymentKind, poolerName)
	first := deployment.GetAnnotations()[names.UserListDigest]
	require.NotEmpty(t, first)
	require.Empty(t, templateDigest(deployment), "its pods have read the list that there is")
	password := w.password("pooler")

	change := func(password string) {
		w.edit(secretKind, "pooler.acid-test.credentials", func(o *unstructured.Unstructured) {
			setField(o, base64.StdEncoding.EncodeToString([]byte(password)), "data", "password")
		})
		w.eventually(func(c *assert.CollectT) {
			list := string(dataOf(w.get(secretKind, poolerName+"-u"))["userlist.txt"])
			assert.Equal(c, `"pooler" "`+password+"\"\n", list)
		}, "the user list follows")
	}
	change("another")
	w.eventually(func(c *assert.CollectT) {
		deployment = w.get(deploymentKind, poolerName)
		assert.NotEmpty(c, templateDigest(deployment))
		assert.NotEqual(c, first, templateDigest(deployment))
		assert.Equal(c, first, deployment.GetAnnotations()[names.UserListDigest])
	}, "the template says that there is another list")

	w.change(clusterName, setReplicas(1))
	generation := deployment.GetGeneration()
	w.stays(func() bool { return w.get(deploymentKind, poolerName).GetGeneration() == generation }, "one restart is enough")

	change(password)
	w.eventually(func(c *assert.CollectT) { assert.Empty(c, templateDigest(w.get(deploymentKind, poolerName))) }, "back to the first list")
}

func templateDigest(deployment *unstructured.Unstructured) string {
	annotations, _, _ := unstructured.NestedStringMap(deployment.Object, "spec", "template", "metadata", "annotations")
	return annotations[names.UserListDigest]
}

// Whoever scales a pooler may go on doing so where an overlay leaves the number to them.
func TestAutoscalerOfAPoolerIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manifest := w.minimal(clusterName)
	setPoolers(true, false)(manifest)
	w.create(manifest)
	r := w.reconciler(w.client)
	var err error
	r.renderer, err = render.New(overlay.Overlay{Name: "overlay", Files: []overlay.File{{Name: "autoscaler.cue", Content: []byte(`package templates

pooler: [string]: deployment: spec: replicas: null
`)}}})
	require.NoError(t, err)
	pass := func() {
		t.Helper()
		_, err := r.Reconcile(t.Context(), w.request(clusterName))
		require.NoError(t, err)
	}
	pass()
	w.edit(deploymentKind, poolerName, func(o *unstructured.Unstructured) { setField(o, int64(5), "spec", "replicas") })
	pass()
	w.change(clusterName, func(o *unstructured.Unstructured) {
		setField(o, "registry.example.com/pgbouncer:next", "spec", "connectionPooler", "dockerImage")
	})
	pass()
	deployment := w.typedDeployment(poolerName)
	require.EqualValues(t, 5, *deployment.Spec.Replicas)
	require.Equal(t, "registry.example.com/pgbouncer:next", deployment.Spec.Template.Spec.Containers[0].Image)

	r.renderer, err = render.New()
	require.NoError(t, err)
	pass()
	require.EqualValues(t, 2, *w.typedDeployment(poolerName).Spec.Replicas, "without the overlay it is ours")
}

func (w *world) typedDeployment(name string) *appsv1.Deployment {
	w.Helper()
	var deployment appsv1.Deployment
	require.NoError(w, w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &deployment))
	return &deployment
}

// A Deployment that somebody has made under the name of the pooler becomes the pooler.
func TestForeignDeploymentBecomesThePooler(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	for name, selector := range map[string]map[string]string{
		poolerName:           {"application": "db-connection-pooler", "cluster-name": clusterName, "connection-pooler": poolerName},
		poolerName + "-repl": {"cluster-name": clusterName}, // which Kubernetes lets nobody change
	} {
		one := int32(1)
		w.create(&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name, Labels: map[string]string{"cluster-name": clusterName}},
			Spec: appsv1.DeploymentSpec{
				Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: selector},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: selector},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "connection-pooler", Image: "other"}}},
				},
			},
		})
	}
	w.change(clusterName, setPoolers(true, true))
	for _, name := range []string{poolerName, poolerName + "-repl"} {
		w.eventually(func(c *assert.CollectT) {
			deployment := w.get(deploymentKind, name)
			if !assert.NotNil(c, deployment) {
				return
			}
			assert.EqualValues(c, 2, replicasOf(deployment))
			labels, _, _ := unstructured.NestedStringMap(deployment.Object, "spec", "selector", "matchLabels")
			assert.Equal(c, name, labels["connection-pooler"])
		}, "%s is as rendered", name)
	}
}

func TestPoolerPodsAreNoMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cluster_labels", "kind:pg")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	for _, name := range []string{"marked", "other"} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "pooler-" + name, Labels: map[string]string{
				"kind": "pg", "cluster-name": clusterName, "spilo-role": "master", "connection-pooler": poolerName, "application": "db-connection-pooler",
			}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "connection-pooler", Image: "pgbouncer"}}},
		}
		if name == "marked" {
			pod.Annotations = map[string]string{names.RollingUpdateRequired: "true"}
		}
		w.create(pod)
	}
	w.eventually(func(c *assert.CollectT) {
		assert.NotContains(c, w.pods(clusterName), "pooler-marked")
	}, "a pod that is marked for a restart is deleted")
	require.Contains(t, w.pods(clusterName), "pooler-other")
	pg := w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.Equal(t, "True PrimaryAndReplicasReady: 2 of 2 members are ready", condition(pg, apiv1.ConditionReady))
}

func TestConditionsTellOfPoolers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.change(clusterName, setPoolers(true, false))
	w.appears(deploymentKind, poolerName)
	ofProgress := func(status corev1.ConditionStatus, reason string) appsv1.DeploymentCondition {
		return appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: status, Reason: reason}
	}
	fine := "False AsExpected: nothing needs attention"
	w.create(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "pooler-6d4cf56db6-x2x9k", Labels: map[string]string{
			"application": "db-connection-pooler", "cluster-name": clusterName, "connection-pooler": poolerName,
		}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "connection-pooler", Image: "pgbouncer"}}},
	})
	w.podWaits("pooler-6d4cf56db6-x2x9k", "ErrImagePull")
	const pulling = "; container connection-pooler of a pod waits: ImagePullBackOff"
	for _, tt := range []struct {
		status                appsv1.DeploymentStatus
		progressing, degraded string
	}{
		{
			appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1, Conditions: []appsv1.DeploymentCondition{ofProgress(corev1.ConditionTrue, "ReplicaSetUpdated")}},
			"True PoolerStarting: connection pooler acid-test-pooler has 1 of 2 pods up to date and available" + pulling, fine,
		},
		{
			appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1, Conditions: []appsv1.DeploymentCondition{ofProgress(corev1.ConditionFalse, "ProgressDeadlineExceeded")}},
			"True PoolerStarting: connection pooler acid-test-pooler has 1 of 2 pods up to date and available" + pulling,
			"True NeedsAttention: connection pooler acid-test-pooler has 1 of 2 pods up to date and available" + pulling,
		},
		{
			appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 2, AvailableReplicas: 3, Conditions: []appsv1.DeploymentCondition{ofProgress(corev1.ConditionTrue, "ReplicaSetUpdated")}},
			"True PoolerStarting: connection pooler acid-test-pooler has 2 of 2 pods up to date and available, and 1 of an older template" + pulling, fine,
		},
		{
			appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2, Conditions: []appsv1.DeploymentCondition{ofProgress(corev1.ConditionTrue, "NewReplicaSetAvailable")}},
			"False AsDesired: nothing is changing", fine,
		},
		{
			appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 0, Conditions: []appsv1.DeploymentCondition{ofProgress(corev1.ConditionTrue, "NewReplicaSetAvailable")}},
			"True PoolerStarting: connection pooler acid-test-pooler has 0 of 2 pods up to date and available" + pulling,
			"True NeedsAttention: connection pooler acid-test-pooler has 0 of 2 pods up to date and available" + pulling,
		},
	} {
		deployment := w.typedDeployment(poolerName)
		deployment.Status = tt.status
		deployment.Status.ObservedGeneration = deployment.Generation
		deployment.Status.ReadyReplicas = tt.status.AvailableReplicas
		require.NoError(t, w.client.Status().Update(context.Background(), deployment))
		w.eventually(func(c *assert.CollectT) {
			pg := w.cluster(clusterName)
			assert.Equal(c, tt.progressing, condition(pg, apiv1.ConditionProgressing))
			assert.Equal(c, tt.degraded, condition(pg, apiv1.ConditionDegraded))
			assert.Equal(c, apiv1.ClusterStatusRunning, pg.Status.PostgresClusterStatus)
		}, "the conditions follow")
	}
}

func (w *world) podWaits(name, reason string) {
	w.Helper()
	var pod corev1.Pod
	require.NoError(w, w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &pod))
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: pod.Spec.Containers[0].Name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}},
	}}
	require.NoError(w, w.client.Status().Update(w.Context(), &pod))
}
