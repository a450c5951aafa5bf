//go:build e2e

package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// traffic is an application that never rests: writers and a reader, each with its connection, on one
// Service. It keeps count of what was acknowledged, and at the end looks for it.
type traffic struct {
	cluster
	name  string // of the application, in its rows
	as    login
	limit time.Duration // of a statement, connecting included; no longer than a client would wait
	dsn   string

	stopped chan struct{}
	workers sync.WaitGroup

	mu     sync.Mutex
	acked  map[int64]bool
	next   int64
	errors map[string]int
	began  time.Time // of the time without an acknowledged write: the last one
	report trafficReport
}

// trafficReport is what came of it.
type trafficReport struct {
	Writes, Reads int           // acknowledged
	Errors        int           // statements and connections that failed
	Outage        time.Duration // the longest time without an acknowledged write
	Lost          []int64       // acknowledged, and not there
	Stale         int           // reads that lacked a write which was acknowledged before they began
	Texts         []string      // of errors, each with how often it came
}

func (r trafficReport) String() string {
	text := fmt.Sprintf("%d writes and %d reads, %d errors, longest time without a write %.2fs, %d acknowledged writes lost, %d stale reads",
		r.Writes, r.Reads, r.Errors, r.Outage.Seconds(), len(r.Lost), r.Stale)
	for _, e := range r.Texts {
		text += "\n      " + e
	}
	return text
}

// Pauses between two statements of a worker, and between two attempts to connect.
const (
	writePause = 5 * time.Millisecond
	retryPause = 10 * time.Millisecond
)

// drive starts traffic and returns when its first write is acknowledged. The table is made when
// it is missing, so several applications may share it.
func (c cluster) drive(t *testing.T, name string, as login, limit time.Duration) *traffic {
	t.Helper()
	c.awaitQuery(t, as, "SELECT 1", "1")
	c.mustQuery(t, login{c.name, as.user, as.database}, "CREATE TABLE IF NOT EXISTS traffic (name text, n bigint, PRIMARY KEY (name, n))")
	service, err := c.service(context.Background(), as.service)
	require.NoError(t, err)
	password, err := c.password(context.Background(), as.user)
	require.NoError(t, err)
	tr := &traffic{
		// Rows of an earlier run of the same application stay.
		cluster: c, name: fmt.Sprintf("%s-%d", name, time.Now().UnixNano()), as: as, limit: limit,
		dsn:     strings.Replace(connectionString(*service, as, password), "connect_timeout=5", fmt.Sprintf("connect_timeout=%d", int(limit.Seconds())), 1),
		stopped: make(chan struct{}), acked: map[int64]bool{}, errors: map[string]int{}, began: time.Now(),
	}
	for range 2 {
		tr.workers.Go(func() { tr.work(false, tr.write) })
	}
	tr.workers.Go(func() { tr.work(true, tr.write) })
	tr.workers.Go(func() { tr.work(false, tr.read) })
	t.Cleanup(tr.end) // when the test fails meanwhile
	eventually(t, boot, name+" writes", func(context.Context) error {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		if len(tr.acked) == 0 {
			return fmt.Errorf("errors: %v", tr.errors)
		}
		tr.began, tr.report.Outage = time.Now(), 0
		clear(tr.errors)
		return nil
	})
	return tr
}

// end stops the workers.
func (tr *traffic) end() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	select {
	case <-tr.stopped:
	default:
		close(tr.stopped)
	}
}

// finish stops the traffic after one more write, looks for what was acknowledged, and reports.
func (tr *traffic) finish(t *testing.T) trafficReport {
	t.Helper()
	before := tr.written()
	eventually(t, boot, tr.name+" writes on", func(context.Context) error {
		if tr.written() == before {
			return errNotYet
		}
		return nil
	})
	tr.end()
	tr.workers.Wait()
	there := map[int64]bool{}
	eventually(t, boot, "the rows of "+tr.name+" are read", func(ctx context.Context) error { return tr.readAll(ctx, there) })

	r := tr.report
	r.Writes = len(tr.acked)
	for n := range tr.acked {
		if !there[n] {
			r.Lost = append(r.Lost, n)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(tr.errors)) {
		r.Errors += tr.errors[text]
		r.Texts = append(r.Texts, fmt.Sprintf("%4d× %s", tr.errors[text], text))
	}
	t.Logf("%s through %s: %s", tr.name, tr.as.service, r)
	return r
}

func (tr *traffic) written() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.acked)
}

// work repeats a statement in one connection, or each time in a new one, until the traffic is stopped.
func (tr *traffic) work(anew bool, do func(context.Context, *sql.Conn) error) {
	db, err := sql.Open("postgres", tr.dsn)
	if err != nil {
		tr.failed(err)
		return
	}
	defer db.Close()
	db.SetMaxIdleConns(0) // a connection that is given back is closed
	var conn *sql.Conn
	for {
		select {
		case <-tr.stopped:
			return
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), tr.limit)
		if conn == nil {
			conn, err = db.Conn(ctx)
		}
		if err == nil {
			err = do(ctx, conn)
		}
		cancel()
		if conn != nil && (err != nil || anew) {
			_ = conn.Close()
			conn = nil
		}
		if err != nil {
			tr.failed(err)
			err = nil
			time.Sleep(retryPause)
		}
		time.Sleep(writePause)
	}
}

func (tr *traffic) failed(err error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	text := err.Error()
	if i := strings.Index(text, "->"); i >= 0 { // the ports of connections differ
		text = text[i:]
	}
	tr.errors[text]++
}

// write writes the next number, every fourth one in a transaction of several statements. A number is
// tried once: of one that failed nobody knows what became of it.
func (tr *traffic) write(ctx context.Context, conn *sql.Conn) error {
	tr.mu.Lock()
	n := tr.next
	tr.next++
	tr.mu.Unlock()
	// Without parameters, as these would be statements that are prepared in one connection and may be
	// run in another.
	insert := fmt.Sprintf("INSERT INTO traffic VALUES ('%s', %d)", tr.name, n)
	if n%4 == 0 {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(ctx, insert); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "SELECT pg_sleep(0.01)"); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	} else if _, err := conn.ExecContext(ctx, insert); err != nil {
		return err
	}
	tr.acknowledged(n)
	return nil
}

func (tr *traffic) acknowledged(n int64) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	now := time.Now()
	tr.report.Outage = max(tr.report.Outage, now.Sub(tr.began))
	tr.acked[n], tr.began = true, now
}

// read looks for a write that was acknowledged before.
func (tr *traffic) read(ctx context.Context, conn *sql.Conn) error {
	tr.mu.Lock()
	n := int64(-1)
	for n = range tr.acked { // any
		break
	}
	tr.mu.Unlock()
	if n < 0 {
		return nil
	}
	var found int
	query := fmt.Sprintf("SELECT count(*) FROM traffic WHERE name = '%s' AND n = %d", tr.name, n)
	if err := conn.QueryRowContext(ctx, query).Scan(&found); err != nil {
		return err
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.report.Reads++
	if found == 0 {
		tr.report.Stale++
	}
	return nil
}

// readAll reads what is there from the primary.
func (tr *traffic) readAll(ctx context.Context, there map[int64]bool) error {
	service, err := tr.service(ctx, tr.cluster.name)
	if err != nil {
		return err
	}
	password, err := tr.password(ctx, tr.as.user)
	if err != nil {
		return err
	}
	db, err := sql.Open("postgres", connectionString(*service, tr.as, password))
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT n FROM traffic WHERE name = $1", tr.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		there[n] = true
	}
	return rows.Err()
}
