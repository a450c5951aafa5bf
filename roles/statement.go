package roles

import (
	"strings"
)

// Statement is one step of a Plan: SQL that makes one item as it should be. It prints with verifiers
// masked; the SQL itself stays inside the package.
type Statement struct {
	// Database to run it in; empty for what belongs to the server as a whole.
	Database string

	// Item that it makes or changes, and Action in one word.
	Item, Action string

	sql    string
	secret Verifier // what of sql must not be shown
	makes  string   // key of the item that exists after it
	needs  []string // keys of items that must not have failed
	field  string
}

// String is the SQL with verifiers masked.
func (s Statement) String() string {
	sql := s.sql
	if s.secret != "" {
		sql = strings.ReplaceAll(sql, literal(string(s.secret)), "'***'")
	}
	if s.Database != "" {
		return s.Database + ": " + sql
	}
	return sql
}

// GoString masks as String does.
func (s Statement) GoString() string { return s.String() }

// Plan is what has to be done, in order, and what cannot be.
type Plan struct {
	Statements []Statement
	Problems   []Problem

	// blocked are keys of items that the plan leaves out although others may need them.
	blocked map[string]bool
}

// String lists the statements, one per line, ready to be read by a person.
func (p Plan) String() string {
	var b strings.Builder
	for _, statement := range p.Statements {
		b.WriteString(statement.String() + ";\n")
	}
	return b.String()
}

// Keys of items, by which statements say what they make and need.
func roleKey(name string) string             { return "role/" + name }
func databaseKey(name string) string         { return "database/" + name }
func schemaKey(database, name string) string { return "schema/" + database + "/" + name }
