package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

type environment map[string]string

// userList is mounted by the operator: the pooler's own user and the
// infrastructure roles with their passwords. All others are looked up.
const userList = "/etc/pgbouncer/userlist.txt"

// required are the variables without which no configuration makes sense.
var required = []string{
	"PGHOST", "PGPORT", "PGUSER", "PGSCHEMA",
	"CONNECTION_POOLER_PORT", "CONNECTION_POOLER_MODE", "CONNECTION_POOLER_DEFAULT_SIZE",
	"CONNECTION_POOLER_MIN_SIZE", "CONNECTION_POOLER_RESERVE_SIZE",
	"CONNECTION_POOLER_MAX_CLIENT_CONN", "CONNECTION_POOLER_MAX_DB_CONN",
}

var optional = []string{
	"INFRASTRUCTURE_ROLES",
	"CONNECTION_POOLER_CLIENT_TLS_CRT", "CONNECTION_POOLER_CLIENT_TLS_KEY", "CONNECTION_POOLER_CLIENT_CA_FILE",
}

// plain is what may stand in a line of the configuration without quoting.
var plain = regexp.MustCompile(`^[A-Za-z0-9_.,/:@-]*$`)

// pgbouncerConfig turns the environment into pgbouncer.ini, see PgBouncer,
// "Configuration".
func pgbouncerConfig(env environment) (string, error) {
	for _, name := range required {
		if env[name] == "" {
			return "", fmt.Errorf("%s: must be set", name)
		}
	}
	for _, name := range append(slices.Clone(required), optional...) {
		if !plain.MatchString(env[name]) {
			return "", fmt.Errorf("%s: %q: allowed are letters, digits and _.,/:@-", name, env[name])
		}
	}
	lines := []string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%s auth_user=%s", env["PGHOST"], env["PGPORT"], env["PGUSER"]),
		// Named, because passwords are looked up through it, see auth_dbname.
		fmt.Sprintf("postgres = host=%s port=%s auth_user=%s", env["PGHOST"], env["PGPORT"], env["PGUSER"]),
		"",
		"[pgbouncer]",
		"listen_addr = *",
		"listen_port = " + env["CONNECTION_POOLER_PORT"],
		"unix_socket_dir =",
		"pool_mode = " + env["CONNECTION_POOLER_MODE"],
		"default_pool_size = " + env["CONNECTION_POOLER_DEFAULT_SIZE"],
		"min_pool_size = " + env["CONNECTION_POOLER_MIN_SIZE"],
		"reserve_pool_size = " + env["CONNECTION_POOLER_RESERVE_SIZE"],
		"max_client_conn = " + env["CONNECTION_POOLER_MAX_CLIENT_CONN"],
		"max_db_connections = " + env["CONNECTION_POOLER_MAX_DB_CONN"],
		"",
		"auth_type = md5", // accepts SCRAM verifiers too
		"auth_file = " + userList,
		"auth_dbname = postgres",
		fmt.Sprintf("auth_query = SELECT * FROM %s.user_lookup($1)", env["PGSCHEMA"]),
		"admin_users = " + env["PGUSER"],
		"stats_users = " + env["INFRASTRUCTURE_ROLES"],
		"",
		"server_tls_sslmode = require",
		"client_tls_sslmode = require",
		"client_tls_cert_file = " + env["CONNECTION_POOLER_CLIENT_TLS_CRT"],
		"client_tls_key_file = " + env["CONNECTION_POOLER_CLIENT_TLS_KEY"],
	}
	if env["CONNECTION_POOLER_CLIENT_CA_FILE"] != "" {
		lines = append(lines, "client_tls_ca_file = "+env["CONNECTION_POOLER_CLIENT_CA_FILE"])
	}
	lines = append(lines,
		"",
		"ignore_startup_parameters = extra_float_digits,options",
		"server_reset_query = DISCARD ALL",
		"server_check_delay = 30",
		"log_connections = 0",
		"log_disconnections = 0",
	)
	return strings.Join(lines, "\n") + "\n", nil
}

// selfSigned makes a certificate for poolers without one of their own.
func selfSigned(env environment) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "pooler of " + env["PGHOST"]},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	if err := writePEM(env["CONNECTION_POOLER_CLIENT_TLS_KEY"], "PRIVATE KEY", private); err != nil {
		return err
	}
	return writePEM(env["CONNECTION_POOLER_CLIENT_TLS_CRT"], "CERTIFICATE", certificate)
}

func writePEM(path, kind string, content []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
}
