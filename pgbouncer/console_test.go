package pgbouncer

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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience of these tests for what takes milliseconds on an idle machine.
const patience = 30 * time.Second

// TestConsole works on a real PgBouncer in front of a real Postgres.
func TestConsole(t *testing.T) {
	ctx := t.Context()
	c, process := startPooler(t)
	require.Eventually(t, func() bool { _, err := c.Writable(ctx, "postgres"); return err == nil }, patience, 50*time.Millisecond)

	t.Run("pause and resume", func(t *testing.T) {
		require.NoError(t, c.Resume(ctx), "not paused")
		idle, err := c.Pause(ctx, patience)
		require.NoError(t, err)
		require.True(t, idle)
		idle, err = c.Pause(ctx, patience)
		require.NoError(t, err, "paused already")
		require.True(t, idle)

		answer := heldBack(t, c)
		require.NoError(t, c.Resume(ctx))
		require.NoError(t, <-answer, "a client that waited")
		require.NoError(t, c.Reconnect(ctx))
	})
	t.Run("a transaction outlasts the patience", func(t *testing.T) {
		transaction := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- c.connected(ctx, "postgres", time.Now().Add(patience), func(conn *sql.Conn) error {
				tx, err := conn.BeginTx(ctx, nil)
				if err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, "SELECT 1"); err != nil {
					return err
				}
				transaction <- struct{}{}
				<-transaction
				return tx.Commit()
			})
		}()
		select {
		case <-transaction:
		case err := <-done:
			require.NoError(t, err)
		}
		idle, err := c.Pause(ctx, 200*time.Millisecond)
		require.NoError(t, err)
		require.False(t, idle)
		close(transaction)
		require.NoError(t, <-done, "the transaction ends as it would have")
		answer := heldBack(t, c)
		require.NoError(t, c.Resume(ctx))
		require.NoError(t, <-answer)
	})
	t.Run("a signal resumes", func(t *testing.T) {
		_, err := c.Pause(ctx, patience)
		require.NoError(t, err)
		answer := heldBack(t, c)
		runDeadMan(t, time.Minute, process.Pid)
		runDeadMan(t, 0, process.Pid)
		require.NoError(t, <-answer)
	})
	t.Run("errors tell whom and why, and no password", func(t *testing.T) {
		wrong := c
		wrong.Password = "not-the-password"
		_, err := wrong.Pause(ctx, patience)
		require.ErrorContains(t, err, "pgbouncer "+c.Address+": PAUSE: ")
		require.ErrorContains(t, err, "authentication failed")
		require.NotContains(t, err.Error(), wrong.Password)
		require.Equal(t, "pooler@"+c.Address, fmt.Sprintf("%v", wrong))
		require.NotContains(t, fmt.Sprintf("%+v %#v", wrong, wrong), wrong.Password)

		closed := c
		closed.Address = freeAddress(t)
		require.ErrorContains(t, closed.Resume(ctx), "refused")
	})
	t.Run("a pooler that hangs is left at the deadline", func(t *testing.T) {
		require.NoError(t, process.Signal(syscall.SIGSTOP))
		defer func() { require.NoError(t, process.Signal(syscall.SIGCONT)) }()
		hanging := c
		hanging.Timeout = 100 * time.Millisecond
		_, err := hanging.Pause(ctx, 100*time.Millisecond)
		require.ErrorContains(t, err, "timeout")
		require.ErrorContains(t, hanging.Resume(ctx), "timeout")
	})
}

// runDeadMan runs it here, where PgBouncer is not process 1.
func runDeadMan(t *testing.T, after time.Duration, pid int) {
	t.Helper()
	command := DeadMan(after)
	command[2] = strings.ReplaceAll(command[2], "kill -USR2 1", fmt.Sprintf("kill -USR2 %d", pid))
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, string(out))
}

func TestDeadManTakesThePlaceOfAnEarlierOne(t *testing.T) {
	const nobody = 1 << 30
	running := func() (n int) {
		commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
		require.NoError(t, err)
		for _, path := range commands {
			if text, _ := os.ReadFile(path); strings.Contains(string(text), fmt.Sprintf("kill -USR2 %d)", nobody)) {
				n++
			}
		}
		return n
	}
	runDeadMan(t, time.Minute, nobody)
	require.Equal(t, 1, running())
	runDeadMan(t, time.Second, nobody)
	require.Eventually(t, func() bool { return running() == 0 }, patience, 20*time.Millisecond)
}

// heldBack starts a client of a paused pooler, which gets its answer later.
func heldBack(t *testing.T, c Console) <-chan error {
	t.Helper()
	answer := make(chan error, 1)
	go func() {
		writable, err := c.Writable(context.Background(), "postgres")
		if err == nil && !writable {
			err = fmt.Errorf("not writable")
		}
		answer <- err
	}()
	idle, err := c.Pause(t.Context(), patience) // the client has had some time
	require.NoError(t, err)
	require.True(t, idle)
	require.Empty(t, answer, "the pooler is not paused")
	return answer
}

// startPooler starts a server and a pooler as images of the operator's poolers configure it.
func startPooler(t *testing.T) (Console, *os.Process) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgbouncer-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	attributes := unprivileged(t, dir)
	server, pooler := freeAddress(t), freeAddress(t)
	run := func(name string, arguments ...string) *exec.Cmd {
		cmd := exec.Command(name, arguments...)
		cmd.SysProcAttr, cmd.Dir = attributes, dir
		return cmd
	}
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	require.NoError(t, err)
	require.NotEmpty(t, bins, "apt-get install postgresql")
	out, err := run(filepath.Join(bins[0], "initdb"), "-D", "data", "-U", "pooler", "--auth=trust", "--no-sync").CombinedOutput()
	require.NoError(t, err, string(out))
	_, port, err := net.SplitHostPort(server)
	require.NoError(t, err)
	start(t, run(filepath.Join(bins[0], "postgres"), "-D", "data", "-p", port, "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"))

	_, listen, err := net.SplitHostPort(pooler)
	require.NoError(t, err)
	certificate, key := selfSigned(t)
	for name, content := range map[string]string{
		"tls.crt": certificate, "tls.key": key, "userlist.txt": `"pooler" "secret"` + "\n",
		"pgbouncer.ini": "[databases]\n* = host=127.0.0.1 port=" + port + "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " + listen +
			"\nunix_socket_dir =\npool_mode = transaction\nauth_type = md5\nauth_file = userlist.txt\nadmin_users = pooler\n" +
			"client_tls_sslmode = require\nclient_tls_cert_file = tls.crt\nclient_tls_key_file = tls.key\nserver_login_retry = 0\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	process := start(t, run("/usr/sbin/pgbouncer", "pgbouncer.ini"))
	return Console{Address: pooler, User: "pooler", Password: "secret", Timeout: patience}, process
}

func start(t *testing.T, cmd *exec.Cmd) *os.Process {
	t.Helper()
	log := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return cmd.Process
}

// unprivileged gives dir to the user postgres when root runs the tests: both programs refuse root.
func unprivileged(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}
	}
	postgres, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, _ := strconv.Atoi(postgres.Uid)
	gid, _ := strconv.Atoi(postgres.Gid)
	require.NoError(t, os.Chown(dir, uid, gid))
	return &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		Pdeathsig:  syscall.SIGQUIT, // a killed test must not leave a server behind
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}
