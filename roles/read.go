package roles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lib/pq"
)

// ErrStandby is returned when the server is not a primary: it failed over, or the way to it leads elsewhere.
var ErrStandby = errors.New("the server is a standby and takes no changes")

// Read reads what a server holds of the things in want: two queries, and one more in each database
// of interest. A database that cannot be read is a Problem; the error is for a server that cannot.
func Read(ctx context.Context, server Connector, want Set) (State, []Problem, error) {
	state, err := readServer(ctx, server, want)
	if err != nil {
		return State{}, nil, fmt.Errorf("read roles and databases of %s: %w", server, err)
	}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(state.Databases)) {
		actual := state.Databases[name]
		query, ok := contentsToRead(want, state, name)
		if !ok || !actual.AllowsConnections {
			continue
		}
		contents, err := readContents(ctx, server, name, query)
		var refused *pq.Error
		switch {
		case err == nil:
			actual.Contents = &contents
			state.Databases[name] = actual
		case errors.As(err, &refused):
			problems = append(problems, serverProblem(refused, Statement{Item: databaseItem(name), Action: "read"}))
		default:
			return State{}, nil, fmt.Errorf("read %s of %s: %w", databaseItem(name), server, err)
		}
	}
	return state, problems, nil
}

func readServer(ctx context.Context, server Connector, want Set) (State, error) {
	db, err := server.Open(maintenance)
	if err != nil {
		return State{}, err
	}
	defer func() { _ = db.Close() }()
	var facts struct {
		Version   int
		Standby   bool
		User      string
		Databases []struct {
			Name, Owner string
			Connect     bool
		}
	}
	err = eachRow(ctx, db, serverQuery, func(row []byte) error { return json.Unmarshal(row, &facts) })
	if err != nil {
		return State{}, err
	}
	if facts.Standby {
		return State{}, ErrStandby
	}
	state := State{Version: facts.Version, User: facts.User, Roles: map[string]ActualRole{}, Databases: map[string]ActualDatabase{}}
	for _, d := range facts.Databases {
		state.Databases[d.Name] = ActualDatabase{Owner: d.Owner, AllowsConnections: d.Connect}
	}
	err = eachRow(ctx, db, rolesQuery, func(row []byte) error {
		name, role, err := decodeRole(row)
		state.Roles[name] = role
		return err
	}, pq.Array(rolesToRead(want)), pq.Array(want.rotating()))
	return state, err
}

// rolesToRead are the wanted roles and those that they refer to.
func rolesToRead(want Set) []string {
	names := map[string]bool{}
	for _, role := range want.Roles {
		names[role.Name] = true
		names[role.AdminRole] = true
		for _, group := range role.MemberOf {
			names[group] = true
		}
	}
	if want.Streams {
		names[streamRole] = true // it tells whether there ever were streams
	}
	for _, name := range want.members() {
		names[name], names[want.retired(name)] = true, true
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// eachRow runs a query whose rows are one JSON document each.
func eachRow(ctx context.Context, db queryer, query string, decode func([]byte) error, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var row []byte
		if err := rows.Scan(&row); err != nil {
			return err
		}
		if err := decode(row); err != nil {
			return fmt.Errorf("decode a catalog row: %w", err)
		}
	}
	return rows.Err()
}

func decodeRole(row []byte) (string, ActualRole, error) {
	var in struct {
		Name       string
		Verifier   Verifier
		Parameters []string
		Databases  []string
		MemberOf   []struct {
			Group, Grantor string
			Admin          bool
		} `json:"member_of"`
	}
	var flags map[string]any
	if err := errors.Join(json.Unmarshal(row, &in), json.Unmarshal(row, &flags)); err != nil {
		return "", ActualRole{}, err
	}
	role := ActualRole{
		Verifier: in.Verifier, Databases: in.Databases, Flags: map[string]bool{}, Parameters: map[string]string{}, MemberOf: map[string]Membership{},
	}
	for _, flag := range flagNames() {
		role.Flags[flag], _ = flags[flag].(bool)
	}
	for _, parameter := range in.Parameters {
		name, value, _ := strings.Cut(parameter, "=")
		role.Parameters[name] = value
	}
	for _, m := range in.MemberOf {
		merged := role.MemberOf[m.Group]
		merged.Admin = merged.Admin || m.Admin
		merged.Grantors = append(merged.Grantors, m.Grantor)
		role.MemberOf[m.Group] = merged
	}
	return in.Name, role, nil
}

// contentsArgs are the arguments of contentsQuery.
type contentsArgs struct {
	schemas, extensions, creators []string
	lookupSchema                  string
	publications                  bool
}

// contentsToRead tells whether a database has to be entered, and what to read in it.
func contentsToRead(want Set, state State, name string) (contentsArgs, bool) {
	args := contentsArgs{schemas: []string{}, extensions: []string{}, creators: []string{}}
	if want.Lookup != nil {
		args.lookupSchema = want.Lookup.Schema
		args.schemas = append(args.schemas, want.Lookup.Schema)
	}
	_, streamed := state.Roles[streamRole]
	args.publications = want.Streams && (streamed || len(want.Publications) > 0)
	needed := want.Lookup != nil || args.publications
	for _, database := range want.Databases {
		if database.Name != name {
			continue
		}
		needed = needed || database.needsContents()
		for _, schema := range database.Schemas {
			args.schemas = append(args.schemas, schema.Name)
		}
		for _, extension := range database.Extensions {
			args.extensions = append(args.extensions, extension.Name)
		}
		for _, privilege := range database.Defaults {
			args.creators = append(args.creators, privilege.Creator)
		}
	}
	slices.Sort(args.creators)
	args.creators = slices.Compact(args.creators)
	return args, needed
}

func readContents(ctx context.Context, server Connector, database string, args contentsArgs) (Contents, error) {
	db, err := server.Open(database)
	if err != nil {
		return Contents{}, err
	}
	defer func() { _ = db.Close() }()
	var contents Contents
	err = eachRow(ctx, db, contentsQuery, func(row []byte) error {
		contents, err = decodeContents(row)
		return err
	}, pq.Array(args.schemas), pq.Array(args.extensions), pq.Array(args.creators), args.lookupSchema)
	if err != nil || !args.publications {
		return contents, err
	}
	err = eachRow(ctx, db, publicationsQuery, func(row []byte) error {
		contents.Publications, err = decodePublications(row)
		return err
	})
	return contents, err
}

func decodeContents(row []byte) (Contents, error) {
	var in struct {
		Schemas []struct {
			Name, Owner string
			Usage       []string
		}
		Extensions []struct {
			Name, Schema string
			Relocatable  bool
		}
		Defaults []struct {
			Creator, Schema, Grantee, Privilege string
			Object                              ObjectType
		}
		Lookup *struct {
			Source         string
			Definer        bool
			Config         []string
			OwnerSuperuser bool `json:"owner_superuser"`
			Execute        []string
		}
	}
	if err := json.Unmarshal(row, &in); err != nil {
		return Contents{}, err
	}
	out := Contents{Schemas: map[string]ActualSchema{}, Extensions: map[string]ActualExtension{}, Defaults: map[defaultKey]bool{}}
	for _, s := range in.Schemas {
		out.Schemas[s.Name] = ActualSchema{Owner: s.Owner, Usage: setOf(s.Usage)}
	}
	for _, e := range in.Extensions {
		out.Extensions[e.Name] = ActualExtension{Schema: e.Schema, Relocatable: e.Relocatable}
	}
	for _, p := range in.Defaults {
		out.Defaults[defaultKey{p.Creator, p.Schema, p.Object, p.Grantee, p.Privilege}] = true
	}
	if f := in.Lookup; f != nil {
		out.Lookup = &ActualLookup{
			Source: f.Source, SecurityDefiner: f.Definer, Config: f.Config,
			OwnerSuperuser: f.OwnerSuperuser, Execute: setOf(f.Execute),
		}
	}
	return out, nil
}

func setOf(names []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}
