package patroni

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNeedsRestart(t *testing.T) {
	require.True(t, slices.IsSorted(restarting()))
	require.True(t, NeedsRestart("max_connections"))
	require.False(t, NeedsRestart("work_mem"))
}

// What the installed Postgres says of its own parameters.
func TestNeedsRestartKnowsWhatPostgresSays(t *testing.T) {
	servers, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	require.NoError(t, err)
	require.NotEmpty(t, servers, "no PostgreSQL server: run make prerequisites")
	for _, server := range servers {
		out, err := exec.Command(server, "--describe-config").Output()
		require.NoError(t, err)
		for line := range strings.Lines(string(out)) {
			if fields := strings.Split(line, "\t"); len(fields) > 1 && fields[1] == "postmaster" {
				require.True(t, NeedsRestart(fields[0]), "%s of %s", fields[0], server)
			}
		}
	}
}
