//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// testOwnedObjects: what somebody deletes or changes is as before within one pass, long before the
// next resync, and no pod notices.
func (c cluster) testOwnedObjects(t *testing.T) {
	pods := c.uids(t)
	for _, owned := range []struct {
		kind client.Object
		name string
	}{
		{&corev1.Service{}, c.name},
		{&corev1.Service{}, c.name + "-repl"},
		{&policyv1.PodDisruptionBudget{}, "postgres-" + c.name + "-pdb"},
		{&policyv1.PodDisruptionBudget{}, "postgres-" + c.name + "-critical-op-pdb"},
		{&rbacv1.RoleBinding{}, "postgres-pod"},
	} {
		t.Run(fmt.Sprintf("deleted %T %s", owned.kind, owned.name), func(t *testing.T) { c.comesBack(t, owned.kind, owned.name) })
	}
	t.Run("changed service", c.testChangedService)
	t.Run("changed label of a secret", c.testChangedLabel)
	t.Run("changed statefulset", c.testChangedStatefulSet)
	c.awaitRunning(t, 2)
	require.Equal(t, pods, c.uids(t))
}

func (c cluster) comesBack(t *testing.T, object client.Object, name string) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, c.Get(ctx, c.key(name), object))
	old := object.GetUID()
	require.NoError(t, c.Delete(ctx, object))
	eventually(t, soon, name+" is back", func(ctx context.Context) error {
		if err := c.Get(ctx, c.key(name), object); err != nil {
			return err
		}
		if object.GetUID() == old {
			return errors.New("the old one is still there")
		}
		return nil
	})
}

func (c cluster) testChangedService(t *testing.T) {
	name := c.name + "-repl"
	before, err := c.service(context.Background(), name)
	require.NoError(t, err)
	c.patch(t, &corev1.Service{}, name, `[
		{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 1},
		{"op": "replace", "path": "/spec/selector/`+roleLabel+`", "value": "nobody"},
		{"op": "replace", "path": "/metadata/labels/team", "value": "others"}]`)
	eventually(t, soon, "the service is as before", func(ctx context.Context) error {
		now, err := c.service(ctx, name)
		if err != nil {
			return err
		}
		if !equality.Semantic.DeepEqual(now.Spec, before.Spec) || !maps.Equal(now.Labels, before.Labels) {
			return fmt.Errorf("labels %v, spec %v", now.Labels, now.Spec)
		}
		return nil
	})
	c.awaitQuery(t, c.replicas(), "SELECT pg_is_in_recovery()", "true")
}

// testChangedLabel: a Secret without its label is out of the operator's sight, but its place is known.
func (c cluster) testChangedLabel(t *testing.T) {
	password, err := c.password(context.Background(), "foo_user")
	require.NoError(t, err)
	c.patch(t, &corev1.Secret{}, c.secretName("foo_user"), `[{"op": "remove", "path": "/metadata/labels/`+nameLabel+`"}]`)
	eventually(t, soon, "the label is back", func(ctx context.Context) error {
		secret, err := c.secret(ctx, "foo_user")
		if err == nil && secret.Labels[nameLabel] != c.name {
			err = fmt.Errorf("labels are %v", secret.Labels)
		}
		return err
	})
	now, err := c.password(context.Background(), "foo_user")
	require.NoError(t, err)
	require.True(t, password == now, "the password changed with the label")
}

func (c cluster) testChangedStatefulSet(t *testing.T) {
	const other = "docker.io/local/other:1"
	c.patch(t, &appsv1.StatefulSet{}, c.name, `[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "`+other+`"}]`)
	eventually(t, soon, "the statefulset is as before", func(ctx context.Context) error {
		var set appsv1.StatefulSet
		if err := c.Get(ctx, c.key(c.name), &set); err != nil {
			return err
		}
		if set.Spec.Template.Spec.Containers[0].Image == other {
			return errors.New("it still has the other image")
		}
		return nil
	})
}

// testSecrets: the database follows a Secret that is changed, and one that is deleted and thereby new.
func (c cluster) testSecrets(t *testing.T) {
	as := login{c.name, "foo_user", "foo"}
	old, err := c.password(context.Background(), as.user)
	require.NoError(t, err)
	c.patch(t, &corev1.Secret{}, c.secretName(as.user), `[{"op": "replace", "path": "/data/password", "value": "Y2hhbmdlZA=="}]`)
	c.awaitQuery(t, as, "SELECT current_user", as.user)
	changed, err := c.password(context.Background(), as.user)
	require.NoError(t, err)
	require.Equal(t, "changed", changed)
	_, err = c.queryWith(context.Background(), as, old, "SELECT 1")
	require.ErrorContains(t, err, "password authentication failed")

	c.comesBack(t, &corev1.Secret{}, c.secretName(as.user))
	drawn, err := c.password(context.Background(), as.user)
	require.NoError(t, err)
	require.Len(t, drawn, 64)
	require.NotEqual(t, old, drawn)
	c.awaitQuery(t, as, "SELECT current_user", as.user)
}

func (c cluster) patch(t *testing.T, object client.Object, name, operations string) {
	t.Helper()
	object.SetNamespace(c.namespace)
	object.SetName(name)
	require.NoError(t, c.Patch(context.Background(), object, client.RawPatch(types.JSONPatchType, []byte(operations))))
}
