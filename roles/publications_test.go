package roles

import (
	"testing"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

const streaming = `
metadata: {name: acid-streaming}
spec:
  teamId: acid
  numberOfInstances: 1
  users: {owner: []}
  databases: {app: owner, other: owner}
  streams:
  - {applicationId: my-app, database: app, tables: {orders: {eventType: e}, "data.Items": {eventType: e}}}
  - {applicationId: my-app, database: app, tables: {orders: {eventType: again}}}
  - {applicationId: my-app, database: other, tables: {orders: {eventType: e}}}
`

func withStreams(m *apiv1.Postgresql) Set { return Desired(m, config.Default(), Extra{Streams: true}) }

func TestPublicationsOfStreams(t *testing.T) {
	set := withStreams(parse(t, streaming))
	require.Empty(t, set.Problems)
	require.Equal(t, []Publication{
		{Name: "fes_app_my_app", Database: "app", Tables: []Table{{"data", "Items"}, {"public", "orders"}}, Field: "spec.streams[0]"},
		{Name: "fes_other_my_app", Database: "other", Tables: []Table{{"public", "orders"}}, Field: "spec.streams[2]"},
	}, set.Publications)
	require.Empty(t, Desired(parse(t, streaming), config.Default(), Extra{}).Publications, "the kind of streams is not installed")
}

// publications are those of a database, as "name: tables".
func publications(t *testing.T, server *testServer, database string) []string {
	t.Helper()
	return server.list(t, database, `SELECT p.pubname || ': ' || string_agg(t.schemaname || '.' || t.tablename, ', ' ORDER BY t.tablename)
		|| CASE WHEN p.pubinsert AND p.pubupdate AND NOT p.pubdelete AND NOT p.pubtruncate THEN '' ELSE ' (others)' END
		FROM pg_publication p JOIN pg_publication_tables t USING (pubname) GROUP BY p.oid ORDER BY 1`)
}

func TestStreamWithoutTables(t *testing.T) {
	m := parse(t, streaming)
	m.Spec.Streams[2].Tables = nil
	set := withStreams(m)
	require.Len(t, set.Publications, 1)
	require.EqualError(t, set.Problems[0], "spec.streams[2].tables: name at least one table")
}

func TestPublicationsFollowStreams(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		m := parse(t, streaming)
		set := withStreams(m)
		passwords := passwordsFor(server, set)
		report, err := Sync(t.Context(), server.Connector, set, passwords)
		require.NoError(t, err)
		require.Len(t, report.Problems, 2, "the tables are not there yet")
		require.ErrorContains(t, report.Problems[0], `spec.streams[0]: publication "fes_app_my_app" in database "app"`)
		require.Contains(t, []string{"42P01", "3F000"}, report.Problems[0].SQLState, "no such table, or no such schema")

		for _, database := range []string{"app", "other"} {
			server.exec(t, database, `SET search_path = public; CREATE SCHEMA data; CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE data."Items" (id int PRIMARY KEY);
				CREATE TABLE child () INHERITS (orders); CREATE PUBLICATION theirs FOR TABLE orders; CREATE TABLE more (id int)`)
		}
		mustSync(t, server, set, passwords)
		require.Equal(t, []string{"fes_app_my_app: data.Items, public.child, public.orders", "theirs: public.child, public.orders (others)"},
			publications(t, server, "app"))
		require.Empty(t, mustSync(t, server, set, passwords).Done, "the second time there is nothing to do")

		server.exec(t, "app", `ALTER PUBLICATION fes_app_my_app ADD TABLE public.more; ALTER PUBLICATION fes_app_my_app SET (publish = 'insert, delete')`)
		mustSync(t, server, set, passwords)
		require.Equal(t, "fes_app_my_app: data.Items, public.child, public.orders", publications(t, server, "app")[0])

		m.Spec.Streams = m.Spec.Streams[2:]
		mustSync(t, server, withStreams(m), passwords)
		require.Equal(t, []string{"theirs: public.child, public.orders (others)"}, publications(t, server, "app"))
		require.Len(t, publications(t, server, "other"), 2)

		m.Spec.Streams = nil
		require.Empty(t, mustSync(t, server, Desired(m, config.Default(), Extra{}), passwords).Done, "without the kind nothing goes")
		mustSync(t, server, withStreams(m), passwords)
		require.Equal(t, []string{"theirs: public.child, public.orders (others)"}, publications(t, server, "other"))
	})
}

func TestPublicationsInDatabasesThatAreNotThere(t *testing.T) {
	m := parse(t, streaming)
	m.Spec.Databases = map[string]string{"app": "owner"}
	plan := Diff(withStreams(m), State{}, Passwords{})
	var told []string
	for _, p := range plan.Problems {
		told = append(told, p.Error())
	}
	require.Contains(t, told, `spec.streams[2]: publication "fes_other_my_app" in database "other": the database does not exist; `+
		`name one that does, or add it to spec.databases`)
}
