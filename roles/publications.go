package roles

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postgres-operator/names"
)

// Publication is what an event stream reads from a database: new and changed rows of some tables.
type Publication struct {
	Name, Database string

	// Tables with their schema, sorted.
	Tables []Table

	// Field of the manifest that asks for it.
	Field string
}

// Table is a table in a schema.
type Table struct{ Schema, Name string }

func (t Table) String() string { return t.Schema + "." + t.Name }

// ActualPublication is a row of pg_publication that looks like one of ours.
type ActualPublication struct {
	// Tables, each with whether it is there only because it inherits from another one.
	Tables map[Table]bool

	// Publish are the operations, as the server orders them: insert, update.
	Publish string
}

// streamRole reads event streams.
const streamRole = names.StreamRole

// published are the operations that streams are about.
const published = "insert, update"

// addPublications takes in one publication for each application and database of spec.streams.
func (d *desired) addPublications() {
	for i, stream := range d.manifest.Spec.Streams {
		field := fmt.Sprintf("spec.streams[%d]", i)
		name := names.StreamSlot(stream.Database, stream.ApplicationID)
		if len(stream.Tables) == 0 {
			d.refuse(field+".tables", "", "name at least one table")
			continue
		}
		if err := checkName(name); err != nil {
			d.refuse(field+".applicationId", stream.ApplicationID, "%s", err)
			continue
		}
		key := stream.Database + "/" + name
		p, known := d.publications[key]
		if !known {
			p = Publication{Name: name, Database: stream.Database, Field: field}
		}
		for table := range stream.Tables {
			schema, name, qualified := strings.Cut(table, ".")
			if !qualified {
				schema, name = "public", table
			}
			p.Tables = append(p.Tables, Table{schema, name})
		}
		slices.SortFunc(p.Tables, func(a, b Table) int { return strings.Compare(a.String(), b.String()) })
		p.Tables = slices.Compact(p.Tables)
		d.publications[key] = p
	}
}

func decodePublications(row []byte) (map[string]ActualPublication, error) {
	var in []struct {
		Name           string
		Insert, Update bool
		Delete, Trunc  bool
		Tables         []struct {
			Schema, Name string
			Inherited    bool
		}
	}
	if err := json.Unmarshal(row, &in); err != nil {
		return nil, err
	}
	out := map[string]ActualPublication{}
	for _, p := range in {
		actual := ActualPublication{Tables: map[Table]bool{}}
		var operations []string
		for _, operation := range []struct {
			name string
			on   bool
		}{{"insert", p.Insert}, {"update", p.Update}, {"delete", p.Delete}, {"truncate", p.Trunc}} {
			if operation.on {
				operations = append(operations, operation.name)
			}
		}
		actual.Publish = strings.Join(operations, ", ")
		for _, t := range p.Tables {
			actual.Tables[Table{t.Schema, t.Name}] = t.Inherited
		}
		out[p.Name] = actual
	}
	return out, nil
}

// publicationsIn plans the publications of one database: those that are wanted, and the end of those
// that no stream needs any more.
func (d *differ) publicationsIn(database string, have Contents) {
	wanted := map[string]bool{}
	for _, p := range d.want.Publications {
		if p.Database != database {
			continue
		}
		wanted[p.Name] = true
		actual, exists := have.Publications[p.Name]
		do := func(action, sql string) {
			d.do(Statement{
				Database: database, Item: publicationItem(database, p.Name), Action: action, sql: sql,
				needs: []string{databaseKey(database)}, field: p.Field,
			})
		}
		if !exists {
			do("create", createPublication(p))
			continue
		}
		if !actual.has(p.Tables) {
			do("set tables", setPublicationTables(p))
		}
		if actual.Publish != published {
			do("set operations", setPublicationOperations(p.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have.Publications)) {
		if !wanted[name] {
			d.do(Statement{
				Database: database, Item: publicationItem(database, name), Action: "drop", sql: dropPublication(name),
				needs: []string{databaseKey(database)}, field: "spec.streams",
			})
		}
	}
}

// has tells whether these tables are published, and no others but those that inherit from them.
func (p ActualPublication) has(tables []Table) bool {
	for _, table := range tables {
		if _, published := p.Tables[table]; !published {
			return false
		}
	}
	for table, inherited := range p.Tables {
		if !inherited && !slices.Contains(tables, table) {
			return false
		}
	}
	return true
}

// closedDatabases tells of publications in databases that cannot be entered.
func (d *differ) closedDatabases(known []string) {
	for _, p := range d.want.Publications {
		item := publicationItem(p.Database, p.Name)
		actual, exists := d.have.Databases[p.Database]
		switch {
		case !slices.Contains(known, p.Database):
			d.problem(item, p.Field, "the database does not exist; name one that does, or add it to spec.databases")
		case exists && !actual.AllowsConnections:
			d.problem(item, p.Field, "the database does not allow connections (datallowconn is off)")
		}
	}
}

func publicationItem(database, name string) string {
	return fmt.Sprintf("publication %q in database %q", name, database)
}
