package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefault(t *testing.T) {
	c := Default()
	require.Equal(t, "ghcr.io/zalando/spilo-18:4.1-p2", c.DockerImage)
	require.Equal(t, map[string]string{"application": "spilo"}, c.ClusterLabels)
	require.Equal(t, int32(-1), c.MaxInstances)
	require.Empty(t, c.Warnings)
	o, err := FromObject(nil, "op")
	require.NoError(t, err)
	require.NotEqual(t, c.Digest(), o.Digest())
}
