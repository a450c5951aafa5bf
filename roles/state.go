package roles

import "strings"

// State is what a server holds of the things that a Set is about, read from its catalogs.
type State struct {
	// Version of the server, as in server_version_num: 170002.
	Version int

	// User is the connected role.
	User string

	// Roles by name: the wanted ones, and those that they refer to.
	Roles map[string]ActualRole

	// Databases by name, all of the server without its templates.
	Databases map[string]ActualDatabase
}

// ActualRole is a row of pg_authid with what belongs to it.
type ActualRole struct {
	// Flags in the form of Role.Flags, without NO: the attributes that the role has.
	Flags map[string]bool

	Verifier Verifier

	// Parameters that hold in all databases.
	Parameters map[string]string

	// MemberOf by group.
	MemberOf map[string]Membership

	// Databases in which a dated login owns something or has privileges; empty for what belongs to no
	// database. It is not read for other roles.
	Databases []string
}

// Membership is a row of pg_auth_members; of several grantors, all are listed.
type Membership struct {
	Admin    bool
	Grantors []string
}

// ActualDatabase is a row of pg_database.
type ActualDatabase struct {
	Owner string

	// AllowsConnections is false for databases that nobody may enter.
	AllowsConnections bool

	// Contents are nil when nothing in the database is of interest, or when it could not be read.
	Contents *Contents
}

// Contents are what one query reads inside a database.
type Contents struct {
	Schemas    map[string]ActualSchema
	Extensions map[string]ActualExtension
	Defaults   map[defaultKey]bool
	Lookup     *ActualLookup

	// Publications of event streams, by name; nil where there were never streams.
	Publications map[string]ActualPublication
}

// ActualSchema is a row of pg_namespace.
type ActualSchema struct {
	Owner string

	// Usage are the roles with USAGE; the empty name is PUBLIC.
	Usage map[string]bool
}

// ActualExtension is a row of pg_extension.
type ActualExtension struct {
	Schema string

	// Relocatable extensions can be moved to another schema.
	Relocatable bool
}

// defaultKey is one privilege of one entry of pg_default_acl.
type defaultKey struct {
	Creator, Schema string
	Object          ObjectType
	Grantee         string
	Privilege       string
}

// ActualLookup is the look-up function as found.
type ActualLookup struct {
	Source          string
	SecurityDefiner bool
	Config          []string
	OwnerSuperuser  bool

	// Execute are the roles with EXECUTE; the empty name is PUBLIC.
	Execute map[string]bool
}

// listParameters hold names separated by commas, which Postgres stores each in quotes of its own.
// https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_dump/dumputils.c, variable_is_guc_list_quote
func isListParameter(name string) bool {
	switch strings.ToLower(name) {
	case "local_preload_libraries", "search_path", "session_preload_libraries",
		"shared_preload_libraries", "temp_tablespaces", "unix_socket_directories":
		return true
	}
	return false
}

// splitNames reads a list of names as Postgres does: quoted ones keep their case, the others are
// folded to lower case. https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/utils/adt/varlena.c, SplitIdentifierString
func splitNames(list string) []string {
	var names []string
	var name strings.Builder
	quoted, wasQuoted := false, false
	flush := func() {
		text := name.String()
		if !wasQuoted {
			text = strings.ToLower(strings.TrimSpace(text))
		}
		if text != "" { // an empty list is stored as one empty name
			names = append(names, text)
		}
		name.Reset()
		wasQuoted = false
	}
	for i := 0; i < len(list); i++ {
		c := list[i]
		switch {
		case quoted && c == '"' && i+1 < len(list) && list[i+1] == '"':
			name.WriteByte('"')
			i++
		case quoted && c == '"':
			quoted = false
		case quoted:
			name.WriteByte(c)
		case c == '"':
			quoted, wasQuoted = true, true
			name.Reset()
		case c == ',':
			flush()
		case wasQuoted: // only blanks may follow a quoted name
		default:
			name.WriteByte(c)
		}
	}
	flush()
	return names
}

// parameterValue strips the single quotes that a manifest may put around a value.
func parameterValue(value string) string {
	if len(value) >= 2 && strings.HasPrefix(value, "'") && strings.HasSuffix(value, "'") {
		return strings.ReplaceAll(value[1:len(value)-1], "''", "'")
	}
	return value
}

// sameParameter compares a wanted value with a stored one.
func sameParameter(name, want, have string) bool {
	want = parameterValue(want)
	if !isListParameter(name) {
		return want == have
	}
	a, b := splitNames(want), splitNames(have)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
