package main

import (
	"crypto/tls"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var complete = environment{
	"PGHOST": "acid-minimal-cluster", "PGPORT": "5432", "PGUSER": "pooler", "PGSCHEMA": "pooler",
	"CONNECTION_POOLER_PORT": "5432", "CONNECTION_POOLER_MODE": "transaction", "CONNECTION_POOLER_DEFAULT_SIZE": "15",
	"CONNECTION_POOLER_MIN_SIZE": "7", "CONNECTION_POOLER_RESERVE_SIZE": "7",
	"CONNECTION_POOLER_MAX_CLIENT_CONN": "10000", "CONNECTION_POOLER_MAX_DB_CONN": "30",
	"INFRASTRUCTURE_ROLES":             "monitoring,robot",
	"CONNECTION_POOLER_CLIENT_TLS_CRT": "/tls/tls.crt", "CONNECTION_POOLER_CLIENT_TLS_KEY": "/tls/tls.key",
	"CONNECTION_POOLER_CLIENT_CA_FILE": "/tls/ca.crt",
}

func TestConfigSaysWhatTheEnvironmentSays(t *testing.T) {
	config, err := pgbouncerConfig(complete)
	require.NoError(t, err)
	lines := strings.Split(config, "\n")
	for _, line := range []string{
		"* = host=acid-minimal-cluster port=5432 auth_user=pooler",
		"auth_query = SELECT * FROM pooler.user_lookup($1)",
		"pool_mode = transaction", "default_pool_size = 15", "min_pool_size = 7", "reserve_pool_size = 7",
		"max_client_conn = 10000", "max_db_connections = 30", "listen_port = 5432",
		"admin_users = pooler", "stats_users = monitoring,robot",
		"server_tls_sslmode = require", "client_tls_sslmode = require",
		"client_tls_cert_file = /tls/tls.crt", "client_tls_key_file = /tls/tls.key", "client_tls_ca_file = /tls/ca.crt",
	} {
		require.Contains(t, lines, line)
	}
}

func TestConfigNamesWhatIsMissingOrDangerous(t *testing.T) {
	for _, name := range required {
		env := maps.Clone(complete)
		delete(env, name)
		_, err := pgbouncerConfig(env)
		require.EqualError(t, err, name+": must be set")
	}
	env := maps.Clone(complete)
	env["PGSCHEMA"] = "pooler\nadmin_users = app"
	_, err := pgbouncerConfig(env)
	require.ErrorContains(t, err, "PGSCHEMA")
	env = maps.Clone(complete)
	env["INFRASTRUCTURE_ROLES"] = "a\nadmin_users = app"
	_, err = pgbouncerConfig(env)
	require.ErrorContains(t, err, "INFRASTRUCTURE_ROLES")
}

func TestSelfSignedCertificateFitsItsKey(t *testing.T) {
	dir := t.TempDir()
	env := environment{
		"PGHOST":                           "acid-minimal-cluster",
		"CONNECTION_POOLER_CLIENT_TLS_CRT": filepath.Join(dir, "client.crt"),
		"CONNECTION_POOLER_CLIENT_TLS_KEY": filepath.Join(dir, "client.key"),
	}
	require.NoError(t, selfSigned(env))
	_, err := tls.LoadX509KeyPair(env["CONNECTION_POOLER_CLIENT_TLS_CRT"], env["CONNECTION_POOLER_CLIENT_TLS_KEY"])
	require.NoError(t, err)
}
