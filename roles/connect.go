package roles

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// maintenance is the database for what belongs to the server as a whole. Every cluster has it.
const maintenance = "postgres"

// Connector tells how to reach the primary of a cluster as superuser.
type Connector struct {
	// Host and Port of the primary: its Service, or what forwards to it. Port 0 means 5432.
	Host string
	Port uint16

	User     string
	Password string

	// Changing is the password that User is about to get, or has got already; empty for none.
	Changing string

	// SSLMode as in libpq; empty means require.
	SSLMode string

	// Dial opens connections; nil for the network as it is.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Timeouts; zero means 10 s to connect, 30 s for a statement, 5 s for a lock.
	ConnectTimeout, StatementTimeout, LockTimeout time.Duration

	readOnly bool // the server refuses to write
}

// String masks the password.
func (c Connector) String() string { return fmt.Sprintf("%s@%s:%d", c.User, c.Host, c.Port) }

// GoString masks as String does.
func (c Connector) GoString() string { return c.String() }

// Open prepares one connection to a database; it is made at the first use. The caller closes it.
//
// The session looks names up in pg_catalog only, so that nothing in a tenant's schema is run with a
// superuser's rights (CVE-2018-1058), and does not wait for synchronous replicas, so that roles can
// be made while there is none.
func (c Connector) Open(database string) (*sql.DB, error) {
	way, err := c.way(database, c.Password)
	if err == nil && c.Changing != "" {
		var next driver.Connector
		next, err = c.way(database, c.Changing)
		way = changing{way, next}
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to %s, %s: %w", c, databaseItem(database), err)
	}
	db := sql.OpenDB(way)
	db.SetMaxOpenConns(1)
	return db, nil
}

func (c Connector) way(database, password string) (driver.Connector, error) {
	connector, err := pq.NewConnectorConfig(pq.Config{
		Host: c.Host, Port: or(c.Port, 5432), Database: database, User: c.User, Password: password,
		SSLMode:         pq.SSLMode(or(c.SSLMode, string(pq.SSLModeRequire))),
		SSLSNI:          true,
		ConnectTimeout:  or(c.ConnectTimeout, 10*time.Second),
		ApplicationName: "postgres-operator", ClientEncoding: "UTF8", Datestyle: "ISO, MDY",
		MinProtocolVersion: "3.0", MaxProtocolVersion: "3.0",
		Runtime: map[string]string{
			"search_path":        "pg_catalog",
			"synchronous_commit": "local",
			"statement_timeout":  milliseconds(or(c.StatementTimeout, 30*time.Second)),
			"lock_timeout":       milliseconds(or(c.LockTimeout, 5*time.Second)),

			"default_transaction_read_only": strconv.FormatBool(c.readOnly),
		},
	})
	if err == nil && c.Dial != nil {
		connector.Dialer(dialer(c.Dial))
	}
	return connector, err
}

// dialer makes a function what the driver asks for.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// DialContext implements pq.DialerContext, which the driver prefers to the rest of pq.Dialer.
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// Dial implements pq.Dialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d(ctx, network, address)
}

// changing connects with the password of old or, where that is no longer the one, with that of next.
type changing struct{ old, next driver.Connector }

// Connect implements driver.Connector.
func (w changing) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := w.old.Connect(ctx)
	var refused *pq.Error
	if errors.As(err, &refused) && refused.Code == pqerror.InvalidPassword {
		return w.next.Connect(ctx)
	}
	return conn, err
}

// Driver implements driver.Connector.
func (w changing) Driver() driver.Driver { return w.old.Driver() }

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// queryer is what reading needs of a connection.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}
