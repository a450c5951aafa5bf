package roles

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is asked for and is not done, while the rest is. Its text is stable from
// sync to sync and holds no password, so that it can stand in a condition.
type Problem struct {
	// Item is what is concerned: role "app", extension "x" in database "y".
	Item string

	// Field and Value are what the manifest or the configuration says; empty where the cause is not there.
	Field, Value string

	// Reason says what is wrong, and what is allowed or what to do.
	Reason string

	// SQLState is Postgres' error code when a server refused; see
	// https://www.postgresql.org/docs/current/errcodes-appendix.html.
	SQLState string
}

// Error makes a Problem an error: field, value, item, reason, in this order.
func (p Problem) Error() string {
	var parts []string
	if p.Field != "" {
		parts = append(parts, p.Field)
	}
	if p.Value != "" {
		parts = append(parts, fmt.Sprintf("%q", p.Value))
	}
	if p.Item != "" {
		parts = append(parts, p.Item)
	}
	parts = append(parts, p.Reason)
	text := strings.Join(parts, ": ")
	if p.SQLState != "" {
		text += " (SQLSTATE " + p.SQLState + ")"
	}
	return text
}

func sortProblems(problems []Problem) {
	slices.SortFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Error(), b.Error()) })
}

// Texts of items, the same in problems, plans and logs.
func roleItem(name string) string     { return fmt.Sprintf("role %q", name) }
func databaseItem(name string) string { return fmt.Sprintf("database %q", name) }
func schemaItem(database, name string) string {
	return fmt.Sprintf("schema %q in database %q", name, database)
}
func extensionItem(database, name string) string {
	return fmt.Sprintf("extension %q in database %q", name, database)
}
