package roles

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

// The number of queries of an idle sync is part of the contract with the database: two for the server,
// one for each database with contents of interest.
func TestIdleSyncAsksLittle(t *testing.T) {
	const databases = 3
	onEachServer(t, func(t *testing.T, server *testServer) {
		set := manySet(t, 20, databases)
		passwords := passwordsFor(server, set)
		mustSync(t, server, set, passwords)
		length := logSize(t, server)
		require.Empty(t, mustSync(t, server, set, passwords).Done)
		statements, _ := server.logged(t, length)
		require.Len(t, statements, 2+databases+1) // the pooler's function is in the database postgres, too
	})
}

// BenchmarkSync syncs some 500 roles and 20 databases: for the first time, and once more when nothing is to be done.
func BenchmarkSync(b *testing.B) {
	set := manySet(b, 500, 20)
	for _, server := range servers {
		passwords := passwordsFor(server, set)
		b.Run("first/postgres-"+server.version, func(b *testing.B) {
			counted, report := counting(b, server)
			for b.Loop() {
				b.StopTimer()
				server.reset(b)
				b.StartTimer()
				mustSync(b, counted, set, passwords)
			}
			report(len(set.Roles))
		})
		b.Run("idle/postgres-"+server.version, func(b *testing.B) {
			server.reset(b)
			mustSync(b, server, set, passwords)
			counted, report := counting(b, server)
			for b.Loop() {
				require.Empty(b, mustSync(b, counted, set, passwords).Done)
			}
			report(len(set.Roles))
		})
	}
}

// counting is a server whose connections are counted; report adds them and the statements to the benchmark, per sync.
func counting(b *testing.B, server *testServer) (counted *testServer, report func(roles int)) {
	var connections atomic.Int64
	counted = &testServer{Connector: server.Connector, log: server.log}
	counted.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		connections.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	before := logSize(b, server)
	return counted, func(roles int) {
		statements, _ := server.logged(b, before)
		b.ReportMetric(float64(roles), "roles")
		b.ReportMetric(float64(len(statements))/float64(b.N), "statements/op")
		b.ReportMetric(float64(connections.Load())/float64(b.N), "connections/op")
	}
}

func manySet(t testing.TB, users, databases int) Set {
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
