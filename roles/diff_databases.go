package roles

import (
	"maps"
	"slices"
	"strings"
)

// findParameter ignores case, as Postgres does in names of parameters.
func findParameter(parameters map[string]string, name string) (string, bool) {
	if value, ok := parameters[name]; ok {
		return value, true
	}
	for _, candidate := range slices.Sorted(maps.Keys(parameters)) {
		if strings.EqualFold(candidate, name) {
			return parameters[candidate], true
		}
	}
	return "", false
}

// database creates a database or gives it its owner.
func (d *differ) database(want Database) {
	have, exists := d.have.Databases[want.Name]
	s := Statement{Item: databaseItem(want.Name), makes: databaseKey(want.Name), needs: []string{roleKey(want.Owner)}, field: want.Field}
	switch {
	case !exists:
		s.Action, s.sql = "create", createDatabase(want.Name, want.Owner)
	case have.Owner != want.Owner && !want.KeepOwner:
		s.Action, s.sql, s.makes = "change owner", alterDatabaseOwner(want.Name, want.Owner), ""
	default:
		return
	}
	d.do(s)
}

// contents plans what is inside databases: all of one database, then the next, since each needs a
// connection of its own.
func (d *differ) contents() {
	wanted := map[string]Database{}
	for _, database := range d.want.Databases {
		wanted[database.Name] = database
	}
	all := slices.Collect(maps.Keys(wanted))
	if d.want.Lookup != nil || d.want.Streams {
		for name := range d.have.Databases {
			if _, ok := wanted[name]; !ok {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	d.closedDatabases(all)
	for _, name := range all {
		have, ok := d.contentsOf(name, wanted[name])
		if !ok {
			continue
		}
		d.schemas(wanted[name], have)
		d.extensions(wanted[name], have)
		d.lookup(name, have)
		d.publicationsIn(name, have)
	}
}

// contentsOf is what a database holds. One that is about to be made is assumed to be like a fresh
// template1: a schema public and nothing else of interest.
func (d *differ) contentsOf(name string, want Database) (Contents, bool) {
	actual, exists := d.have.Databases[name]
	switch {
	case !exists:
		return Contents{Schemas: map[string]ActualSchema{"public": {}}}, true
	case actual.Contents != nil:
		return *actual.Contents, true
	case !actual.AllowsConnections && want.needsContents():
		d.problem(databaseItem(name), want.Field, "does not allow connections (datallowconn is off), so nothing in it can be set up")
	}
	return Contents{}, false
}

// needsContents tells whether there is something to set up inside the database.
func (w Database) needsContents() bool {
	return len(w.Schemas)+len(w.Extensions)+len(w.Defaults) > 0
}

func (d *differ) schemas(want Database, have Contents) {
	for _, schema := range want.Schemas {
		actual, exists := have.Schemas[schema.Name]
		item, key := schemaItem(want.Name, schema.Name), schemaKey(want.Name, schema.Name)
		if !exists {
			d.do(Statement{
				Database: want.Name, Item: item, Action: "create", sql: createSchema(schema.Name, schema.Owner),
				makes: key, needs: []string{databaseKey(want.Name), roleKey(schema.Owner)}, field: want.Field,
			})
		}
		for _, role := range schema.Usage {
			if !actual.Usage[role] {
				d.do(Statement{
					Database: want.Name, Item: item, Action: "grant", sql: grantUsage(schema.Name, role),
					needs: []string{databaseKey(want.Name), key, roleKey(role)}, field: want.Field,
				})
			}
		}
	}
	for _, privilege := range want.Defaults {
		d.defaultPrivilege(want, privilege, have)
	}
}

func (d *differ) defaultPrivilege(want Database, p DefaultPrivilege, have Contents) {
	missing := false
	for _, privilege := range p.Privileges {
		missing = missing || !have.Defaults[defaultKey{p.Creator, p.Schema, p.Object, p.Grantee, privilege}]
	}
	if !missing {
		return
	}
	item, needs := databaseItem(want.Name), []string{databaseKey(want.Name), roleKey(p.Creator), roleKey(p.Grantee)}
	if p.Schema != "" {
		item, needs = schemaItem(want.Name, p.Schema), append(needs, schemaKey(want.Name, p.Schema))
	}
	d.do(Statement{Database: want.Name, Item: item, Action: "grant", sql: grantDefault(p), needs: needs, field: want.Field})
}

// extensions creates and moves extensions; none is ever dropped.
func (d *differ) extensions(want Database, have Contents) {
	for _, extension := range want.Extensions {
		item, field := extensionItem(want.Name, extension.Name), want.Field+".extensions["+extension.Name+"]"
		actual, exists := have.Extensions[extension.Name]
		needs := []string{databaseKey(want.Name), schemaKey(want.Name, extension.Schema)}
		switch {
		case exists && actual.Schema == extension.Schema:
		case exists && !actual.Relocatable:
			d.problem(item, field, "is in schema %q and cannot be moved to schema %q: the extension is not relocatable", actual.Schema, extension.Schema)
		case exists:
			d.do(Statement{Database: want.Name, Item: item, Action: "move", sql: moveExtension(extension), needs: needs, field: field})
		default:
			d.do(Statement{Database: want.Name, Item: item, Action: "create", sql: createExtension(extension), needs: needs, field: field})
		}
	}
}

// lookup installs the connection pooler's function where it is missing or not exactly as it should be.
func (d *differ) lookup(database string, have Contents) {
	l := d.want.Lookup
	if l == nil || have.hasLookup(*l) {
		return
	}
	d.do(Statement{
		Database: database, Item: "connection pooler's look-up function in " + databaseItem(database), Action: "install",
		sql: installLookup(*l), needs: []string{databaseKey(database), roleKey(l.Role)}, field: "spec.connectionPooler",
	})
}

func (c Contents) hasLookup(l Lookup) bool {
	f := c.Lookup
	return f != nil && f.Source == lookupSource && f.SecurityDefiner && f.OwnerSuperuser &&
		len(f.Config) == 1 && f.Config[0] == lookupConfig &&
		!f.Execute[""] && f.Execute[l.Role] &&
		(c.Schemas[l.Schema].Usage[l.Role] || c.Schemas[l.Schema].Usage[""])
}
