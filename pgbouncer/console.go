package pgbouncer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// console is its name as a database.
const console = "pgbouncer"

// What the console answers where there is nothing to do. It gives every refusal the same SQLSTATE.
const (
	alreadyPaused = "already suspended/paused"
	notPaused     = "pooler is not paused/suspended"
)

// Console is the console of one PgBouncer. Every call makes a connection of its own.
type Console struct {
	Address  string // host:port
	User     string // one of admin_users, whose password is in auth_file
	Password string

	// Timeout of a call; 0 means 2s.
	Timeout time.Duration
}

// String masks the password.
func (c Console) String() string { return c.User + "@" + c.Address }

// GoString masks as String does.
func (c Console) GoString() string { return c.String() }

// Pause holds back all clients: PgBouncer finishes the transactions that run, closes the connections
// to servers, and lets queries wait. idle tells whether the last transaction ended within the
// patience; if not, new ones are held back all the same. A pooler that is paused already is no error.
func (c Console) Pause(ctx context.Context, patience time.Duration) (idle bool, err error) {
	// No deadline of the context: at its end the driver would send a cancel request, by which PgBouncer resumes.
	err = c.command(ctx, "PAUSE", time.Now().Add(patience))
	switch {
	case refusedAs(err, alreadyPaused):
		return true, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		// A second one is refused at once where the first is in force.
		if err = c.command(ctx, "PAUSE", time.Now().Add(c.timeout())); refusedAs(err, alreadyPaused) {
			err = nil
		}
		return false, c.wrap("PAUSE", err)
	}
	return err == nil, c.wrap("PAUSE", err)
}

// Resume lets clients go on. A pooler that is not paused is no error.
func (c Console) Resume(ctx context.Context) error {
	err := c.command(ctx, "RESUME", time.Now().Add(c.timeout()))
	if refusedAs(err, notPaused) {
		return nil
	}
	return c.wrap("RESUME", err)
}

// Reconnect closes each connection to a server as soon as no transaction needs it.
func (c Console) Reconnect(ctx context.Context) error {
	return c.wrap("RECONNECT", c.command(ctx, "RECONNECT", time.Now().Add(c.timeout())))
}

// Writable asks, through the pooler as a client does, whether the server behind it takes writes.
func (c Console) Writable(ctx context.Context, database string) (writable bool, err error) {
	err = c.connected(ctx, database, time.Now().Add(c.timeout()), func(conn *sql.Conn) error {
		return conn.QueryRowContext(ctx, "SELECT NOT pg_catalog.pg_is_in_recovery()").Scan(&writable)
	})
	return writable, c.wrap("ask the server", err)
}

// DeadMan is a command for a shell beside PgBouncer, in its pod: after some time PgBouncer resumes,
// whoever is still there to tell it so. It returns at once, and takes the place of an earlier one.
// PgBouncer is process 1 there; SIGUSR2 is its RESUME. https://www.pgbouncer.org/usage.html#signals
func DeadMan(after time.Duration) []string {
	const earlier = `for p in /proc/[0-9]*; do p=${p#/proc/}; ` +
		`[ $p != $$ ] && grep -qs 'kill -USR2 1' /proc/$p/cmdline && kill $p; done; `
	later := fmt.Sprintf("(sleep %d; kill -USR2 1) </dev/null >/dev/null 2>&1 &", int(after.Round(time.Second).Seconds()))
	return []string{"/bin/sh", "-c", earlier + later}
}

func (c Console) command(ctx context.Context, command string, deadline time.Time) error {
	return c.connected(ctx, console, deadline, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, command) // without arguments, as the console knows the simple protocol alone
		return err
	})
}

// connected does something in one connection, which is cut at the deadline.
func (c Console) connected(ctx context.Context, database string, deadline time.Time, do func(*sql.Conn) error) error {
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	connector, err := pq.NewConnectorConfig(pq.Config{
		Host: host, Port: uint16(number), Database: database, User: c.User, Password: c.Password,
		SSLMode: pq.SSLModeRequire, MinProtocolVersion: "3.0", MaxProtocolVersion: "3.0",
	})
	if err != nil {
		return err
	}
	connector.Dialer(until(deadline))
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return do(conn)
}

func (c Console) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 2 * time.Second
}

func (c Console) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("pgbouncer %s: %s: %w", c.Address, what, err)
}

// refusedAs tells that PgBouncer answered with this text.
func refusedAs(err error, text string) bool {
	var refused *pq.Error
	return errors.As(err, &refused) && strings.Contains(refused.Message, text)
}

// until makes connections that are cut at a time.
type until time.Time

// Dial implements pq.Dialer.
func (u until) Dial(network, address string) (net.Conn, error) {
	return u.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (u until) DialTimeout(network, address string, _ time.Duration) (net.Conn, error) {
	return u.Dial(network, address)
}

// DialContext implements pq.DialerContext.
func (u until) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Deadline: time.Time(u)}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time(u))
}
