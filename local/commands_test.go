package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	tests := []struct {
		args  []string
		alone bool
	}{
		{args: []string{"up"}},
		{args: []string{"down"}},
		{args: []string{"down", "--purge"}},
		{args: []string{"status"}},
		{args: []string{"env"}, alone: true},
		{args: []string{"bin"}, alone: true},
		{args: []string{"load", "a.tar", "b.tar"}},
		{args: []string{"node", "stop", "worker-1"}},
		{args: []string{"node", "start", "worker-1"}},
		{args: []string{"node", "cut", "worker-1"}},
		{args: []string{"node", "heal", "worker-1"}},
		{args: []string{"apiserver", "stop"}},
		{args: []string{"apiserver", "start"}},
	}
	for _, test := range tests {
		parsed, err := parse(test.args)
		require.NoError(t, err, test.args)
		require.Equal(t, test.alone, parsed.alone != nil, test.args)
		require.Equal(t, !test.alone, parsed.do != nil, test.args)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, args := range [][]string{
		nil, {"UP"}, {"up", "now"}, {"down", "--all"}, {"load"}, {"node"}, {"node", "stop"},
		{"node", "kill", "worker-1"}, {"apiserver"}, {"apiserver", "restart"},
	} {
		_, err := parse(args)
		require.ErrorIs(t, err, errUsage, args)
	}
}

func TestQuoteSurvivesTheShell(t *testing.T) {
	for _, word := range []string{"/plain", "/with space/$HOME", "it's", "`id`\\"} {
		output, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+quote(word)).Output()
		require.NoError(t, err)
		require.Equal(t, word, string(output))
	}
}
