package roles

import (
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/config"
)

// Members of a team leave and come back. What their roles own and were granted stays with them.
func TestMembersComeAndGo(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		c := configure(t, func(c *config.Config) { c.EnableTeamMemberDeprecation, c.RoleDeletionSuffix = true, "_delete_me" })
		sync := func(former []string, members ...string) Report {
			t.Helper()
			x := Extra{Former: former}
			for _, name := range members {
				x.Members = append(x.Members, TeamMember{Name: name, Source: "acid"})
			}
			set := Desired(parse(t, "metadata: {name: acid-test}\nspec: {users: {app: []}}"), c, x)
			passwords := passwordsFor(server, set)
			report, err := Sync(t.Context(), server.Connector, set, passwords)
			require.NoError(t, err)
			again, err := Sync(t.Context(), server.Connector, set, passwords)
			require.NoError(t, err)
			require.Empty(t, again.Done)
			require.Equal(t, report.Problems, again.Problems)
			return report
		}
		roles := func() []string {
			return server.list(t, maintenance, `SELECT rolname || CASE WHEN rolcanlogin THEN '' ELSE ' NOLOGIN' END FROM pg_roles
				WHERE rolname ~ '^(élise|bob|app)' ORDER BY rolname COLLATE "C"`)
		}
		sync(nil, "élise", "bob")
		server.exec(t, maintenance, "CREATE TABLE public.hers (id int)", `ALTER TABLE public.hers OWNER TO "élise"`)
		require.Equal(t, []string{"app", "bob", "élise"}, roles())

		// Whoever has a role for another reason keeps it.
		report := sync([]string{"app", "bob", "élise", "postgres", "nobody", "pg_monitor", "admin"})
		require.Empty(t, report.Problems)
		require.Equal(t, []string{"app", "bob_delete_me NOLOGIN", "élise_delete_me NOLOGIN"}, roles())

		sync(nil, "élise")
		require.Equal(t, []string{"app", "bob_delete_me NOLOGIN", "élise"}, roles())
		require.Equal(t, []string{"élise"}, server.list(t, maintenance, `SELECT tableowner FROM pg_tables WHERE tablename = 'hers'`))

		// A new bob while the old one's role is there: both stay apart.
		server.exec(t, maintenance, "CREATE ROLE bob")
		sync(nil, "élise", "bob")
		require.Equal(t, []string{"app", "bob", "bob_delete_me NOLOGIN", "élise"}, roles())
		report = sync([]string{"bob"}, "élise")
		require.True(t, report.Failed("bob"))
		require.Len(t, report.Problems, 1)
		require.EqualError(t, report.Problems[0], `role_deletion_suffix: role "bob": left its team; it cannot log in any more `+
			`and keeps its name, since there is a role "bob_delete_me" already: rename or drop one of the two`)
		require.Equal(t, []string{"app", "bob NOLOGIN", "bob_delete_me NOLOGIN", "élise"}, roles())

		// A role with the suffix that can log in is somebody else's.
		server.exec(t, maintenance, `CREATE ROLE eve_delete_me LOGIN`)
		sync(nil, "élise", "eve")
		require.Len(t, server.list(t, maintenance, `SELECT rolname FROM pg_roles WHERE rolname ~ '^eve' AND rolcanlogin`), 2)
	})
}

func TestMembersAreKeptWithoutDeprecation(t *testing.T) {
	for _, change := range []func(*config.Config){
		func(*config.Config) {},
		func(c *config.Config) { c.EnableTeamMemberDeprecation, c.RoleDeletionSuffix = true, "" },
	} {
		set := Desired(parse(t, "metadata: {name: acid-test}"), configure(t, change), Extra{Former: []string{"bob"}})
		have := freshServer()
		have.Roles["bob"] = ActualRole{Flags: map[string]bool{"LOGIN": true}}
		require.NotContains(t, Diff(set, have, everyPassword(set)).String(), "bob")
	}
}
