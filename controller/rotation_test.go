package controller

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kevents "k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/render"
	"postgres-operator/testenv/postgres"
)

// database is the PostgreSQL server of these tests, started at its first use.
var database = sync.OnceValues(func() (*postgres.Server, error) {
	bins, err := postgres.Installed(postgres.Binaries)
	if err != nil {
		return nil, err
	}
	return postgres.Start(bins[len(bins)-1], false)
})

// rotating is a cluster whose pods are one primary, whose Postgres is real, and whose clock is set by hand.
// Nothing runs by itself: a test lets one pass after the other happen, and may kill the operator in between.
type rotating struct {
	*world
	server   *postgres.Server
	renderer *render.Renderer // compiled once
	now      time.Time
	killer   *killer
	events   *kevents.FakeRecorder
}

func newRotating(t *testing.T, pairs ...string) *rotating {
	t.Helper()
	server, err := database()
	require.NoError(t, err)
	renderer, err := render.New()
	require.NoError(t, err)
	w := newWorld(t, append([]string{"enable_database_access", "true", "enable_teams_api", "false"}, pairs...)...)
	r := &rotating{
		world: w, renderer: renderer, server: server, now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
		killer: &killer{WithWatch: w.client, fatal: -1}, events: kevents.NewFakeRecorder(1000),
	}
	r.exec("postgres", postgres.Password,
		"DROP DATABASE IF EXISTS foo", "DO $$ DECLARE r record; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres' LOOP EXECUTE format('DROP OWNED BY %I', r.rolname); EXECUTE format('DROP ROLE %I', r.rolname); END LOOP; END $$",
		"CREATE ROLE standby LOGIN REPLICATION", "CREATE ROLE admin", "CREATE ROLE cron_admin", "CREATE ROLE zalandos")
	w.userSecret("postgres", map[string]string{"username": "postgres", "password": postgres.Password}, nil)
	r.pod()
	return r
}

// pod is the primary as Kubernetes and Patroni make it.
func (r *rotating) pod() {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.namespace, Name: clusterName + "-0",
			Labels: map[string]string{"application": "spilo", "cluster-name": clusterName, "spilo-role": names.RoleMaster},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "postgres", Image: "example.com/spilo:1"}}},
	}
	r.create(pod)
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	require.NoError(r, r.client.Status().Update(r.Context(), pod))
}

// killer is a client that stops working at a chosen write, before or after it has been done.
type killer struct {
	client.WithWatch
	writes int
	fatal  int // number of the write, -1 for none
	after  bool
	wrote  func()
}

var errKilled = errors.New("killed")

func (k *killer) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	return k.write(func() error { return k.WithWatch.Patch(ctx, o, patch, options...) })
}

func (k *killer) Apply(ctx context.Context, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	return k.write(func() error { return k.WithWatch.Apply(ctx, o, options...) })
}

func (k *killer) write(do func() error) error {
	n := k.writes
	k.writes++
	if k.fatal >= 0 && (n > k.fatal || n == k.fatal && !k.after) {
		return errKilled
	}
	err := do()
	if k.wrote != nil {
		k.wrote()
	}
	if err == nil && n == k.fatal {
		err = errKilled
	}
	return err
}

// pass lets each reconciler of a new operator have its turn, and tells whether it was killed.
func (r *rotating) pass() (again time.Duration, killed bool) {
	r.Helper()
	c, err := r.options.Source.Load(r.Context(), r.client)
	require.NoError(r, err)
	s := shared{
		client: r.killer, live: r.client, settings: newSettings(c, nil), now: func() time.Time { return r.now }, events: newEvents(r.events),
	}
	clusters := &cluster{shared: s, renderer: r.renderer, applier: apply.New(s.client, applyOptions()), status: s.status(names.ManagerStatus), newPassword: newPassword}
	syncer := newRoles(s)
	syncer.address = func(*apiv1.Postgresql, config.Config) (string, uint16) { return postgres.Host, r.server.Port }
	for _, reconciler := range []reconcile.Reconciler{clusters, syncer} {
		result, err := reconciler.Reconcile(r.Context(), r.request(clusterName))
		if errors.Is(err, errKilled) {
			return 0, true
		}
		if err != nil {
			r.Logf("a pass ends with: %v", err)
		}
		if again == 0 {
			again = result.RequeueAfter
		}
	}
	return again, false
}

// settle lets passes happen until one writes nothing.
func (r *rotating) settle() (again time.Duration) {
	r.Helper()
	for range 12 {
		before := r.killer.writes
		var killed bool
		if again, killed = r.pass(); killed {
			r.killer.fatal = -1 // another operator takes over
		} else if r.killer.writes == before {
			return again
		}
	}
	require.Fail(r, "it does not come to rest")
	return again
}

// content is what a role's Secret says.
func (r *rotating) content(role string) map[string]string {
	r.Helper()
	secret := r.get(secretKind, strings.ReplaceAll(role, "_", "-")+"."+clusterName+".credentials")
	require.NotNil(r, secret, role)
	text := map[string]string{}
	for key, value := range dataOf(secret) {
		text[key] = string(value)
	}
	return text
}

// put changes one key of a role's Secret by hand.
func (r *rotating) put(role, key, value string) {
	r.edit(secretKind, strings.ReplaceAll(role, "_", "-")+"."+clusterName+".credentials", func(o *unstructured.Unstructured) {
		setField(o, base64.StdEncoding.EncodeToString([]byte(value)), "data", key)
	})
}

func (r *rotating) login(user, password string) error {
	db, err := r.open(user, password)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.Ping()
}

func (r *rotating) open(user, password string) (*sql.DB, error) {
	return sql.Open("postgres", fmt.Sprintf("host=%s port=%d user=%s password=%s dbname=postgres sslmode=require", postgres.Host, r.server.Port, user, password))
}

func (r *rotating) exec(user, password string, statements ...string) {
	r.Helper()
	db, err := r.open(user, password)
	require.NoError(r, err)
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		_, err := db.Exec(statement)
		require.NoError(r, err, statement)
	}
}

// lets requires that the login which a Secret hands out works.
func (r *rotating) lets(role string) map[string]string {
	r.Helper()
	secret := r.content(role)
	require.NoError(r, r.login(secret["username"], secret["password"]), role)
	return secret
}

func (r *rotating) spec(edit func(spec map[string]any)) {
	r.Helper()
	r.change(clusterName, func(o *unstructured.Unstructured) { edit(o.Object["spec"].(map[string]any)) })
}

// TestRotation follows roles of each kind through their dates.
func TestRotation(t *testing.T) {
	r := newRotating(t, "enable_password_rotation", "true", "password_rotation_interval", "30", "password_rotation_user_retention", "10")
	m := r.minimal(clusterName)
	setField(m, map[string]any{"app": []any{}, "mine": []any{}, "still": []any{}, "zalando": []any{"superuser"}}, "spec", "users")
	setField(m, []any{"still"}, "spec", "usersIgnoringSecretRotation")
	setField(m, []any{"mine", "standby", "postgres"}, "spec", "usersWithInPlaceSecretRotation")
	r.create(m)
	again := r.settle()
	require.Greater(t, again, 20*time.Minute, "the resync comes first")
	for _, role := range []string{"app", "mine", "standby"} {
		require.Equal(t, "2026-12-29T12:00:00Z", r.lets(role)["nextRotation"], role)
	}
	for _, role := range []string{"still", "zalando"} { // zalando owns a database
		require.NotContains(t, r.lets(role), "nextRotation", role)
	}
	first, mine, super := r.content("app"), r.content("mine"), r.content("postgres")

	r.now = time.Date(2026, 12, 29, 11, 59, 30, 0, time.UTC)
	require.Equal(t, 31*time.Second, r.settle(), "the date is waited for")
	require.Equal(t, first, r.content("app"))

	r.exec("postgres", postgres.Password, "CREATE ROLE app201031 LOGIN IN ROLE app", "CREATE ROLE app261101 LOGIN IN ROLE app")
	r.now = r.now.Add(time.Minute)
	r.settle()
	require.Equal(t, map[string]string{"username": "app261229", "password": r.content("app")["password"], "nextRotation": "2027-01-28T12:00:30Z"}, r.lets("app"))
	require.NotEqual(t, first["password"], r.content("app")["password"])
	require.NoError(t, r.login("app", first["password"]), "who has the old login gets in")
	require.Equal(t, []string{"app", "app261101", "app261229"}, r.roles("app%"), "the retention is at least twice the interval")
	require.Equal(t, "mine", r.lets("mine")["username"])
	require.NotEqual(t, mine["password"], r.content("mine")["password"])
	require.ErrorContains(t, r.login("mine", mine["password"]), "28P01")
	require.Equal(t, "postgres", r.lets("postgres")["username"])
	require.NotEqual(t, super["password"], r.content("postgres")["password"])
	require.Len(t, r.content("postgres"), 3, "nothing is pending")
	var pod corev1.Pod
	require.NoError(t, r.client.Get(t.Context(), client.ObjectKey{Namespace: r.namespace, Name: clusterName + "-0"}, &pod))
	require.Equal(t, "true", pod.Annotations[names.RollingUpdateRequired], "the members know the passwords of postgres and standby")
	defer func() { // another test finds the server as it was
		r.exec("postgres", r.content("postgres")["password"], "ALTER ROLE postgres PASSWORD '"+postgres.Password+"'")
	}()

	r.configure("enable_password_rotation", "false")
	r.spec(func(spec map[string]any) {
		spec["usersWithInPlaceSecretRotation"] = []any{}
		spec["usersWithSecretRotation"] = []any{"zalando"}
	})
	second := r.content("app")
	r.settle()
	require.Equal(t, map[string]string{"username": "app", "password": r.content("app")["password"], "nextRotation": ""}, r.lets("app"))
	require.NoError(t, r.login("app261229", second["password"]), "who has the old login gets in")
	require.Empty(t, r.lets("mine")["nextRotation"])
	require.Equal(t, "2027-01-28T12:00:30Z", r.lets("zalando")["nextRotation"])
	r.now = r.now.Add(61 * 24 * time.Hour)
	r.settle()
	require.Equal(t, []string{"app"}, r.roles("app%"), "retention goes on")
	require.Equal(t, "zalando270228", r.lets("zalando")["username"])
	r.silent(first, mine, super, second, r.content("app"), r.content("zalando"))
}

func (r *rotating) roles(pattern string) []string {
	r.Helper()
	db, err := r.open("postgres", r.content("postgres")["password"])
	require.NoError(r, err)
	defer func() { _ = db.Close() }()
	var names string
	require.NoError(r, db.QueryRow("SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE $1", pattern).Scan(&names))
	return strings.Fields(names)
}

// silent requires that no password is anywhere but in Secrets: not in the operator's log, its events, the
// manifest with its status, the server's log, or the list of processes.
func (r *rotating) silent(secrets ...map[string]string) {
	r.Helper()
	places := map[string]string{"the operator's log": r.log.String()}
	for {
		select {
		case event := <-r.events.Events:
			places["events"] += event + "\n"
			continue
		default:
		}
		break
	}
	manifest, err := r.get(postgresqlKind, clusterName).MarshalJSON()
	require.NoError(r, err)
	places["the manifest"] = string(manifest)
	require.Contains(r, places["events"], `the Secret of role "app" hands out another login`)
	log, err := os.ReadFile(r.server.Log)
	require.NoError(r, err)
	places["the server's log"] = string(log)
	for _, secret := range secrets {
		if secret["password"] == postgres.Password {
			continue // the test itself set it, in clear text
		}
		for place, text := range places {
			require.False(r, strings.Contains(text, secret["password"]), "%s holds the password of %s", place, secret["username"])
		}
	}
}

// TestRotationKilledAnywhere kills the operator before and after each of its writes. At every moment the
// Secrets hand out a login that works, and all ends as it would have.
func TestRotationKilledAnywhere(t *testing.T) {
	r := newRotating(t, "enable_password_rotation", "true", "password_rotation_interval", "30")
	r.create(r.minimal(clusterName))
	r.settle()
	finished := false
	for fatal := 0; !finished; fatal++ {
		require.Less(t, fatal, 20)
		for _, after := range []bool{false, true} {
			r.killer.fatal = -1
			app, own := fmt.Sprintf("app%d%v", fatal, after), fmt.Sprintf("own%d%v", fatal, after)
			r.spec(func(spec map[string]any) {
				spec["users"] = map[string]any{"zalando": []any{"superuser"}, app: []any{"createdb"}, own: []any{}}
				spec["usersWithInPlaceSecretRotation"] = []any{own, "standby"}
			})
			r.settle()
			old := r.lets(app)
			r.put(app, "nextRotation", r.now.Add(-time.Hour).Format(time.RFC3339))
			r.put(own, "nextRotation", r.now.Add(-time.Hour).Format(time.RFC3339))
			r.put("standby", "nextRotation", r.now.Add(-time.Hour).Format(time.RFC3339))
			r.killer.writes, r.killer.fatal, r.killer.after = 0, fatal, after
			r.killer.wrote = func() { r.lets(app) }
			r.settle()
			r.killer.wrote = nil
			finished = r.killer.writes <= fatal

			require.Equal(t, app+"261129", r.lets(app)["username"])
			require.NoError(t, r.login(app, old["password"]))
			require.Equal(t, own, r.lets(own)["username"])
			for _, role := range []string{app, own, "standby"} {
				secret := r.lets(role)
				require.Equal(t, "2026-12-29T12:00:00Z", secret["nextRotation"])
				require.Len(t, secret, 3, "nothing is pending")
			}
		}
	}
}
