package roles

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

var figures = flag.Bool("figures", false, "print how long syncs of 500 roles and 20 databases take")

// The number of queries of an idle sync is part of the contract with the database: two for the server,
// one for each database with contents of interest.
func TestIdleSyncAsksLittle(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		users, databases := 20, 3
		if *figures {
			users, databases = 500, 20
		}
		set := manySet(t, users, databases)
		passwords := passwordsFor(server, set)
		started := time.Now()
		first := mustSync(t, server, set, passwords)
		t.Logf("first sync of %d roles and %d databases: %v, %d statements", len(set.Roles), databases, time.Since(started).Round(time.Millisecond), len(first.Done))

		length := logSize(t, server)
		started = time.Now()
		require.Empty(t, mustSync(t, server, set, passwords).Done)
		statements, _ := server.logged(t, length)
		t.Logf("idle sync: %v, %d queries", time.Since(started).Round(time.Millisecond), len(statements))
		require.Len(t, statements, 2+databases+1) // the pooler's function is in the database postgres, too
	})
}

func manySet(t *testing.T, users, databases int) Set {
	m := parse(t, "{metadata: {name: acid-many}, spec: {enableConnectionPooler: true}}")
	m.Spec.Users, m.Spec.PreparedDatabases = map[string]apiv1.UserFlags{}, map[string]apiv1.PreparedDatabase{}
	for i := range databases {
		m.Spec.PreparedDatabases[fmt.Sprintf("db%02d", i)] = apiv1.PreparedDatabase{Extensions: map[string]string{"hstore": "data"}}
	}
	for i := range users - databases*6 {
		m.Spec.Users[fmt.Sprintf("user%03d", i)] = apiv1.UserFlags{"createdb"}
	}
	set := Desired(m, config.Default(), Extra{})
	require.Empty(t, set.Problems)
	return set
}
