//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testDelete: what the configuration keeps is there for the next cluster of that name; what it does
// not keep is gone, and the next cluster starts from nothing.
func (c cluster) testDelete(t *testing.T) {
	rows := c.mustQuery(t, c.primary(), "SELECT count(*) FROM seen")
	password, err := c.password(context.Background(), "postgres")
	require.NoError(t, err)

	t.Run("keeping volumes and secrets", func(t *testing.T) {
		c.configure(t, map[string]string{"enable_persistent_volume_claim_deletion": "false", "enable_secrets_deletion": "false"})
		c.delete(t)
		c.awaitGone(t, isVolumeOrSecret)
		left, err := c.objects(context.Background())
		require.NoError(t, err)
		data := "pgdata-" + c.name
		require.Equal(t, []string{
			"claim/" + data + "-0", "claim/" + data + "-1", "claim/" + data + "-2",
			"secret/" + c.secretName("foo_user"), "secret/" + c.secretName("postgres"),
			"secret/" + c.secretName("standby"), "secret/" + c.secretName("zalando"),
			"volume/" + data + "-0", "volume/" + data + "-1", "volume/" + data + "-2",
		}, left)
	})
	t.Run("made again with its data", func(t *testing.T) {
		c.apply(t)
		c.awaitRunning(t, 2)
		kept, err := c.password(context.Background(), "postgres")
		require.NoError(t, err)
		require.True(t, password == kept, "the superuser's password has changed")
		require.Equal(t, rows, c.mustQuery(t, c.primary(), "SELECT count(*) FROM seen"))
	})
	t.Run("keeping nothing", func(t *testing.T) {
		c.delete(t)
		c.awaitGone(t, nothing)
	})
	t.Run("made again from nothing", func(t *testing.T) {
		c.apply(t, instances(1))
		c.awaitRunning(t, 1)
		require.Equal(t, "", c.mustQuery(t, c.primary(), "SELECT to_regclass('seen')::text"))
		c.delete(t)
		c.awaitGone(t, nothing)
	})
}

func isVolumeOrSecret(object string) bool {
	kind, _, _ := strings.Cut(object, "/")
	return kind == "claim" || kind == "volume" || kind == "secret"
}
