package roles

import (
	"database/sql"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/testenv/postgres"
)

// testServer is a PostgreSQL server that logs every statement.
type testServer struct {
	Connector
	version string // 15
	bin     string // directory of its programs
	log     string // path of its log
	stop    func()

	// byHand is the way for statements of the test itself: quick, without TLS and passwords.
	byHand Connector
	open   *sql.DB // to the maintenance database, kept: connections are what takes time
}

const superPassword = postgres.Password

var binaries = flag.String("postgres", postgres.Binaries, "pattern of directories with the programs of a PostgreSQL server")

// servers has one server per installed version, started by TestMain.
var servers []*testServer

func TestMain(m *testing.M) {
	flag.Parse()
	code := 1
	if err := startServers(); err != nil {
		fmt.Fprintln(os.Stderr, "start PostgreSQL:", err)
	} else {
		code = m.Run()
	}
	for _, server := range servers {
		server.stop()
	}
	os.Exit(code)
}

// onEachServer runs a test on every installed version, each time on an empty server.
func onEachServer(t *testing.T, test func(t *testing.T, server *testServer)) {
	for _, server := range servers {
		t.Run("postgres-"+server.version, func(t *testing.T) {
			server.reset(t)
			test(t, server)
		})
	}
}

func startServers() error {
	bins, err := postgres.Installed(*binaries)
	if err != nil {
		return err
	}
	for _, bin := range bins {
		server, err := startServer(bin, false)
		if err != nil {
			return err
		}
		servers = append(servers, server)
	}
	return nil
}

func startServer(bin string, standby bool) (*testServer, error) {
	server, err := postgres.Start(bin, standby)
	if err != nil {
		return nil, err
	}
	return &testServer{
		Connector: Connector{Host: postgres.Host, Port: server.Port, User: "postgres", Password: superPassword},
		version:   server.Version, bin: bin, log: server.Log, stop: server.Stop,
		byHand: Connector{Host: server.Socket, Port: server.Port, User: "postgres", SSLMode: "disable"},
	}, nil
}

// exec runs statements by hand, as a person would with psql.
func (s *testServer) exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	require.NoError(t, s.try(database, statements...))
}

func (s *testServer) try(database string, statements ...string) error {
	db, err := s.handle(database, statements...)
	if err != nil {
		return err
	}
	if db != s.open {
		defer func() { _ = db.Close() }()
	}
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// handle is a connection of its own for statements that would leave a trace in it.
func (s *testServer) handle(database string, statements ...string) (*sql.DB, error) {
	sets := func(statement string) bool { return strings.HasPrefix(statement, "SET ") }
	if database != maintenance || s.stop == nil || slices.ContainsFunc(statements, sets) {
		return s.byHand.Open(database)
	}
	var err error
	if s.open == nil {
		s.open, err = s.byHand.Open(database)
	}
	return s.open, err
}

// list runs a query of one column.
func (s *testServer) list(t testing.TB, database, query string, args ...any) []string {
	t.Helper()
	db, err := s.byHand.Open(database)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	rows, err := db.Query(query, args...)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var value string
		require.NoError(t, rows.Scan(&value))
		out = append(out, value)
	}
	require.NoError(t, rows.Err())
	return out
}

// reset empties the server and makes the roles that Spilo's bootstrap makes.
func (s *testServer) reset(t testing.TB) {
	t.Helper()
	for _, name := range s.list(t, maintenance, `SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')`) {
		s.exec(t, maintenance, "DROP DATABASE "+ident(name)+" WITH (FORCE)")
	}
	for _, name := range s.list(t, maintenance, `SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')`) {
		s.exec(t, maintenance, "DROP SCHEMA "+ident(name)+" CASCADE")
	}
	for _, name := range s.list(t, maintenance, `SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'`) {
		s.exec(t, maintenance, "DROP OWNED BY "+ident(name), "DROP ROLE "+ident(name))
	}
	s.exec(t, maintenance, "CREATE ROLE standby LOGIN REPLICATION", "CREATE ROLE cron_admin NOLOGIN",
		"CREATE ROLE admin CREATEDB NOLOGIN IN ROLE cron_admin", "CREATE ROLE zalandos NOLOGIN")
}

// logged returns the statements that were run since an earlier length of the log.
func (s *testServer) logged(t testing.TB, since int) (statements []string, length int) {
	t.Helper()
	log, err := os.Open(s.log)
	require.NoError(t, err)
	defer func() { _ = log.Close() }()
	_, err = log.Seek(int64(since), io.SeekStart)
	require.NoError(t, err)
	out, err := io.ReadAll(log)
	require.NoError(t, err)
	for _, entry := range strings.Split(string(out), "\n[") {
		_, rest, ok := strings.Cut(entry, "postgres-operator] LOG:  ")
		if !ok {
			continue
		}
		kind, statement, _ := strings.Cut(rest, ": ")
		if kind == "statement" || strings.HasPrefix(kind, "execute") {
			statements = append(statements, strings.TrimSpace(statement))
		}
	}
	return statements, since + len(out)
}

// written are the logged statements that are no plain reads.
func written(statements []string) []string {
	var out []string
	for _, statement := range statements {
		if !strings.HasPrefix(statement, "SELECT ") && !strings.HasPrefix(statement, "SELECT\n") {
			out = append(out, statement)
		}
	}
	return out
}
