package roles

// Set is all that a manifest and the configuration ask for inside Postgres. It is a plain value:
// sorted, complete, made without a connection.
type Set struct {
	// Roles, sorted by name.
	Roles []Role

	// Databases, sorted by name. Others may exist; they are left alone.
	Databases []Database

	// Lookup is the connection pooler's look-up function, wanted in every database; nil for none.
	Lookup *Lookup

	// Publications, sorted by database and name. Streams is true where event streams are served: then
	// publications of streams that are not listed go.
	Publications []Publication
	Streams      bool

	// OwnerRoles is additional_owner_roles: groups of every database owner.
	OwnerRoles []string

	// Rotations are about roles whose Secrets hand out dated logins, or did.
	Rotations []Rotation

	// Former are members who left their team: such a role loses its login, and RetiredSuffix goes behind its
	// name. A member who comes back gets the role back. Without a suffix nothing of this happens.
	Former        []string
	RetiredSuffix string

	// MD5 stores passwords as MD5 hashes instead of SCRAM-SHA-256 verifiers: the manifest's parameter
	// password_encryption says md5.
	MD5 bool

	// Problems are the parts of manifest and configuration that cannot be done, sorted.
	Problems []Problem
}

// Database is a database that has to exist.
type Database struct {
	Name  string
	Owner string

	// KeepOwner leaves the owner of an existing database alone; Owner is then for its creation.
	KeepOwner bool

	Schemas    []Schema
	Extensions []Extension
	Defaults   []DefaultPrivilege

	// Field of the manifest that asks for it.
	Field string
}

// Schema of a prepared database.
type Schema struct {
	Name string

	// Owner at creation. The owner of an existing schema is left alone.
	Owner string

	// Usage are the roles that may use the schema.
	Usage []string
}

// Extension and the schema it has to be in.
type Extension struct{ Name, Schema string }

// ObjectType is a class of objects in ALTER DEFAULT PRIVILEGES.
type ObjectType string

// The classes, by their letter in pg_default_acl.defaclobjtype.
const (
	Tables    ObjectType = "r"
	Sequences ObjectType = "S"
	Functions ObjectType = "f"
	Types     ObjectType = "T"
	Schemas   ObjectType = "n"
)

// DefaultPrivilege lets Grantee use the objects that Creator will make, in one schema or, if Schema
// is empty, in the whole database.
type DefaultPrivilege struct {
	Creator    string
	Schema     string
	Object     ObjectType
	Grantee    string
	Privileges []string
}

// Lookup is the function by which the connection pooler finds a role's verifier.
type Lookup struct{ Schema, Role string }

// Role finds a wanted role by name.
func (s Set) Role(name string) (Role, bool) {
	for _, role := range s.Roles {
		if role.Name == name {
			return role, true
		}
	}
	return Role{}, false
}
