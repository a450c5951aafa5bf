package roles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPoolerOfARunningCluster: a pooler that comes later finds verifiers in every database, in those
// that nobody has told us of, too, and a pooler with another role does as well.
func TestPoolerOfARunningCluster(t *testing.T) {
	const without = `
metadata: {name: acid-later}
spec:
  teamId: acid
  numberOfInstances: 1
  users: {zalando: []}
  databases: {app: zalando}
`
	finds := func(t *testing.T, server *testServer, role, schema string) {
		t.Helper()
		for _, database := range []string{"postgres", "app", "own"} {
			verifiers := server.list(t, database, "SET ROLE "+role+"; SELECT phash FROM "+schema+".user_lookup('zalando') WHERE phash LIKE 'SCRAM%'")
			require.Len(t, verifiers, 1, database)
		}
	}
	onEachServer(t, func(t *testing.T, server *testServer) {
		c := configure(t, nil)
		set := Desired(parse(t, without), c, Extra{})
		mustSync(t, server, set, passwordsFor(server, set))
		server.exec(t, maintenance, "CREATE DATABASE own")

		set = Desired(parse(t, without+"  enableReplicaConnectionPooler: true\n"), c, Extra{})
		report := mustSync(t, server, set, passwordsFor(server, set))
		require.NotEmpty(t, report.Done)
		finds(t, server, "pooler", "pooler")
		require.NoError(t, loginAs(server, "pooler", "clear-text-of-pooler"))
		require.Empty(t, mustSync(t, server, set, passwordsFor(server, set)).Done)

		set = Desired(parse(t, without+"  connectionPooler: {user: bouncer, schema: Lookup}\n"), c, Extra{})
		mustSync(t, server, set, passwordsFor(server, set))
		finds(t, server, "bouncer", "lookup")
		require.Empty(t, mustSync(t, server, set, passwordsFor(server, set)).Done)
	})
}
