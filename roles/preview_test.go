package roles

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A preview prints what the sync after it does, statement by statement, and changes nothing itself.
func TestPreviewIsWhatSyncDoes(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		set := Desired(parse(t, everything), configure(t, nil), Extra{Members: []TeamMember{{Name: "boss", Superuser: true}}})
		passwords := passwordsFor(server, set)
		length := logSize(t, server)
		plan, err := Preview(t.Context(), server.Connector, set, passwords)
		require.NoError(t, err)
		require.Empty(t, plan.Problems)
		statements, _ := server.logged(t, length)
		require.NotEmpty(t, statements)
		require.Empty(t, written(statements))

		done := mustSync(t, server, set, passwords)
		require.Equal(t, plan.String(), Plan{Statements: done.Done}.String())
		text := fmt.Sprintf("%s %v %+v %#v", plan, plan, plan, plan)
		require.Contains(t, text, `CREATE ROLE "zalando" WITH CREATEDB LOGIN SUPERUSER PASSWORD '***'`)
		for role, clear := range passwords.Clear {
			require.NotContains(t, text, clear, role)
		}
		for _, stored := range server.list(t, maintenance, "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL") {
			require.NotContains(t, text, stored)
		}

		readOnly := server.Connector
		readOnly.readOnly = true
		report := Execute(t.Context(), readOnly, Plan{Statements: []Statement{{Item: "x", Action: "create", sql: "CREATE ROLE x"}}})
		require.Equal(t, "25006", report.Problems[0].SQLState)
	})
}
