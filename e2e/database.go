//go:build e2e

package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	_ "github.com/lib/pq" // registers the driver
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// login says who connects where, through a Service.
type login struct {
	service, user, database string
}

// primary is the superuser's login through the primary's Service.
func (c cluster) primary() login { return login{c.name, "postgres", "postgres"} }

// replicas is the superuser's login through the replicas' Service.
func (c cluster) replicas() login { return login{c.name + "-repl", "postgres", "postgres"} }

// query runs a statement in a connection of its own and returns the first value of its result, or ""
// when there is no row.
func (c cluster) query(ctx context.Context, as login, statement string) (string, error) {
	password, err := c.password(ctx, as.user)
	if err != nil {
		return "", err
	}
	return c.queryWith(ctx, as, password, statement)
}

func (c cluster) queryWith(ctx context.Context, as login, password, statement string) (string, error) {
	var service corev1.Service
	if err := c.Get(ctx, c.key(as.service), &service); err != nil {
		return "", err
	}
	db, err := sql.Open("postgres", connectionString(service, as, password))
	if err != nil {
		return "", err
	}
	defer db.Close()
	var value sql.NullString
	err = db.QueryRowContext(ctx, statement).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("%s in %s through %s: %q: %w", as.user, as.database, as.service, statement, err)
	}
	return value.String, nil
}

func connectionString(service corev1.Service, as login, password string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(as.user, password), Path: as.database,
		Host:     net.JoinHostPort(service.Spec.ClusterIP, "5432"),
		RawQuery: "sslmode=require&connect_timeout=5",
	}
	return u.String()
}

// require runs a statement that has to succeed now.
func (c cluster) mustQuery(t *testing.T, as login, statement string) string {
	t.Helper()
	value, err := c.query(context.Background(), as, statement)
	require.NoError(t, err)
	return value
}

// awaitQuery waits until a statement's first value is the wanted one.
func (c cluster) awaitQuery(t *testing.T, as login, statement, want string) {
	t.Helper()
	what := fmt.Sprintf("%q through %s gives %q", statement, as.service, want)
	eventually(t, boot, what, func(ctx context.Context) error {
		value, err := c.query(ctx, as, statement)
		if err == nil && value != want {
			err = fmt.Errorf("it gives %q", value)
		}
		return err
	})
}

// secretName of a role, by the shipped secret_name_template.
func (c cluster) secretName(role string) string {
	return strings.ReplaceAll(role, "_", "-") + "." + c.name + ".credentials"
}

func (c cluster) secret(ctx context.Context, role string) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := c.Get(ctx, c.key(c.secretName(role)), &secret)
	return &secret, err
}

// password of a role, from its Secret.
func (c cluster) password(ctx context.Context, role string) (string, error) {
	secret, err := c.secret(ctx, role)
	if err != nil {
		return "", err
	}
	user, password := string(secret.Data["username"]), string(secret.Data["password"])
	if user != role || password == "" {
		return "", fmt.Errorf("secret %s has user %q and a password of %d characters", secret.Name, user, len(password))
	}
	return password, nil
}
