package roles

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerifierHoldsItsPassword(t *testing.T) {
	for _, useMD5 := range []bool{false, true} {
		for _, password := range []string{"secret", "with spaces ' and \" quotes", "pässwört ½", "\x01 not preparable", "a"} {
			verifier, err := newVerifier("app", password, useMD5, rand.Reader)
			require.NoError(t, err)
			require.True(t, verifier.holds("app", password, useMD5), password)
			require.False(t, verifier.holds("app", password+"x", useMD5), password)
			require.False(t, verifier.holds("app", password, !useMD5), "a verifier in the other method has to be replaced")
			require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", verifier, verifier, verifier, verifier), string(verifier))
		}
	}
}

func TestVerifierKnownValues(t *testing.T) {
	require.True(t, Verifier("md56a422f785c9e20873908ce25d1736ae2").holds("app", "secret", true)) // printf secretapp | md5sum
	// The exchange of RFC 7677, section 3.
	const pencil = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	require.True(t, Verifier(pencil).holds("user", "pencil", false))
	require.False(t, Verifier("SCRAM-SHA-256$broken").holds("app", "secret", false))
	require.False(t, Verifier("SCRAM-SHA-256$0:AAAA$x:y").holds("app", "secret", false))
	require.False(t, Verifier("").holds("app", "secret", false))
}

func TestVerifierOfASecretThatHoldsOne(t *testing.T) {
	given, err := newVerifier("app", "secret", false, rand.Reader)
	require.NoError(t, err)
	again, err := newVerifier("app", string(given), false, rand.Reader)
	require.NoError(t, err)
	require.Equal(t, given, again)
	require.True(t, given.holds("app", string(given), false))
}

// The server's own verifiers are understood, and ours let people in.
func TestVerifierAgreesWithTheServer(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		for _, method := range []string{"scram-sha-256", "md5"} {
			useMD5 := method == "md5"
			for i, password := range []string{"secret", "it's \"quoted\"", "½ and ﬁ", "日本語"} {
				role := fmt.Sprintf("checked %s %d", method, i)
				server.exec(t, maintenance, "SET password_encryption = "+literal(method)+"; CREATE ROLE "+ident(role)+" LOGIN PASSWORD "+literal(password))
				stored := Verifier(server.list(t, maintenance, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", role)[0])
				require.True(t, stored.holds(role, password, useMD5), "%s %q", method, password)

				ours, err := newVerifier(role, password, useMD5, rand.Reader)
				require.NoError(t, err)
				server.exec(t, maintenance, "ALTER ROLE "+ident(role)+" PASSWORD "+literal(string(ours)))
				require.Equal(t, []string{string(ours)}, server.list(t, maintenance, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", role))
			}
		}
		// lib/pq does not prepare passwords, so only plain ones can log in from here.
		ours, err := newVerifier("app", "secret", false, rand.Reader)
		require.NoError(t, err)
		server.exec(t, maintenance, "CREATE ROLE app LOGIN PASSWORD "+literal(string(ours)))
		require.NoError(t, loginAs(server, "app", "secret"))
		require.Error(t, loginAs(server, "app", "wrong"))
	})
}

func loginAs(server *testServer, user, password string) error {
	as := server.Connector
	as.User, as.Password = user, password
	db, err := as.Open(maintenance)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.Ping()
}
