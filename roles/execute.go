package roles

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"
)

// Report is the outcome of a sync.
type Report struct {
	// Done are the statements that were run, in order.
	Done []Statement

	// Skipped is the number of statements that were not tried, because what they need failed.
	Skipped int

	// Problems are all items that are not as they should be, sorted.
	Problems []Problem

	unfinished map[string]bool // items of statements that were not run or failed
}

// InStep tells whether a role is as it should be, the statements about it having all been run.
func (r Report) InStep(role string) bool {
	item := roleItem(role)
	return !r.unfinished[item] && !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Item == item })
}

// Failed tells whether a role is not as it should be.
func (r Report) Failed(role string) bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Item == roleItem(role) })
}

// Sync brings a server to what want asks for. The error is for a server that cannot be used at all;
// items that fail are Problems of the Report, next to those that want has already.
func Sync(ctx context.Context, server Connector, want Set, passwords Passwords) (Report, error) {
	var total Report
	for range 2 { // a new database may have brought things from template1, which the second round sees
		state, unread, err := Read(ctx, server, want)
		if err != nil {
			return total, err
		}
		plan := Diff(want, state, passwords)
		report := Execute(ctx, server, plan)
		total.Done = append(total.Done, report.Done...)
		total.Skipped, total.unfinished = report.Skipped, report.unfinished
		total.Problems = slices.Concat(want.Problems, unread, plan.Problems, report.Problems)
		if !slices.ContainsFunc(report.Done, createsDatabase) {
			break
		}
	}
	sortProblems(total.Problems)
	return total, nil
}

func createsDatabase(s Statement) bool { return strings.HasPrefix(s.makes, databaseKey("")) }

// Execute runs a plan in its order. A statement that fails stops only those that need what it makes.
func Execute(ctx context.Context, server Connector, plan Plan) Report {
	e := &executor{server: server, failed: map[string]bool{}, report: Report{unfinished: map[string]bool{}}}
	for key := range plan.blocked {
		e.failed[key] = true
	}
	defer e.disconnect()
	for i, statement := range plan.Statements {
		if e.lost != nil || ctx.Err() != nil {
			e.report.Skipped += len(plan.Statements) - i
			for _, left := range plan.Statements[i:] {
				e.fail(left)
			}
			e.refuse(Problem{Reason: fmt.Sprintf("stopped before the last statement: %v; the next sync goes on", errors.Join(e.lost, ctx.Err()))})
			break
		}
		e.run(ctx, statement)
	}
	sortProblems(e.report.Problems)
	return e.report
}

type executor struct {
	server   Connector
	db       *sql.DB
	database string
	failed   map[string]bool // keys of items that do not exist now
	lost     error           // the server went away
	report   Report
}

func (e *executor) refuse(p Problem) { e.report.Problems = append(e.report.Problems, p) }

func (e *executor) run(ctx context.Context, s Statement) {
	if slices.ContainsFunc(s.needs, func(key string) bool { return e.failed[key] }) {
		e.fail(s)
		e.report.Skipped++
		return
	}
	if err := e.connect(or(s.Database, maintenance)); err != nil {
		e.lost = err
		e.fail(s)
		return
	}
	_, err := e.db.ExecContext(ctx, s.sql)
	var refused *pq.Error
	switch {
	case err == nil:
		e.report.Done = append(e.report.Done, s)
		return
	case errors.As(err, &refused) && !refused.Fatal():
		e.refuse(serverProblem(refused, s))
	case refused != nil && s.Database != "": // this database lets nobody in, others may
		e.refuse(serverProblem(refused, Statement{Item: databaseItem(s.Database), Action: "connect"}))
		e.failed[databaseKey(s.Database)] = true
	case ctx.Err() != nil: // told once, by Execute
	default:
		e.lost = fmt.Errorf("%s: %s: %w", s.Item, s.Action, err)
	}
	e.fail(s)
}

// fail remembers that what the statement makes is not there.
func (e *executor) fail(s Statement) {
	e.report.unfinished[s.Item] = true
	if s.makes != "" {
		e.failed[s.makes] = true
	}
}

// connect keeps one connection, to the database of the statement at hand.
func (e *executor) connect(database string) error {
	if e.db != nil && e.database == database {
		return nil
	}
	e.disconnect()
	db, err := e.server.Open(database)
	if err != nil {
		return err
	}
	e.db, e.database = db, database
	return nil
}

func (e *executor) disconnect() {
	if e.db != nil {
		_ = e.db.Close()
		e.db = nil
	}
}
