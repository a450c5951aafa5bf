package roles

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// preparedAdmin is the admin of the owner roles of prepared databases, whatever team_admin_role says.
const preparedAdmin = "admin"

// preparedDatabase is an entry of spec.preparedDatabases with its defaults filled in.
type preparedDatabase struct {
	name            string
	users           bool // defaultUsers
	schemas         []preparedSchema
	extensions      map[string]string
	secretNamespace string
	field           string
}

// preparedSchema is one of its schemas.
type preparedSchema struct {
	name  string
	roles bool // defaultRoles
	users bool // defaultUsers, only with defaultRoles
	field string
}

// preparedDatabases resolves defaults: an empty map is one database named like the cluster, a
// database without schemas has one called data.
func (d *desired) preparedDatabases() []preparedDatabase {
	wanted := d.manifest.Spec.PreparedDatabases
	if wanted != nil && len(wanted) == 0 {
		wanted = map[string]apiv1.PreparedDatabase{names.PreparedDatabase(d.manifest.Name): {}}
	}
	var out []preparedDatabase
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		in, field := wanted[name], "spec.preparedDatabases["+name+"]"
		if err := checkDatabaseName(name); err != nil {
			d.refuse(field, name, "%s", err)
			continue
		}
		database := preparedDatabase{name: name, users: in.DefaultUsers, extensions: in.Extensions, field: field}
		database.schemas = d.preparedSchemas(in.PreparedSchemas, field)
		if in.SecretNamespace != "" {
			if d.config.EnableCrossNamespaceSecret {
				database.secretNamespace = in.SecretNamespace
			} else {
				d.refuse(field+".secretNamespace", in.SecretNamespace,
					"needs enable_cross_namespace_secret; the Secrets stay in the cluster's namespace")
			}
		}
		out = append(out, database)
	}
	return out
}

func (d *desired) preparedSchemas(wanted map[string]apiv1.PreparedSchema, field string) []preparedSchema {
	if len(wanted) == 0 {
		wanted = map[string]apiv1.PreparedSchema{"data": {}}
	}
	var out []preparedSchema
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		in, field := wanted[name], field+".schemas["+name+"]"
		if err := checkDatabaseName(name); err != nil {
			d.refuse(field, name, "%s", err)
			continue
		}
		if strings.HasPrefix(name, "pg_") || name == "information_schema" {
			d.refuse(field, name, "is a schema of the system, choose another name")
			continue
		}
		roles := in.DefaultRoles == nil || *in.DefaultRoles
		out = append(out, preparedSchema{name: name, roles: roles, users: roles && in.DefaultUsers, field: field})
	}
	return out
}

// prefix of the roles of a schema.
func (p preparedDatabase) prefix(schema preparedSchema) string { return p.name + "_" + schema.name }

// addPreparedRoles takes in, for every database and every schema with roles of its own, an owner, a
// reader and a writer, and their login twins where default users are asked for.
func (d *desired) addPreparedRoles(databases []preparedDatabase) {
	for _, database := range databases {
		all := make([]string, 0, len(database.schemas))
		for _, schema := range database.schemas {
			all = append(all, schema.name)
		}
		d.addRoleFamily(database, family{
			prefix: database.name, ownerAdmin: preparedAdmin, users: database.users, schemas: all, field: database.field,
		})
		for _, schema := range database.schemas {
			if schema.roles {
				d.addRoleFamily(database, family{
					prefix: database.prefix(schema), ownerAdmin: database.name + "_owner", users: schema.users,
					schemas: []string{schema.name}, field: schema.field,
				})
			}
		}
	}
}

// family is a set of owner, reader and writer roles with one prefix.
type family struct {
	prefix     string
	ownerAdmin string
	users      bool
	schemas    []string // their search path
	field      string
}

func (d *desired) addRoleFamily(database preparedDatabase, f family) {
	owner, reader, writer := f.prefix+"_owner", f.prefix+"_reader", f.prefix+"_writer"
	searchPath := `"$user"`
	for _, schema := range f.schemas {
		searchPath += fmt.Sprintf(`, "%s"`, schema)
	}
	add := func(name, group, admin string, flag string, owns bool) {
		role := Role{
			Name: name, Kind: Prepared, Flags: []string{flag}, AdminRole: admin, DatabaseOwner: owns,
			Parameters: map[string]string{"search_path": searchPath}, Field: f.field,
		}
		if group != "" {
			role.MemberOf = []string{group}
		}
		if flag == "LOGIN" {
			role.SecretNamespace = database.secretNamespace
		}
		if d.takenBySystem(role) {
			return
		}
		d.add(role)
	}
	add(owner, "", f.ownerAdmin, "NOLOGIN", true)
	add(reader, "", owner, "NOLOGIN", false)
	add(writer, reader, owner, "NOLOGIN", false)
	if f.users {
		add(owner+"_user", owner, f.ownerAdmin, "LOGIN", true)
		add(reader+"_user", reader, owner, "LOGIN", false)
		add(writer+"_user", writer, owner, "LOGIN", false)
	}
}

// takenBySystem refuses a prepared role that has the name of a system role. Protected names are allowed here.
func (d *desired) takenBySystem(role Role) bool {
	other, ok := d.roles[role.Name]
	if !ok || !other.Kind.system() {
		return false
	}
	d.refuse(role.Field, role.Name, "is the name of a system role, choose another name of database or schema")
	return true
}

// addPreparedDatabases takes in the databases with schemas, extensions and privileges. What needs a
// role that was refused is left out; the refusal is told already.
func (d *desired) addPreparedDatabases(prepared []preparedDatabase) {
	for _, p := range prepared {
		database, listed := d.databases[p.name]
		if !listed {
			database = Database{Name: p.name, Owner: p.name + "_owner", KeepOwner: true, Field: p.field}
		}
		if _, ok := d.roles[database.Owner]; !ok {
			continue
		}
		database.Defaults = databaseDefaults(p)
		for _, schema := range p.schemas {
			owner, usage := schemaOwnerAndUsers(p, schema)
			if _, ok := d.roles[owner]; !ok {
				continue
			}
			database.Schemas = append(database.Schemas, Schema{Name: schema.name, Owner: owner, Usage: d.known(usage)})
			database.Defaults = append(database.Defaults, schemaDefaults(p, schema)...)
		}
		database.Defaults = slices.DeleteFunc(database.Defaults, func(p DefaultPrivilege) bool {
			return len(d.known([]string{p.Creator, p.Grantee})) < 2
		})
		database.Extensions = d.extensions(p)
		d.databases[p.name] = database
	}
}

func (d *desired) extensions(p preparedDatabase) []Extension {
	var out []Extension
	for _, name := range slices.Sorted(maps.Keys(p.extensions)) {
		if err := cmp.Or(checkName(name), checkName(p.extensions[name])); err != nil {
			d.refuse(p.field+".extensions["+name+"]", p.extensions[name], "%s", err)
			continue
		}
		out = append(out, Extension{Name: name, Schema: p.extensions[name]})
	}
	return out
}

func (d *desired) known(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := d.roles[name]
		return !ok
	})
}
