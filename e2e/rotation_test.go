//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// testRotation lets the passwords of two users rotate, one by way of a dated login, and switches it off again.
func (c cluster) testRotation(t *testing.T) {
	foo, zalando := c.contentOf(t, "foo_user"), c.contentOf(t, "zalando")
	c.apply(t, with([]any{"foo_user"}, "spec", "usersWithSecretRotation"), with([]any{"zalando"}, "spec", "usersWithInPlaceSecretRotation"))
	for _, role := range []string{"foo_user", "zalando"} {
		c.awaitContent(t, role, "a date", func(s map[string]string) bool { return daysAhead(s["nextRotation"]) == 90 })
	}
	c.statement(t, "CREATE ROLE foo_user201031 LOGIN IN ROLE foo_user")
	for _, role := range []string{"foo_user", "zalando"} {
		c.put(t, role, "nextRotation", "2026-01-01T00:00:00Z")
	}

	rotated := c.awaitContent(t, "foo_user", "another login", func(s map[string]string) bool { return s["username"] != "foo_user" })
	require.Regexp(t, `^foo_user[0-9]{6}$`, rotated["username"])
	require.Equal(t, 90, daysAhead(rotated["nextRotation"]))
	c.mustLogin(t, rotated)
	c.mustLogin(t, foo)
	again := c.awaitContent(t, "zalando", "another password", func(s map[string]string) bool { return s["password"] != zalando["password"] })
	require.Equal(t, "zalando", again["username"])
	c.mustLogin(t, again)
	c.awaitQuery(t, c.primary(), "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'foo_user2%'", rotated["username"])

	c.apply(t)
	reset := c.awaitContent(t, "foo_user", "its own login", func(s map[string]string) bool { return s["username"] == "foo_user" })
	require.Empty(t, reset["nextRotation"])
	require.NotContains(t, []string{foo["password"], rotated["password"]}, reset["password"])
	c.mustLogin(t, reset)
	c.mustLogin(t, rotated)
	c.awaitContent(t, "zalando", "no date", func(s map[string]string) bool { return s["nextRotation"] == "" })
	c.awaitRunning(t, 2)

	texts := c.publicTexts(t)
	for _, secret := range []map[string]string{foo, zalando, rotated, again, reset, c.contentOf(t, "postgres"), c.contentOf(t, "standby")} {
		for place, text := range texts {
			require.False(t, strings.Contains(text, secret["password"]), "%s holds the password of %s", place, secret["username"])
		}
	}
}

// publicTexts are where no password may ever be.
func (c cluster) publicTexts(t *testing.T) map[string]string {
	t.Helper()
	log, err := c.operatorLog(context.Background())
	require.NoError(t, err)
	require.NotEmpty(t, log)
	texts := map[string]string{
		"the operator's log": log,
		"an event":           c.kubectl(t, "--namespace", c.namespace, "get", "events", "--output=yaml"),
		"the manifest":       c.kubectl(t, "--namespace", c.namespace, "get", "postgresql", c.name, "--output=yaml"),
		"the server's log": c.mustQuery(t, c.primary(),
			"SELECT string_agg(pg_read_file(current_setting('log_directory') || '/' || name), '') FROM pg_ls_logdir()"),
		"a running statement": c.mustQuery(t, c.primary(), "SELECT string_agg(query, '; ') FROM pg_stat_activity"),
	}
	require.NotEmpty(t, texts["the server's log"])
	arguments, err := filepath.Glob("/proc/[0-9]*/cmdline") // of all pods: they run on this machine
	require.NoError(t, err)
	for _, path := range arguments {
		line, _ := os.ReadFile(path) // it may have ended
		texts["the list of processes"] += string(line) + "\n"
	}
	return texts
}

func daysAhead(date string) int {
	day, err := time.Parse("2006-01-02T15:04:05Z", date)
	if err != nil {
		return -1
	}
	return int(time.Until(day).Hours()/24 + 0.5)
}

func (c cluster) contentOf(t *testing.T, role string) map[string]string {
	t.Helper()
	secret, err := c.secret(context.Background(), role)
	require.NoError(t, err)
	return texts(secret)
}

func texts(secret *corev1.Secret) map[string]string {
	content := map[string]string{}
	for key, value := range secret.Data {
		content[key] = string(value)
	}
	return content
}

// awaitContent waits until a role's Secret has something and nothing more is pending in it.
func (c cluster) awaitContent(t *testing.T, role, what string, has func(map[string]string) bool) map[string]string {
	t.Helper()
	var content map[string]string
	eventually(t, boot, "the Secret of "+role+" has "+what, func(ctx context.Context) error {
		secret, err := c.secret(ctx, role)
		if err != nil {
			return err
		}
		content = texts(secret)
		if !has(content) || content["nextPassword"] != "" {
			return fmt.Errorf("it has the login %s and the date %q", content["username"], content["nextRotation"])
		}
		return nil
	})
	return content
}

func (c cluster) put(t *testing.T, role, key, value string) {
	t.Helper()
	c.patch(t, &corev1.Secret{}, c.secretName(role), fmt.Sprintf(`[{"op": "replace", "path": "/data/%s", "value": "%s"}]`,
		key, base64.StdEncoding.EncodeToString([]byte(value))))
}

// statement runs one that gives no row.
func (c cluster) statement(t *testing.T, statement string) {
	t.Helper()
	_, err := c.query(context.Background(), c.primary(), statement)
	require.NoError(t, err)
}

// mustLogin: what a Secret says or said lets in, as the role that it is about or a member of it.
func (c cluster) mustLogin(t *testing.T, secret map[string]string) {
	t.Helper()
	user, err := c.queryWith(context.Background(), login{c.name, secret["username"], "foo"}, secret["password"], "SELECT current_user")
	require.NoError(t, err)
	require.Equal(t, secret["username"], user)
}
