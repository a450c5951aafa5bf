// Package postgres gives tests a real PostgreSQL server, of Debian's packages, on a free port, with TLS,
// which logs every statement.
package postgres

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	_ "github.com/lib/pq" // registers the driver
)

// Binaries is the pattern of directories with the programs of a server, one for each installed version.
const Binaries = "/usr/lib/postgresql/*/bin"

// Password of the superuser of a new server, and Host where it listens.
const (
	Password = "superuser-password-in-clear-text"
	Host     = "127.0.0.1"
)

// Server is a running server, whose superuser is postgres.
type Server struct {
	Port    uint16
	Version string // 15
	Bin     string // directory of its programs
	Log     string // path of its log
	Socket  string // directory of its socket, through which everybody is let in without a password

	process *os.Process
	dir     string
}

// Installed are the directories with programs of the versions that are there; none is an error.
func Installed(pattern string) ([]string, error) {
	bins, err := filepath.Glob(pattern)
	if err != nil || len(bins) == 0 {
		return nil, fmt.Errorf("there is no %s: apt-get install postgresql postgresql-contrib", pattern)
	}
	return bins, nil
}

// Start initialises a server and starts it, as a standby that follows nobody if asked to.
func Start(bin string, standby bool) (*Server, error) {
	dir, err := os.MkdirTemp("", "test-postgres-")
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", Host+":0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	s := &Server{Bin: bin, Version: filepath.Base(filepath.Dir(bin)), Port: uint16(port), dir: dir, Log: filepath.Join(dir, "log"), Socket: dir}
	attributes, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	password, data := filepath.Join(dir, "password"), filepath.Join(dir, "data")
	if err := os.WriteFile(password, []byte(Password), 0o644); err != nil {
		return nil, err
	}
	initdb := exec.CommandContext(context.Background(), filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "--pwfile", password,
		"--auth-host=md5", "--auth-local=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
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
	log, err := os.Create(s.Log)
	if err != nil {
		return nil, err
	}
	postgres := exec.CommandContext(context.Background(), filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses="+Host, "-c", "ssl=on", "-c", "fsync=off", "-c", "log_statement=all",
		"-c", "log_line_prefix=[%a] ", "-c", "shared_buffers=32MB",
		"-c", "autovacuum=off", "-c", "jit=off", "-c", "max_wal_size=4GB", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
	postgres.SysProcAttr, postgres.Stderr, postgres.Stdout = attributes, log, log
	if err := postgres.Start(); err != nil {
		return nil, err
	}
	s.process = postgres.Process
	if err := s.wait(); err != nil {
		s.Stop()
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

func (s *Server) wait() error {
	db, err := sql.Open("postgres", fmt.Sprintf("host=%s port=%d user=postgres password=%s dbname=postgres sslmode=require", Host, s.Port, Password))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for range 1200 { // a minute, on a busy machine
		if err = db.PingContext(context.Background()); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	out, _ := os.ReadFile(s.Log)
	return fmt.Errorf("server does not answer: %w: %s", err, out)
}

// Stop ends the server and removes its data.
func (s *Server) Stop() {
	_ = s.process.Signal(syscall.SIGQUIT)
	_, _ = s.process.Wait()
	_ = os.RemoveAll(s.dir)
}
