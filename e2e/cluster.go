//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
)

// Labels of the shipped configuration.
const (
	nameLabel = "cluster-name"
	roleLabel = "spilo-role"
	master    = "master"
	replica   = "replica"
)

// cluster is a Postgres cluster under test. Its manifest is the minimal one, changed by edits.
type cluster struct {
	kube
	namespace, name string
}

// edit changes a manifest before it is sent.
type edit func(*testing.T, *unstructured.Unstructured)

// with sets a field of the manifest.
func with(value any, path ...string) edit {
	return func(t *testing.T, manifest *unstructured.Unstructured) {
		require.NoError(t, unstructured.SetNestedField(manifest.Object, value, path...))
	}
}

// without removes a field of the manifest.
func without(path ...string) edit {
	return func(_ *testing.T, manifest *unstructured.Unstructured) {
		unstructured.RemoveNestedField(manifest.Object, path...)
	}
}

func instances(n int64) edit { return with(n, "spec", "numberOfInstances") }

func (k kube) cluster(namespace, name string) cluster { return cluster{k, namespace, name} }

// minimal is the minimal manifest of manifests/ under this cluster's name, edited.
func (c cluster) minimal(t *testing.T, edits ...edit) *unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.repo, "manifests", "minimal-postgres-manifest.yaml"))
	require.NoError(t, err)
	content, err = yaml.YAMLToJSON(content)
	require.NoError(t, err)
	manifest := &unstructured.Unstructured{}
	require.NoError(t, manifest.UnmarshalJSON(content))
	manifest.SetNamespace(c.namespace)
	manifest.SetName(c.name)
	for _, change := range edits {
		change(t, manifest)
	}
	return manifest
}

// tryApply sends the edited minimal manifest as a user would.
func (c cluster) tryApply(t *testing.T, edits ...edit) error {
	t.Helper()
	text, err := yaml.Marshal(c.minimal(t, edits...).Object)
	require.NoError(t, err)
	_, err = c.tryKubectl(context.Background(), string(text), "apply", "--filename=-")
	return err
}

func (c cluster) apply(t *testing.T, edits ...edit) {
	t.Helper()
	require.NoError(t, c.tryApply(t, edits...))
}

// delete removes the manifest and does not wait for anything.
func (c cluster) delete(t *testing.T) {
	t.Helper()
	c.kubectl(t, "--namespace", c.namespace, "delete", "postgresql", c.name, "--wait=false")
}

func (c cluster) get(ctx context.Context) (*apiv1.Postgresql, error) {
	var pg apiv1.Postgresql
	err := c.Get(ctx, c.key(c.name), &pg)
	return &pg, err
}

func (c cluster) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: c.namespace, Name: name}
}

// awaitRunning waits until the operator says that all is well with the manifest as it is now, and
// the pods say so, too.
func (c cluster) awaitRunning(t *testing.T, members int) {
	t.Helper()
	what := fmt.Sprintf("%s runs with %d members", c.name, members)
	eventually(t, boot, what, func(ctx context.Context) error {
		return errors.Join(c.runs(ctx), c.hasMembers(ctx, members))
	})
}

// runs reports what of the status does not yet say that all is well.
func (c cluster) runs(ctx context.Context) error {
	pg, err := c.get(ctx)
	if err != nil {
		return err
	}
	if pg.Status.PostgresClusterStatus != apiv1.ClusterStatusRunning || pg.Status.ObservedGeneration != pg.Generation {
		return fmt.Errorf("status is %q of generation %d, the manifest's is %d",
			pg.Status.PostgresClusterStatus, pg.Status.ObservedGeneration, pg.Generation)
	}
	var problems []error
	for _, kind := range []string{apiv1.ConditionRendered, apiv1.ConditionApplied, apiv1.ConditionRolledOut, apiv1.ConditionRolesSynced, apiv1.ConditionReady} {
		problems = append(problems, conditionIs(pg, kind, metav1.ConditionTrue))
	}
	return errors.Join(problems...)
}

// conditionIs reports a condition that says otherwise, or speaks of an older manifest.
func conditionIs(pg *apiv1.Postgresql, kind string, want metav1.ConditionStatus) error {
	c := meta.FindStatusCondition(pg.Status.Conditions, kind)
	switch {
	case c == nil:
		return fmt.Errorf("there is no condition %s", kind)
	case c.Status != want || c.ObservedGeneration != pg.Generation:
		return fmt.Errorf("condition %s is %s (%s: %s) of generation %d, the manifest's is %d",
			kind, c.Status, c.Reason, c.Message, c.ObservedGeneration, pg.Generation)
	}
	return nil
}

// hasMembers reports it when there are not so many ready pods, of which one leads.
func (c cluster) hasMembers(ctx context.Context, members int) error {
	pods, err := c.pods(ctx)
	if err != nil {
		return err
	}
	var roles []string
	for _, pod := range pods {
		roles = append(roles, pod.Labels[roleLabel])
	}
	want := slices.Repeat([]string{replica}, max(members-1, 0))
	if members > 0 {
		want = append([]string{master}, want...)
	}
	slices.Sort(roles)
	if !slices.Equal(roles, want) {
		return fmt.Errorf("roles of the pods are %q, not %q", roles, want)
	}
	return allReady(pods)
}

// pods of Postgres, by name.
func (c cluster) pods(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := c.List(ctx, &pods, client.InNamespace(c.namespace), client.MatchingLabels{nameLabel: c.name, "application": "spilo"})
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods.Items, err
}

// uids of the pods by name: a pod that was replaced has another.
func (c cluster) uids(t *testing.T) map[string]string {
	t.Helper()
	pods, err := c.pods(context.Background())
	require.NoError(t, err)
	uids := map[string]string{}
	for _, pod := range pods {
		uids[pod.Name] = fmt.Sprintf("%s restarted %d times", pod.UID, restarts(pod))
	}
	return uids
}

// leader is the pod that Patroni labels as the primary.
func (c cluster) leader(t *testing.T) corev1.Pod {
	t.Helper()
	pods, err := c.pods(context.Background())
	require.NoError(t, err)
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Labels[roleLabel] == master })
	require.GreaterOrEqual(t, i, 0, "no pod is labelled %s=%s", roleLabel, master)
	return pods[i]
}

// awaitGone waits until of everything in the cluster's namespace, which must be its own, only some
// objects are left: those whose "kind/name" keep accepts.
func (c cluster) awaitGone(t *testing.T, keep func(object string) bool) {
	t.Helper()
	eventually(t, boot, c.name+" is gone", func(ctx context.Context) error {
		left, err := c.objects(ctx)
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(left, keep)
		if len(left) > 0 {
			return fmt.Errorf("left: %s", strings.Join(left, ", "))
		}
		return nil
	})
}

func nothing(string) bool { return false }

// objects lists what is in the namespace as "kind/name", but for what every namespace has, what serves
// all clusters of a namespace, and history. Volumes count as long as they belong to its claims.
func (k kube) objectsIn(ctx context.Context, namespace string) ([]string, error) {
	var found []string
	for kind, list := range map[string]client.ObjectList{
		"postgresql": &apiv1.PostgresqlList{}, "statefulset": &appsv1.StatefulSetList{}, "controllerrevision": &appsv1.ControllerRevisionList{},
		"deployment": &appsv1.DeploymentList{}, "replicaset": &appsv1.ReplicaSetList{}, "cronjob": &batchv1.CronJobList{}, "job": &batchv1.JobList{},
		"pod": &corev1.PodList{}, "service": &corev1.ServiceList{}, "endpoints": &corev1.EndpointsList{}, "endpointslice": &discoveryv1.EndpointSliceList{},
		"configmap": &corev1.ConfigMapList{}, "secret": &corev1.SecretList{}, "claim": &corev1.PersistentVolumeClaimList{}, "budget": &policyv1.PodDisruptionBudgetList{},
	} {
		if err := k.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
		err := meta.EachListItem(list, func(o runtime.Object) error {
			name := o.(metav1.Object).GetName()
			if name != "kube-root-ca.crt" {
				found = append(found, kind+"/"+name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var volumes corev1.PersistentVolumeList
	if err := k.List(ctx, &volumes); err != nil {
		return nil, err
	}
	for _, volume := range volumes.Items {
		if claim := volume.Spec.ClaimRef; claim != nil && claim.Namespace == namespace {
			found = append(found, "volume/"+claim.Name)
		}
	}
	slices.Sort(found)
	return found, nil
}

func (c cluster) objects(ctx context.Context) ([]string, error) { return c.objectsIn(ctx, c.namespace) }
