package v1

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLongNameOfAClusterThatRunsIsLeftAlone(t *testing.T) {
	pg := &Postgresql{}
	pg.Name = strings.Repeat("a", maxNameLength+1)
	require.NotEmpty(t, validateName(pg))

	pg.Status.PostgresClusterStatus = ClusterStatusRunning
	require.Empty(t, validateName(pg))

	pg.Status.PostgresClusterStatus = ClusterStatusCreateFailed
	require.NotEmpty(t, validateName(pg))
}
