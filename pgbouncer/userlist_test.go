package pgbouncer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFirstUser(t *testing.T) {
	for _, c := range []struct {
		list, user, password string
		ok                   bool
	}{
		{"\"pooler\" \"secret\"\n\"robot\" \"other\"\n", "pooler", "secret", true},
		{`"a ""b""" "c""d"`, `a "b"`, `c"d`, true},
		{`"pooler" ""`, "pooler", "", true},
		{`"pooler"`, "", "", false},
		{`"pooler" "open`, "", "", false},
		{`pooler secret`, "", "", false},
		{"", "", "", false},
	} {
		user, password, ok := FirstUser(c.list)
		require.Equal(t, c.ok, ok, c.list)
		if ok {
			require.Equal(t, []string{c.user, c.password}, []string{user, password}, c.list)
		}
	}
}
