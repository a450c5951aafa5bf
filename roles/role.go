package roles

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says where a role comes from. Of two roles with one name, the kind with the higher rank stays.
type Kind string

// The kinds, lowest rank first.
const (
	Manifest       Kind = "manifest"       // spec.users
	Infrastructure Kind = "infrastructure" // Secrets that the operator's configuration names
	Team           Kind = "team"           // members of teams
	Prepared       Kind = "prepared"       // spec.preparedDatabases
	Superuser      Kind = "superuser"      // super_username
	Replication    Kind = "replication"    // replication_username
	Pooler         Kind = "pooler"         // the connection pooler's role
	Stream         Kind = "stream"         // the role that reads event streams
)

func (k Kind) rank() int {
	return slices.Index([]Kind{Manifest, Infrastructure, Team, Prepared, Superuser, Replication, Pooler, Stream}, k)
}

// system roles make a cluster work at all; no other kind may take their names.
func (k Kind) system() bool { return k.rank() >= Superuser.rank() }

// Role is a database role as it should be.
type Role struct {
	Name string
	Kind Kind

	// Flags are role attributes such as LOGIN or NOINHERIT: upper case, sorted, no contradictions.
	// An attribute that is not listed is left as it is.
	Flags []string

	// MemberOf are the groups that the role belongs to, sorted.
	MemberOf []string

	// AdminRole may grant this role to others (WITH ADMIN OPTION); empty for none.
	AdminRole string

	// Parameters are set for all sessions of the role. Empty leaves what is there, otherwise they are
	// the whole set.
	Parameters map[string]string

	// DatabaseOwner is true for owners of databases. They get additional_owner_roles, and their
	// passwords are not rotated unless a manifest says so.
	DatabaseOwner bool

	// Base is the role that a dated login stands in for; empty for all others. KeepsPassword leaves the
	// role's password alone: its Secret holds that of a dated login. See Set.Rotated.
	Base          string
	KeepsPassword bool

	// SecretNamespace is where the Secret goes; empty means the cluster's namespace.
	SecretNamespace string

	// Field is the manifest field or configuration option that asks for the role.
	Field string
}

// Login tells whether the role may log in.
func (r Role) Login() bool { return slices.Contains(r.Flags, "LOGIN") }

// NeedsSecret tells whether a Secret holds the role's password. Team members have none, they log in
// through PAM. A user of the manifest has one even with NOLOGIN.
func (r Role) NeedsSecret() bool {
	switch r.Kind {
	case Team:
		return false
	case Prepared:
		return r.Login()
	default:
		return true
	}
}

// flagNames are the role attributes that a manifest may set, each also with NO in front.
// https://www.postgresql.org/docs/current/sql-createrole.html
func flagNames() []string {
	return []string{"BYPASSRLS", "CREATEDB", "CREATEROLE", "INHERIT", "LOGIN", "REPLICATION", "SUPERUSER"}
}

// normaliseFlags brings flags to the form of Role.Flags and adds LOGIN unless they decide on it.
func normaliseFlags(flags []string) ([]string, error) {
	var out []string
	for _, flag := range flags {
		upper := strings.ToUpper(flag)
		if !slices.Contains(flagNames(), strings.TrimPrefix(upper, "NO")) {
			return nil, fmt.Errorf("flag %q is not one of %s, or one of these with NO in front",
				flag, strings.Join(flagNames(), ", "))
		}
		if opposite := opposite(upper); slices.Contains(out, opposite) {
			return nil, fmt.Errorf("flags %q and %q contradict each other", opposite, upper)
		}
		if !slices.Contains(out, upper) {
			out = append(out, upper)
		}
	}
	if !slices.Contains(out, "LOGIN") && !slices.Contains(out, "NOLOGIN") {
		out = append(out, "LOGIN")
	}
	slices.Sort(out)
	return out, nil
}

func opposite(flag string) string {
	if name, ok := strings.CutPrefix(flag, "NO"); ok {
		return name
	}
	return "NO" + flag
}
