package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every option has variants, which differ in it alone, and leave the configuration as it was.
func TestVariants(t *testing.T) {
	c := Default()
	c.SuperUsername = "boss"
	before := c.String()
	for _, option := range Options() {
		for _, other := range c.Variants(option.Key) {
			require.Len(t, changes(&c, &other), 1, option.Key)
			require.Equal(t, option.Key, changes(&c, &other)[0].before.Key)
		}
	}
	require.Equal(t, before, c.String())
	require.NotEmpty(t, c.Variants("docker_image"))
	require.Empty(t, c.Variants("no_such_option"))
}

func TestSetting(t *testing.T) {
	c := Default()
	require.Equal(t, Setting{Text: "-1", Default: true}, c.Setting("max_instances"))
	c.MaxInstances = 3
	require.Equal(t, Setting{Text: "3"}, c.Setting("max_instances"))
	require.Empty(t, c.Setting("no_such_option"))
}
