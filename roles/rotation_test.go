package roles

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func day(t *testing.T, date string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, date)
	require.NoError(t, err)
	return d
}

func TestDatedLogins(t *testing.T) {
	login, err := DatedLogin("app", day(t, "2026-11-29"))
	require.NoError(t, err)
	require.Equal(t, "app261129", login)
	made, ok := LoginDay("app", login)
	require.True(t, ok)
	require.Equal(t, day(t, "2026-11-29"), made)
	for _, other := range []string{"app", "app2", "app261350", "app2611290", "xapp261129", "app 61129", "app-61129"} {
		_, ok := LoginDay("app", other)
		require.False(t, ok, other)
	}
	_, err = DatedLogin(strings.Repeat("x", 58), day(t, "2026-11-29"))
	require.ErrorContains(t, err, "leaves no room for a date")
}

func TestRotatedAddsLogins(t *testing.T) {
	set := Desired(parse(t, `{metadata: {name: acid-x}, spec: {users: {app: [createdb, noinherit], app261129: []}}}`), configure(t, nil), Extra{})
	rotated := set.Rotated([]Rotation{
		{Role: "app", KeepsPassword: true, Logins: []string{"app261129", "app261130"}}, {Role: "gone", Logins: []string{"gone261129"}},
	})
	require.Equal(t, "role app (manifest): CREATEDB LOGIN NOINHERIT; admin admin; secret", strings.Split(describeSet(rotated), "\n")[0])
	require.Equal(t, "role app261129 (manifest): LOGIN; admin admin; secret", strings.Split(describeSet(rotated), "\n")[1], "the name is taken")
	require.Equal(t, "role app261130 (manifest): CREATEDB INHERIT LOGIN; in app; admin admin; secret", strings.Split(describeSet(rotated), "\n")[2])
	role, _ := rotated.Role("app")
	require.True(t, role.KeepsPassword)
	role, _ = set.Role("app")
	require.False(t, role.KeepsPassword, "the Set it was made from stays as it is")
}

const rotating = `
metadata: {name: acid-rotating}
spec:
  users: {app: [createdb], app2: [], app200102: [], quiet: [noinherit]}
  databases: {data: app2}
`

// TestRotationKeepsEverybodyIn goes through the life of a rotating role: at each step the logins that
// were handed out before still work.
func TestRotationKeepsEverybodyIn(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		set := Desired(parse(t, rotating), configure(t, nil), Extra{})
		passwords := passwordsFor(server, set)
		mustSync(t, server, set, passwords)
		server.exec(t, maintenance, `ALTER ROLE app SET search_path TO "$user", Data`, `ALTER ROLE app SET my.quoted TO '''it''s'''`, `ALTER ROLE app SET log_statement TO 'all'`)
		server.exec(t, "data", "CREATE TABLE public.t (i int)", "GRANT SELECT ON public.t TO app", "GRANT SELECT ON public.t TO quiet", "GRANT ALL ON SCHEMA public TO app")

		rotations := []Rotation{
			{Role: "app", Logins: []string{"app261129"}, Since: day(t, "2026-06-01")},
			{Role: "quiet", Logins: []string{"quiet261129"}},
		}
		passwords.Clear["app261129"], passwords.Clear["quiet261129"] = "new", "new"
		mustSync(t, server, set.Rotated(rotations), passwords)
		for login, password := range map[string]string{"app": "clear-text-of-app", "app261129": "new", "quiet261129": "new"} {
			require.NoError(t, loginAs(server, login, password), login)
			require.Equal(t, []string{"0"}, listAs(t, server, login, password, "data", "SELECT count(*) FROM public.t"), login)
		}
		require.Equal(t, server.list(t, maintenance, parametersOf, "app"), server.list(t, maintenance, parametersOf, "app261129"))
		require.Equal(t, []string{"true"}, server.list(t, maintenance, "SELECT rolcreatedb FROM pg_roles WHERE rolname = 'app261129'"))

		// From now on the Secret has the dated login; whatever the role's own password is, it stays.
		rotations[0].KeepsPassword = true
		delete(passwords.Clear, "app")
		require.Empty(t, mustSync(t, server, set.Rotated(rotations), passwords).Done)
		server.exec(t, maintenance, "ALTER ROLE app SET work_mem TO '5MB'", "ALTER ROLE app RESET log_statement")
		mustSync(t, server, set.Rotated(rotations), passwords)
		require.Equal(t, server.list(t, maintenance, parametersOf, "app"), server.list(t, maintenance, parametersOf, "app261129"))
		require.Empty(t, mustSync(t, server, set.Rotated(rotations), passwords).Done)
		require.NoError(t, loginAs(server, "app", "clear-text-of-app"))
	})
}

const parametersOf = "SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = $1::regrole AND setdatabase = 0 ORDER BY 1"

// TestExpiredLoginsGo: what they made stays with the role, and nothing goes that is not a dated login of it.
func TestExpiredLoginsGo(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		set := Desired(parse(t, rotating), configure(t, nil), Extra{})
		passwords := passwordsFor(server, set)
		mustSync(t, server, set, passwords)
		server.exec(t, maintenance,
			"CREATE ROLE app201031 LOGIN CREATEDB IN ROLE app", "CREATE ROLE app201101 LOGIN IN ROLE app", "CREATE ROLE app260601 LOGIN IN ROLE app",
			"CREATE ROLE app201102 LOGIN", "CREATE ROLE app2201101 LOGIN IN ROLE app2", "CREATE ROLE app209999 LOGIN IN ROLE app",
			"CREATE DATABASE own OWNER app201031", "CREATE DATABASE closed OWNER app201101 ALLOW_CONNECTIONS false", "GRANT CONNECT ON DATABASE data TO app201031")
		server.exec(t, "data", "GRANT ALL ON SCHEMA public TO app", "SET ROLE app201031; CREATE TABLE public.made (i int); ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app2",
			"CREATE TABLE public.granted (i int)", "GRANT SELECT ON public.granted TO app201031")
		server.exec(t, "own", "CREATE SCHEMA made AUTHORIZATION app201031")

		rotated := set.Rotated([]Rotation{{Role: "app", Logins: []string{"app261129"}, KeepsPassword: true, Since: day(t, "2026-06-01")}})
		passwords.Clear["app261129"] = "new"
		report := mustSync(t, server, rotated, passwords)
		require.Contains(t, Plan{Statements: report.Done}.String(), `data: REASSIGN OWNED BY "app201031" TO "app"; DROP OWNED BY "app201031"`)
		require.Equal(t, []string{"app", "app2", "app200102", "app201102", "app209999", "app2201101", "app260601", "app261129"},
			server.list(t, maintenance, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'app%' ORDER BY rolname"))
		require.Equal(t, []string{"closed app", "own app"}, server.list(t, maintenance, `SELECT datname || ' ' || pg_get_userbyid(datdba) FROM pg_database WHERE datname IN ('own', 'closed') ORDER BY 1`))
		require.Equal(t, []string{"app"}, server.list(t, "data", "SELECT tableowner FROM pg_tables WHERE tablename = 'made'"))
		require.Equal(t, []string{"app"}, server.list(t, "own", "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'made'"))
		require.Empty(t, mustSync(t, server, rotated, passwords).Done)
	})
}

// TestRotationOfTheOwnLogin changes the password by which the operator itself logs in. Killed after the
// change, it does not know whether it was made, and gets in either way.
func TestRotationOfTheOwnLogin(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		set := Desired(parse(t, `{metadata: {name: acid-own}, spec: {users: {app: []}, databases: {a: app, b: app}, enableConnectionPooler: true}}`), configure(t, nil), Extra{})
		passwords := passwordsFor(server, set)
		changed := server.Connector
		changed.Changing = "next-" + superPassword
		passwords.Clear[server.User] = changed.Changing
		defer func() { // as a verifier: another test looks for the clear text in the log
			old := literal(string(md5Verifier(server.User, superPassword)))
			require.NoError(t, tryAs(server, server.User, changed.Changing, "ALTER ROLE postgres PASSWORD "+old))
		}()
		for range 2 {
			report, err := Sync(t.Context(), changed, set, passwords)
			require.NoError(t, err)
			require.Empty(t, report.Problems)
			require.True(t, report.InStep(server.User))
		}
		require.NoError(t, loginAs(server, server.User, changed.Changing))
		require.ErrorContains(t, loginAs(server, server.User, superPassword), "28P01")
	})
}

// TestInStep: a login that lacks anything is not handed out.
func TestInStep(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		set := Desired(parse(t, rotating), configure(t, nil), Extra{}).Rotated([]Rotation{
			{Role: "app", Logins: []string{"app261129"}}, {Role: "app2", Logins: []string{"app2261129"}},
		})
		passwords := passwordsFor(server, set)
		delete(passwords.Clear, "app2")
		report, err := Sync(t.Context(), server.Connector, set, passwords)
		require.NoError(t, err)
		require.True(t, report.InStep("app261129"))
		require.False(t, report.InStep("app2"))
		require.False(t, report.InStep("app2261129"), "it is no member of its role")

		report = Execute(t.Context(), server.Connector, Plan{Statements: []Statement{
			{Item: "first", Action: "cut", sql: "SELECT pg_terminate_backend(pg_backend_pid())"}, {Item: roleItem("app"), sql: "SELECT 1"},
		}})
		require.False(t, report.InStep("app"))
	})
}

func listAs(t *testing.T, server *testServer, user, password, database, query string) []string {
	t.Helper()
	as := &testServer{byHand: server.Connector}
	as.byHand.User, as.byHand.Password = user, password
	return as.list(t, database, query)
}

func tryAs(server *testServer, user, password string, statements ...string) error {
	as := &testServer{byHand: server.Connector}
	as.byHand.User, as.byHand.Password = user, password
	return as.try(maintenance, statements...)
}
