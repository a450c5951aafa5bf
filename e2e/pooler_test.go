//go:build e2e

package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestPooler switches connection poolers on for a cluster that runs, uses them, and switches them off.
// The members do not notice.
func TestPooler(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "pooler"), "acid-pooled")
	c.apply(t)
	c.awaitRunning(t, 2)
	members := c.uids(t)

	c.apply(t, smallPoolers)
	k.step(t, c.namespace, "serves", c.testPoolerServes)
	k.part(t, c.namespace, "shares connections", c.testPoolerShares)
	k.part(t, c.namespace, "follows its password", c.testPoolerPassword)
	k.part(t, c.namespace, "goes", c.testPoolerGoes)
	require.Equal(t, members, c.uids(t))
}

// smallPoolers asks for both poolers, each of one pod that fits beside all else on this machine.
func smallPoolers(t *testing.T, manifest *unstructured.Unstructured) {
	small := map[string]any{"cpu": "10m", "memory": "20Mi"}
	for _, change := range []edit{
		with(true, "spec", "enableConnectionPooler"),
		with(true, "spec", "enableReplicaConnectionPooler"),
		with(int64(1), "spec", "connectionPooler", "numberOfInstances"),
		with(map[string]any{"requests": small}, "spec", "connectionPooler", "resources"),
	} {
		change(t, manifest)
	}
}

func (c cluster) pooled(user, database string) login {
	return login{c.name + "-pooler", user, database}
}

// testPoolerServes: users of the manifest log in with their own passwords, which the pooler looks up in
// the database; the replicas' pooler leads to replicas.
func (c cluster) testPoolerServes(t *testing.T) {
	c.awaitQuery(t, c.pooled("foo_user", "foo"), "SELECT current_user", "foo_user")
	require.Equal(t, "bar", c.mustQuery(t, c.pooled("zalando", "bar"), "SELECT current_database()"))
	require.Equal(t, "false", c.mustQuery(t, c.pooled("foo_user", "foo"), "SELECT pg_is_in_recovery()"))
	replicas := login{c.name + "-pooler-repl", "foo_user", "foo"}
	c.awaitQuery(t, replicas, "SELECT pg_is_in_recovery()", "true")

	_, err := c.queryWith(context.Background(), c.pooled("foo_user", "foo"), "not the password", "SELECT 1")
	require.ErrorContains(t, err, "authentication failed")
	c.awaitRunning(t, 2)
}

// testPoolerShares: in transaction mode two clients take turns on one connection of the server.
func (c cluster) testPoolerShares(t *testing.T) {
	ctx := context.Background()
	as := c.pooled("foo_user", "foo")
	password, err := c.password(ctx, as.user)
	require.NoError(t, err)
	service, err := c.service(ctx, as.service)
	require.NoError(t, err)
	db, err := sql.Open("postgres", connectionString(*service, as, password))
	require.NoError(t, err)
	defer db.Close()
	backends := map[int]bool{}
	for range 3 {
		client, err := db.Conn(ctx)
		require.NoError(t, err)
		defer client.Close()
		var backend int
		require.NoError(t, client.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&backend))
		backends[backend] = true
	}
	require.Equal(t, 3, db.Stats().InUse, "clients")
	require.Len(t, backends, 1)
}

// testPoolerPassword: with another password in the Secret of the pooler's role, the pods that know the
// old one are replaced, and go on looking up passwords.
func (c cluster) testPoolerPassword(t *testing.T) {
	before := c.poolerPods(t)
	c.patch(t, &corev1.Secret{}, c.secretName("pooler"), `[{"op": "replace", "path": "/data/password", "value": "YW5vdGhlcg=="}]`)
	eventually(t, boot, "pods of poolers are replaced", func(ctx context.Context) error {
		for _, uid := range c.poolerPods(t) {
			if slices.Contains(before, uid) {
				return errNotYet
			}
		}
		return c.poolersAreReady(ctx)
	})
	c.awaitQuery(t, c.pooled("foo_user", "foo"), "SELECT current_user", "foo_user")
	c.awaitQuery(t, login{c.name + "-pooler-repl", "zalando", "bar"}, "SELECT current_user", "zalando")
}

func (c cluster) poolerPods(t *testing.T) []string {
	t.Helper()
	var pods corev1.PodList
	require.NoError(t, c.List(context.Background(), &pods, client.InNamespace(c.namespace), client.HasLabels{"connection-pooler"}))
	var uids []string
	for _, pod := range pods.Items {
		uids = append(uids, string(pod.UID))
	}
	return uids
}

func (c cluster) poolersAreReady(ctx context.Context) error {
	for _, name := range []string{c.name + "-pooler", c.name + "-pooler-repl"} {
		var d appsv1.Deployment
		if err := c.Get(ctx, c.key(name), &d); err != nil {
			return err
		}
		if d.Status.ReadyReplicas != 1 || d.Status.Replicas != 1 {
			return fmt.Errorf("deployment %s has %d of %d pods ready", name, d.Status.ReadyReplicas, d.Status.Replicas)
		}
	}
	return nil
}

// testPoolerGoes: nothing is left of the poolers, their Secrets included.
func (c cluster) testPoolerGoes(t *testing.T) {
	c.apply(t)
	eventually(t, boot, "poolers are gone", func(ctx context.Context) error {
		left, err := c.objects(ctx)
		left = slices.DeleteFunc(left, func(object string) bool { return !strings.Contains(object, "pooler") })
		if len(left) > 0 {
			err = errors.Join(err, fmt.Errorf("left: %s", strings.Join(left, ", ")))
		}
		return err
	})
	c.awaitRunning(t, 2)
}
