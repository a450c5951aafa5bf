package roles

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

// everything asks for one of each kind.
const everything = `
metadata: {name: acid-everything}
spec:
  teamId: acid
  numberOfInstances: 1
  users:
    zalando: [superuser, createdb]
    app-user.prod: [noinherit]
    reporting: [nologin]
    db_owner: []
  databases:
    app: db_owner
    other: zalando
  preparedDatabases:
    bar:
      defaultUsers: true
      extensions: {pg_trgm: data, hstore: public}
      schemas:
        data: {}
        history: {defaultRoles: true, defaultUsers: true}
        Upper: {}
        plain: {defaultRoles: false}
    app:
      schemas: {api: {}}
  enableConnectionPooler: true
  streams:
  - {applicationId: x, database: app, tables: {t: {eventType: e}}}
`

func parse(t testing.TB, manifest string) *apiv1.Postgresql {
	t.Helper()
	var m apiv1.Postgresql
	require.NoError(t, yaml.UnmarshalStrict([]byte(manifest), &m))
	return &m
}

func configure(t *testing.T, change func(*config.Config)) config.Config {
	t.Helper()
	c := config.Default()
	if change != nil {
		change(&c)
	}
	return c
}

// passwordsFor gives every role with a Secret a password of its own.
func passwordsFor(server *testServer, set Set) Passwords {
	clear := map[string]string{}
	for _, role := range set.Roles {
		if role.NeedsSecret() {
			clear[role.Name] = "clear-text-of-" + role.Name
		}
	}
	clear[server.User] = superPassword
	return Passwords{Clear: clear}
}

// mustSync syncs and demands that nothing is left to be done and nothing went wrong.
func mustSync(t testing.TB, server *testServer, set Set, passwords Passwords) Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report, err := Sync(ctx, server.Connector, set, passwords)
	require.NoError(t, err)
	require.Equal(t, set.Problems, report.Problems)
	return report
}

func logSize(t testing.TB, server *testServer) int {
	t.Helper()
	info, err := os.Stat(server.log)
	require.NoError(t, err)
	return int(info.Size())
}

func TestSyncEverything(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		c := configure(t, func(c *config.Config) { c.AdditionalOwnerRoles = []string{"cron_admin"} })
		set := Desired(parse(t, everything), c, Extra{
			Infrastructure: []InfrastructureRole{{Name: "robot", MemberOf: []string{"zalando", ""}, Parameters: map[string]string{"log_statement": "all"}}},
			Members:        []TeamMember{{Name: "Élise O'Neil", Source: "acid"}, {Name: "boss", Superuser: true, Source: "acid"}},
		})
		require.Empty(t, set.Problems)
		passwords := passwordsFor(server, set)
		start := logSize(t, server)
		report := mustSync(t, server, set, passwords)
		require.NotEmpty(t, report.Done)

		_, length := server.logged(t, start)
		again := mustSync(t, server, set, passwords)
		require.Empty(t, again.Done)
		statements, _ := server.logged(t, length)
		require.NotEmpty(t, statements)
		require.Empty(t, written(statements), "the second sync has to be read-only")

		checkEverything(t, server)
		log, err := os.ReadFile(server.log)
		require.NoError(t, err)
		for role, clear := range passwords.Clear {
			for _, line := range strings.Split(string(log), "\n") {
				require.NotContains(t, line, clear, role)
			}
			require.NotContains(t, Plan{Statements: report.Done}.String(), clear, role)
		}
		require.NotContains(t, Plan{Statements: report.Done}.String(), scramPrefix)
	})
}

// checkEverything looks at the server with queries of its own.
func checkEverything(t *testing.T, server *testServer) {
	t.Helper()
	memberships := server.list(t, maintenance, `
		SELECT format('%s in %s%s', m.member::regrole, m.roleid::regrole, CASE WHEN m.admin_option THEN ' (admin)' ELSE '' END)
		FROM pg_auth_members m WHERE m.roleid::regrole::text !~ '^pg_' ORDER BY 1`)
	for _, want := range []string{
		"admin in zalando (admin)", "admin in bar_owner (admin)", "bar_owner in bar_reader (admin)", "bar_owner in bar_writer (admin)",
		"bar_writer in bar_reader", "bar_writer_user in bar_writer", "bar_owner_user in bar_owner", "admin in bar_owner_user (admin)",
		`bar_owner in "bar_Upper_owner" (admin)`, `"bar_Upper_owner" in "bar_Upper_reader" (admin)`,
		"db_owner in cron_admin", "bar_owner in cron_admin", `"bar_Upper_owner" in cron_admin`, "robot in zalando",
		`"Élise O'Neil" in zalandos`, `"Élise O'Neil" in admin`, "boss in zalandos",
	} {
		require.Contains(t, memberships, want)
	}
	require.NotContains(t, memberships, "boss in admin")
	require.Equal(t, []string{"app-user.prod", "reporting"}, server.list(t, maintenance,
		`SELECT rolname FROM pg_roles WHERE rolname IN ('app-user.prod', 'reporting', 'db_owner') AND (NOT rolinherit OR NOT rolcanlogin) ORDER BY 1`))
	require.Equal(t, []string{"app db_owner", "bar bar_owner", "other zalando"}, server.list(t, maintenance,
		`SELECT datname || ' ' || pg_get_userbyid(datdba) FROM pg_database WHERE datname IN ('app', 'bar', 'other') ORDER BY 1`))
	require.Equal(t, []string{`Upper bar_Upper_owner`, `data bar_data_owner`, `history bar_history_owner`, `plain bar_owner`}, server.list(t, "bar",
		`SELECT nspname || ' ' || pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname IN ('data', 'Upper', 'plain', 'history') ORDER BY 1`))
	require.Equal(t, []string{"hstore public", "pg_trgm data"}, server.list(t, "bar",
		`SELECT extname || ' ' || nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY 1`))

	// The privileges do what they are for: a reader reads what an owner makes, and cannot write.
	server.exec(t, "bar", `SET ROLE bar_history_owner_user; CREATE TABLE history.t (id serial); INSERT INTO history.t DEFAULT VALUES`)
	for _, reader := range []string{"bar_history_reader_user", "bar_reader_user"} {
		server.exec(t, "bar", `SET ROLE `+ident(reader)+`; SELECT * FROM history.t`)
		require.ErrorContains(t, server.try("bar", `SET ROLE `+ident(reader)+`; INSERT INTO history.t VALUES (7)`), "42501")
	}
	server.exec(t, "bar", `SET ROLE bar_writer_user; INSERT INTO history.t DEFAULT VALUES; DELETE FROM history.t`)

	// The pooler finds verifiers in every database, others do not.
	for _, database := range []string{"postgres", "app", "bar", "other"} {
		require.Len(t, server.list(t, database, `SET ROLE pooler; SELECT phash FROM pooler.user_lookup('zalando') WHERE phash LIKE 'SCRAM%'`), 1)
		require.ErrorContains(t, server.try(database, `SET ROLE "db_owner"; SELECT pooler.user_lookup('zalando')`), "42501")
	}
	require.NoError(t, loginAs(server, "zalando", "clear-text-of-zalando"))
	require.NoError(t, loginAs(server, "app-user.prod", "clear-text-of-app-user.prod"))
	require.ErrorContains(t, loginAs(server, "zalando", "wrong"), "28P01")
}
