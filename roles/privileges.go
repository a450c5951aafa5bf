package roles

// The privileges of readers and writers on objects that do not exist yet. A writer reads by being a
// member of the reader.

// grantsTo lists what reader and writer of a prefix get on the future objects of creator in a schema.
func grantsTo(prefix, creator, schema string) []DefaultPrivilege {
	reader, writer := prefix+"_reader", prefix+"_writer"
	grant := func(object ObjectType, grantee string, privileges ...string) DefaultPrivilege {
		return DefaultPrivilege{Creator: creator, Schema: schema, Object: object, Grantee: grantee, Privileges: privileges}
	}
	return []DefaultPrivilege{
		grant(Tables, reader, "SELECT"),
		grant(Sequences, reader, "SELECT"),
		grant(Tables, writer, "INSERT", "UPDATE", "DELETE"),
		grant(Sequences, writer, "USAGE", "UPDATE"),
		grant(Functions, reader, "EXECUTE"),
		grant(Functions, writer, "EXECUTE"),
		grant(Types, reader, "USAGE"),
		grant(Types, writer, "USAGE"),
	}
}

// databaseDefaults are for what the owners of a prepared database make anywhere in it.
func databaseDefaults(p preparedDatabase) []DefaultPrivilege {
	creators := []string{p.name + "_owner"}
	if p.users {
		creators = append(creators, p.name+"_owner_user")
	}
	var out []DefaultPrivilege
	for _, creator := range creators {
		for _, grantee := range []string{p.name + "_reader", p.name + "_writer"} {
			out = append(out, DefaultPrivilege{Creator: creator, Object: Schemas, Grantee: grantee, Privileges: []string{"USAGE"}})
		}
		out = append(out, grantsTo(p.name, creator, "")...)
	}
	return out
}

// schemaDefaults are for what is made in one schema: what its owners make is for the readers and
// writers of the database, and what any owner makes is for those of the schema.
func schemaDefaults(p preparedDatabase, schema preparedSchema) []DefaultPrivilege {
	databaseOwners := []string{p.name + "_owner"}
	if p.users {
		databaseOwners = append(databaseOwners, p.name+"_owner_user")
	}
	var out []DefaultPrivilege
	if !schema.roles {
		for _, creator := range databaseOwners {
			out = append(out, grantsTo(p.name, creator, schema.name)...)
		}
		return out
	}
	schemaOwners := []string{p.prefix(schema) + "_owner"}
	if schema.users {
		schemaOwners = append(schemaOwners, p.prefix(schema)+"_owner_user")
	}
	for _, creator := range schemaOwners {
		out = append(out, grantsTo(p.name, creator, schema.name)...)
	}
	for _, creator := range append(databaseOwners, schemaOwners...) {
		out = append(out, grantsTo(p.prefix(schema), creator, schema.name)...)
	}
	return out
}

// schemaOwnerAndUsers are the owner of a schema and the roles that may use it.
func schemaOwnerAndUsers(p preparedDatabase, schema preparedSchema) (owner string, users []string) {
	users = []string{p.name + "_reader", p.name + "_writer"}
	if !schema.roles {
		return p.name + "_owner", users
	}
	prefix := p.prefix(schema)
	return prefix + "_owner", append(users, prefix+"_reader", prefix+"_writer")
}
