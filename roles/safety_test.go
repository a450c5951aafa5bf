package roles

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

// payloads try to leave the place where a name or a value stands: every way out, with everything that
// could be done outside.
func payloads() []string {
	var all []string
	for _, way := range []string{`x"`, `x'`, `x\"`, `x\'`, `"`, `'`, `x')`, `x")`, `x$$`, `U&"\0022`, `日本"`, `E'\''`} {
		for _, act := range []string{"; DROP ROLE canary; --", " WITH SUPERUSER; --", ", canary; --", "; ALTER ROLE app SUPERUSER; /*", " IN ROLE postgres; --"} {
			all = append(all, way+act)
		}
	}
	all = append(all, oddNames()...)
	return append(all, "x\x00y", "pg_x", "public", "none", "", strings.Repeat("x", 64))
}

// oddNames are hard to quote, and possible.
func oddNames() []string {
	return []string{
		`x"; DROP ROLE canary; --`, `x'; DROP ROLE canary; --`, `x\"; DROP ROLE canary; --`, `x\'; DROP ROLE canary; --`,
		`"`, `""`, `'`, `''`, `\`, `\\`, `;`, `--`, `/*`, `*/`, `$$`, `$x$`, `%s`, `{}`, `x" WITH SUPERUSER; --`,
		`x" SUPERUSER PASSWORD 'y`, `postgres" --`, `E'\''; DROP ROLE canary; --'`, "x\ny", "x\ty", "x\r", " x ", `U&"\0441"`,
		`x') ; DROP ROLE canary; --`, `x", canary; --`, `x" IN ROLE postgres --`, `x"; ALTER ROLE x SUPERUSER; --`, `日本"; DROP ROLE canary; --`,
		strings.Repeat(`"`, 63), strings.Repeat("ü", 31) + "x", strings.Repeat("x", 63),
	}
}

// Whatever stands in a field of the manifest, of the configuration or of a team: it changes its own object or
// is refused.
func TestInjectionThroughFields(t *testing.T) {
	all := payloads()
	require.GreaterOrEqual(t, len(all), 100)
	onEachServer(t, func(t *testing.T, server *testServer) {
		server.exec(t, maintenance, "CREATE ROLE canary")
		known := map[string]bool{"canary": true, "admin": true, "cron_admin": true, "zalandos": true} // of all rounds
		try := func(manifest *apiv1.Postgresql, c config.Config, x Extra, clear string) {
			set := Desired(manifest, c, x)
			passwords := passwordsFor(server, set)
			for role := range passwords.Clear {
				if role != server.User {
					passwords.Clear[role] = clear
				}
			}
			report, err := Sync(t.Context(), server.byHand, set, passwords)
			require.NoError(t, err)
			for _, problem := range report.Problems {
				require.NotContains(t, problem.Reason, "syntax error", problem.Error())
			}
			for _, role := range set.Roles {
				known[role.Name] = true
			}
			unharmed(t, server, known)
		}
		manifest, c, x := everywhere(all)
		try(manifest, c, x, "clear")
		server.reset(t)
		server.exec(t, maintenance, "CREATE ROLE canary")
		for _, payload := range all {
			manifest, c, x := inSingleFields(payload)
			try(manifest, c, x, payload+"x")
		}
	})
}

// everywhere has every payload in every list and map.
func everywhere(all []string) (*apiv1.Postgresql, config.Config, Extra) {
	c, x := config.Default(), Extra{}
	m := &apiv1.Postgresql{ObjectMeta: metav1.ObjectMeta{Name: "acid-injection"}}
	m.Spec.Users = map[string]apiv1.UserFlags{"ok": {}, "app": nil}
	m.Spec.Databases = map[string]string{"good": "ok"}
	prepared := apiv1.PreparedDatabase{Extensions: map[string]string{}, PreparedSchemas: map[string]apiv1.PreparedSchema{"data": {}}}
	m.Spec.PreparedDatabases = map[string]apiv1.PreparedDatabase{}
	c.TeamAPIRoleConfiguration = map[string]string{}
	for i, payload := range all {
		m.Spec.Users[payload], m.Spec.Users[fmt.Sprintf("user%d", i)] = apiv1.UserFlags{}, apiv1.UserFlags{payload}
		m.Spec.Databases[payload], m.Spec.Databases[fmt.Sprintf("db%d", i)] = "ok", payload
		m.Spec.PreparedDatabases[payload] = apiv1.PreparedDatabase{}
		prepared.Extensions[payload], prepared.PreparedSchemas[payload] = payload, apiv1.PreparedSchema{}
		m.Spec.Streams = append(m.Spec.Streams, apiv1.Stream{
			ApplicationID: payload, Database: payload, Tables: map[string]apiv1.StreamTable{payload: {EventType: payload}},
		}, apiv1.Stream{ApplicationID: payload, Database: "good", Tables: map[string]apiv1.StreamTable{payload: {EventType: payload}}})
		m.Spec.UsersWithSecretRotation = append(m.Spec.UsersWithSecretRotation, payload)
		c.AdditionalOwnerRoles = append(c.AdditionalOwnerRoles, payload)
		c.TeamAPIRoleConfiguration[payload] = payload
		x.Infrastructure = append(x.Infrastructure,
			InfrastructureRole{Name: payload, MemberOf: []string{payload, "app"}, AdminRole: payload, DatabaseOwner: i%2 == 0, Source: payload, Parameters: map[string]string{payload: payload, "my.x": payload}},
			InfrastructureRole{Name: fmt.Sprintf("robot%d", i), Flags: []string{payload}})
		x.Members = append(x.Members, TeamMember{Name: payload, Source: payload})
		x.Former = append(x.Former, payload+"former")
	}
	m.Spec.PreparedDatabases["prep"] = prepared
	x.Streams = true
	return m, c, x
}

// inSingleFields has a payload in each field that holds one value.
func inSingleFields(payload string) (*apiv1.Postgresql, config.Config, Extra) {
	c := config.Default()
	c.TeamAdminRole, c.PamRoleName, c.RoleDeletionSuffix = payload, payload, payload
	c.ConnectionPoolerUser, c.ConnectionPoolerSchema = payload, payload
	c.EnableTeamMemberDeprecation, c.EnableAdminRoleForUsers = true, true
	c.TeamAPIRoleConfiguration = map[string]string{"log_statement": payload, "search_path": payload, "my.x": payload}
	m := &apiv1.Postgresql{ObjectMeta: metav1.ObjectMeta{Name: "acid-injection"}}
	m.Spec.Users = map[string]apiv1.UserFlags{"app": {}}
	m.Spec.ConnectionPooler = &apiv1.ConnectionPooler{User: payload, Schema: payload}
	m.Spec.Postgresql.Parameters = map[string]string{"password_encryption": payload}
	return m, c, Extra{Members: []TeamMember{{Name: "member", Source: payload}}, Former: []string{"former"}}
}

// unharmed checks that the server has nothing that is not asked for by name.
func unharmed(t *testing.T, server *testServer, known map[string]bool) {
	t.Helper()
	require.Equal(t, []string{"canary"}, server.list(t, maintenance, "SELECT rolname FROM pg_roles WHERE rolname = 'canary'"))
	require.Equal(t, []string{"postgres"}, server.list(t, maintenance, "SELECT rolname FROM pg_roles WHERE rolsuper"))
	for _, name := range server.list(t, maintenance, `SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'`) {
		require.True(t, known[name], "role %q is nobody's", name)
	}
}

// Below the checks of Desired, all SQL quotes: odd names are made as they are.
func TestOddNamesAreQuoted(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		for i, name := range oddNames() {
			value := strings.ReplaceAll(name, "\x00", "")
			set := Set{
				Roles: []Role{
					{Name: name, Kind: Team, Flags: []string{"LOGIN"}, Parameters: map[string]string{"my.value": value, "search_path": ident(name)}},
					{Name: name + "2"[:min(1, 63-len(name))], Kind: Infrastructure, Flags: []string{"LOGIN"}, MemberOf: []string{name}, AdminRole: "admin"},
				},
				Lookup: &Lookup{Schema: name, Role: name},
			}
			if len(name) == 63 {
				set.Roles = set.Roles[:1]
			}
			if i%6 == 0 { // databases take time
				set.Databases = []Database{{
					Name: name, Owner: name, Schemas: []Schema{{Name: name, Owner: name, Usage: []string{name}}, {Name: "s", Owner: name}},
					Extensions: []Extension{{Name: "hstore", Schema: name}},
					Defaults:   []DefaultPrivilege{{Creator: name, Schema: name, Object: Tables, Grantee: "admin", Privileges: []string{"SELECT"}}},
				}}
			}
			clear := map[string]string{}
			for _, role := range set.Roles {
				clear[role.Name] = name
			}
			report, err := Sync(t.Context(), server.Connector, set, Passwords{Clear: clear})
			require.NoError(t, err, name)
			require.Empty(t, report.Problems, name)
			require.Equal(t, []string{name}, server.list(t, maintenance, "SELECT rolname FROM pg_roles WHERE rolname = $1", name))
			again, err := Sync(t.Context(), server.Connector, set, Passwords{Clear: clear})
			require.NoError(t, err)
			require.Empty(t, Plan{Statements: again.Done}.String(), name)
			for _, database := range set.Databases { // the look-up function is wanted in each
				server.exec(t, maintenance, "DROP DATABASE "+ident(database.Name))
			}
		}
	})
}

// One thing that fails takes only those with it that need it, and is told with what to do.
func TestFailuresStopNoOthers(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		server.exec(t, maintenance, "CREATE ROLE locked", "DROP ROLE zalandos", "CREATE ROLE circle", "CREATE DATABASE closed ALLOW_CONNECTIONS false")
		set := Desired(parse(t, `
metadata: {name: acid-failures}
spec:
  users: {good: [], locked: [createdb], empty: [], without: []}
  databases: {good: good, owned: without}
  preparedDatabases:
    prep: {extensions: {no_such_extension: public, plpgsql: public, hstore: nowhere, citext: public}}
    closed: {}
`), configure(t, nil), Extra{
			Infrastructure: []InfrastructureRole{
				{Name: "bad-value", Parameters: map[string]string{"work_mem": "a lot", "log_statement": "all"}},
				{Name: "circle", MemberOf: []string{"circle2"}}, {Name: "circle2", MemberOf: []string{"circle"}},
			},
			Members: []TeamMember{{Name: "member"}},
		})
		require.Empty(t, set.Problems)
		passwords := passwordsFor(server, set)
		delete(passwords.Clear, "without")
		passwords.Clear["empty"] = ""
		release := hold(t, server, "ALTER ROLE locked CREATEROLE")
		impatient := server.Connector
		impatient.LockTimeout = 100 * time.Millisecond
		report, err := Sync(t.Context(), impatient, set, passwords)
		require.NoError(t, err)
		var problems []string
		for _, problem := range report.Problems {
			problems = append(problems, problem.Error())
		}
		require.Equal(t, []string{
			`infrastructure_roles_secrets: role "bad-value": set: invalid value for parameter "work_mem": "a lot"; correct the value (SQLSTATE 22023)`,
			`infrastructure_roles_secrets: role "circle2": grant: role "circle" is a member of role "circle2"; memberships would go in a circle; revoke the one that stands against it (SQLSTATE 0LP01)`,
			`role "zalandos": does not exist, but role "member" and perhaps others refer to it; create it, as Spilo's bootstrap does, or take it out of the configuration`,
			`spec.preparedDatabases[closed]: database "closed": does not allow connections (datallowconn is off), so nothing in it can be set up`,
			`spec.preparedDatabases[prep].extensions[hstore]: extension "hstore" in database "prep": create: schema "nowhere" does not exist; name an existing schema, or add it to the schemas of the prepared database (SQLSTATE 3F000)`,
			`spec.preparedDatabases[prep].extensions[no_such_extension]: extension "no_such_extension" in database "prep": create: extension "no_such_extension" is not available; the image does not have this extension, or its version of Postgres does not allow this (SQLSTATE 0A000)`,
			`spec.preparedDatabases[prep].extensions[plpgsql]: extension "plpgsql" in database "prep": is in schema "pg_catalog" and cannot be moved to schema "public": the extension is not relocatable`,
			`spec.users[empty]: role "empty": its Secret has an empty password, which is not allowed; until then the role stays as it is`,
			`spec.users[locked]: role "locked": alter: canceling statement due to lock timeout; another session holds a lock; the next sync tries again (SQLSTATE 55P03)`,
			`spec.users[without]: role "without": there is no Secret with its password yet; until then the role stays as it is`,
		}, problems)
		require.Equal(t, []string{"good", "prep"}, server.list(t, maintenance, "SELECT datname FROM pg_database WHERE datname IN ('good', 'prep', 'owned') ORDER BY 1"))
		require.Equal(t, []string{"citext", "plpgsql"}, server.list(t, "prep", "SELECT extname FROM pg_extension ORDER BY 1"))
		require.NoError(t, loginAs(server, "good", "clear-text-of-good"))

		release()
		server.exec(t, maintenance, "CREATE ROLE zalandos")
		passwords.Clear["without"], passwords.Clear["empty"] = "now", "now"
		report, err = Sync(t.Context(), impatient, set, passwords)
		require.NoError(t, err)
		require.Len(t, report.Problems, 6)
		require.Equal(t, []string{"owned"}, server.list(t, maintenance, "SELECT datname FROM pg_database WHERE datname = 'owned'"))
	})
}

// hold runs a statement in a transaction that stays open until release.
func hold(t *testing.T, server *testServer, statement string) (release func()) {
	t.Helper()
	db, err := server.Open(maintenance)
	require.NoError(t, err)
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(statement)
	require.NoError(t, err)
	release = func() {
		_ = tx.Rollback()
		_ = db.Close()
	}
	t.Cleanup(release)
	return release
}

func TestServersThatCannotBeUsed(t *testing.T) {
	set := Desired(parse(t, "metadata: {name: acid-x}"), configure(t, nil), Extra{})
	onEachServer(t, func(t *testing.T, server *testServer) {
		standby, err := startServer(server.bin, true)
		require.NoError(t, err)
		defer standby.stop()
		_, err = Sync(t.Context(), standby.Connector, set, passwordsFor(server, set))
		require.ErrorIs(t, err, ErrStandby)

		wrong := server.Connector
		wrong.Password = "a-wrong-password"
		_, err = Sync(t.Context(), wrong, set, passwordsFor(server, set))
		require.ErrorContains(t, err, "28P01")
		require.NotContains(t, err.Error(), wrong.Password)

		plan := Plan{Statements: []Statement{
			{Item: "first", Action: "cut", sql: "SELECT pg_terminate_backend(pg_backend_pid())"}, {Item: "second", sql: "SELECT 1"},
		}}
		report := Execute(t.Context(), server.Connector, plan)
		require.Len(t, report.Problems, 1)
		require.Contains(t, report.Problems[0].Reason, "stopped before the last statement: first: cut: ")
		require.Equal(t, 1, report.Skipped)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		report = Execute(ctx, server.Connector, plan)
		require.Equal(t, 2, report.Skipped)
		require.Contains(t, report.Problems[0].Reason, "context canceled")
	})

	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	deaf := Connector{Host: "127.0.0.1", Port: uint16(silent.Addr().(*net.TCPAddr).Port), User: "postgres", Password: "x", ConnectTimeout: 300 * time.Millisecond}
	started := time.Now()
	_, err = Sync(t.Context(), deaf, set, Passwords{})
	require.Error(t, err)
	require.Less(t, time.Since(started), 5*time.Second)
}

func TestNothingPrintsPasswords(t *testing.T) {
	const secret = "very-secret"
	verifier, err := newVerifier("app", secret, true, nil)
	require.NoError(t, err)
	role := Role{Name: "app", Kind: Manifest, Flags: []string{"LOGIN"}, Field: "spec.users[app]"}
	plan := Diff(Set{Roles: []Role{role}, MD5: true}, State{}, Passwords{Clear: map[string]string{"app": secret}})
	require.Equal(t, "CREATE ROLE \"app\" WITH LOGIN PASSWORD '***';\n", plan.String())
	for _, value := range []any{
		plan, plan.Statements, Passwords{Clear: map[string]string{"app": secret}}, Connector{Host: "h", Port: 1, User: "u", Password: secret},
		State{Roles: map[string]ActualRole{"app": {Verifier: verifier}}}, Report{Done: plan.Statements},
	} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			text := fmt.Sprintf(format, value)
			require.NotContains(t, text, secret, format)
			require.NotContains(t, text, string(verifier), format)
		}
	}
}
