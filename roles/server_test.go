package roles

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testServer is a PostgreSQL server of Debian's packages, on a free port, with TLS, which logs every statement.
type testServer struct {
	Connector
	version string // 15
	bin     string // directory of its programs
	log     string // path of its log
	process *os.Process
	dir     string
}

const superPassword = "superuser-password-in-clear-text"

var binaries = flag.String("postgres", "/usr/lib/postgresql/*/bin", "pattern of directories with the programs of a PostgreSQL server")

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
	bins, err := filepath.Glob(*binaries)
	if err != nil || len(bins) == 0 {
		return fmt.Errorf("there is no %s: apt-get install postgresql postgresql-contrib", *binaries)
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
	dir, err := os.MkdirTemp("", "roles-postgres-")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	s := &testServer{bin: bin, version: filepath.Base(filepath.Dir(bin)), dir: dir, log: filepath.Join(dir, "log")}
	s.Connector = Connector{Host: "127.0.0.1", Port: uint16(port), User: "postgres", Password: superPassword}
	attributes, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	password, data := filepath.Join(dir, "password"), filepath.Join(dir, "data")
	if err := os.WriteFile(password, []byte(superPassword), 0o644); err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "--pwfile", password,
		"--auth=md5", "--no-sync", "--encoding=UTF8", "--locale=C")
	initdb.SysProcAttr = attributes
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := writeCertificate(data, attributes); err != nil {
		return nil, err
	}
	if standby {
		if err := os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o644); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	postgres := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "ssl=on", "-c", "fsync=off", "-c", "log_statement=all",
		"-c", "log_line_prefix=[%a] ", "-c", "shared_buffers=32MB")
	postgres.SysProcAttr, postgres.Stderr, postgres.Stdout = attributes, log, log
	if err := postgres.Start(); err != nil {
		return nil, err
	}
	s.process = postgres.Process
	if err := s.wait(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// unprivileged gives dir to the user postgres when root runs the tests: the server refuses root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(postgres.Uid)
	gid, _ := strconv.Atoi(postgres.Gid)
	return &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		Pdeathsig:  syscall.SIGQUIT, // a killed test must not leave a server behind
	}, os.Chown(dir, uid, gid)
}

func writeCertificate(data string, attributes *syscall.SysProcAttr) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"server.crt": {Type: "CERTIFICATE", Bytes: certificate}, "server.key": {Type: "EC PRIVATE KEY", Bytes: encoded},
	} {
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
		if c := attributes.Credential; c != nil {
			if err := os.Chown(path, int(c.Uid), int(c.Gid)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *testServer) wait() error {
	var err error
	for range 200 {
		db, openErr := s.Open(maintenance)
		if openErr != nil {
			return openErr
		}
		err = db.Ping()
		_ = db.Close()
		if err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	out, _ := os.ReadFile(s.log)
	return fmt.Errorf("server does not answer: %w: %s", err, out)
}

func (s *testServer) stop() {
	_ = s.process.Signal(syscall.SIGQUIT)
	_, _ = s.process.Wait()
	_ = os.RemoveAll(s.dir)
}

// exec runs statements by hand, as a person would with psql.
func (s *testServer) exec(t *testing.T, database string, statements ...string) {
	t.Helper()
	require.NoError(t, s.try(database, statements...))
}

func (s *testServer) try(database string, statements ...string) error {
	db, err := s.Open(database)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// list runs a query of one column.
func (s *testServer) list(t *testing.T, database, query string, args ...any) []string {
	t.Helper()
	db, err := s.Open(database)
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
func (s *testServer) reset(t *testing.T) {
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
func (s *testServer) logged(t *testing.T, since int) (statements []string, length int) {
	t.Helper()
	out, err := os.ReadFile(s.log)
	require.NoError(t, err)
	for _, entry := range strings.Split(string(out[since:]), "\n[") {
		_, rest, ok := strings.Cut(entry, "postgres-operator] LOG:  ")
		if !ok {
			continue
		}
		kind, statement, _ := strings.Cut(rest, ": ")
		if kind == "statement" || strings.HasPrefix(kind, "execute") {
			statements = append(statements, strings.TrimSpace(statement))
		}
	}
	return statements, len(out)
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
