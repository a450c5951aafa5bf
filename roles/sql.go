package roles

import (
	"fmt"
	"strings"

	"github.com/lib/pq"
)

// All SQL of the package. Names and values get in through ident and literal alone, which are the
// driver's quoting functions.

func ident(name string) string    { return pq.QuoteIdentifier(name) }
func literal(value string) string { return strings.TrimPrefix(pq.QuoteLiteral(value), " ") }

// serverQuery reads the server's facts and its databases.
const serverQuery = `
SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'standby', pg_is_in_recovery(),
  'user', current_user,
  'databases', (
    SELECT json_agg(json_build_object('name', d.datname, 'owner', pg_get_userbyid(d.datdba), 'connect', d.datallowconn))
    FROM pg_database d WHERE NOT d.datistemplate AND d.datname NOT IN ('template0', 'template1')))`

// rolesQuery reads the roles named in $1 and the dated logins of those in $2. pg_authid, not pg_roles: only
// there is the verifier.
const rolesQuery = `
SELECT json_build_object(
  'name', r.rolname, 'SUPERUSER', r.rolsuper, 'INHERIT', r.rolinherit, 'CREATEROLE', r.rolcreaterole,
  'CREATEDB', r.rolcreatedb, 'LOGIN', r.rolcanlogin, 'REPLICATION', r.rolreplication, 'BYPASSRLS', r.rolbypassrls,
  'verifier', coalesce(r.rolpassword, ''),
  'parameters', coalesce(s.setconfig, '{}'),
  'member_of', (
    SELECT coalesce(json_agg(json_build_object('group', g.rolname, 'admin', m.admin_option, 'grantor', pg_get_userbyid(m.grantor))), '[]')
    FROM pg_auth_members m JOIN pg_authid g ON g.oid = m.roleid WHERE m.member = r.oid),
  'databases', CASE WHEN left(r.rolname, -6) = ANY ($2::text[]) THEN (
    SELECT coalesce(json_agg(DISTINCT coalesce(d.datname, '')), '[]')
    FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
    WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid) ELSE '[]' END)
FROM pg_authid r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0
WHERE r.rolname = ANY ($1::text[]) OR left(r.rolname, -6) = ANY ($2::text[]) AND right(r.rolname, 6) ~ '^[0-9]{6}$'`

// contentsQuery reads, inside a database, the schemas $1, the extensions $2, the default privileges of
// the roles $3 and the look-up function in schema $4. In lists of grantees, ” is PUBLIC.
const contentsQuery = `
SELECT json_build_object(
  'schemas', (
    SELECT coalesce(json_agg(json_build_object('name', n.nspname, 'owner', pg_get_userbyid(n.nspowner), 'usage', (
      SELECT coalesce(json_agg(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END), '[]')
      FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE a.privilege_type = 'USAGE'))), '[]')
    FROM pg_namespace n WHERE n.nspname = ANY ($1::text[])),
  'extensions', (
    SELECT coalesce(json_agg(json_build_object('name', e.extname, 'schema', n.nspname, 'relocatable', e.extrelocatable)), '[]')
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = ANY ($2::text[])),
  'defaults', (
    SELECT coalesce(json_agg(json_build_object('creator', c.rolname, 'schema', coalesce(n.nspname, ''), 'object', d.defaclobjtype::text,
      'grantee', CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, 'privilege', a.privilege_type)), '[]')
    FROM pg_default_acl d JOIN pg_authid c ON c.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace,
      aclexplode(d.defaclacl) a WHERE c.rolname = ANY ($3::text[])),
  'lookup', (
    SELECT json_build_object('source', p.prosrc, 'definer', p.prosecdef, 'config', coalesce(p.proconfig, '{}'), 'owner_superuser', o.rolsuper, 'execute', (
      SELECT coalesce(json_agg(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END), '[]')
      FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.privilege_type = 'EXECUTE'))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_authid o ON o.oid = p.proowner
    WHERE n.nspname = $4 AND p.proname = 'user_lookup' AND p.pronargs = 1 AND p.proargtypes[0] = 'text'::regtype))`

// publicationsQuery reads, inside a database, the publications of streams that are our own.
const publicationsQuery = `
SELECT coalesce(json_agg(json_build_object('name', p.pubname, 'insert', p.pubinsert, 'update', p.pubupdate,
  'delete', p.pubdelete, 'trunc', p.pubtruncate, 'tables', (
    SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname, 'inherited', EXISTS (
      SELECT FROM pg_inherits i JOIN pg_publication_rel parent ON parent.prrelid = i.inhparent
      WHERE i.inhrelid = c.oid AND parent.prpubid = p.oid))), '[]')
    FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE r.prpubid = p.oid))), '[]')
FROM pg_publication p WHERE p.pubname LIKE 'fes\_%' AND pg_get_userbyid(p.pubowner) = current_user`

// https://www.postgresql.org/docs/current/sql-createrole.html

func createRole(name string, flags []string) string {
	return "CREATE ROLE " + ident(name) + with(flags)
}
func alterRole(name string, flags []string) string { return "ALTER ROLE " + ident(name) + with(flags) }
func with(flags []string) string {
	if len(flags) == 0 {
		return ""
	}
	return " WITH " + strings.Join(flags, " ")
}
func renameRole(name, to string) string {
	return fmt.Sprintf("ALTER ROLE %s RENAME TO %s", ident(name), ident(to))
}
func password(v Verifier) string { return " PASSWORD " + literal(string(v)) }

func grantRole(group, member string, admin bool) string {
	sql := fmt.Sprintf("GRANT %s TO %s", ident(group), ident(member))
	if admin {
		sql += " WITH ADMIN OPTION"
	}
	return sql
}

// revokeRole takes a membership away that grantor gave. Before version 16 there is one grant only,
// whoever gave it.
func revokeRole(group, member, grantor string, version int) string {
	sql := fmt.Sprintf("REVOKE %s FROM %s", ident(group), ident(member))
	if version >= 160000 {
		sql += " GRANTED BY " + ident(grantor)
	}
	return sql
}

// emptyRole frees a role of what keeps it in one database, in one transaction.
func emptyRole(name, heir string) string {
	return fmt.Sprintf("REASSIGN OWNED BY %s TO %s; DROP OWNED BY %s", ident(name), ident(heir), ident(name))
}
func dropRole(name string) string { return "DROP ROLE " + ident(name) }

func setParameter(role, name, value string) string {
	return fmt.Sprintf("ALTER ROLE %s SET %s TO %s", ident(role), ident(name), parameterLiteral(name, parameterValue(value)))
}
func resetParameter(role, name string) string {
	return fmt.Sprintf("ALTER ROLE %s RESET %s", ident(role), ident(name))
}

func parameterLiteral(name, value string) string {
	if !isListParameter(name) {
		return literal(value)
	}
	var quoted []string
	for _, element := range splitNames(value) {
		quoted = append(quoted, literal(element))
	}
	if len(quoted) == 0 {
		return "''"
	}
	return strings.Join(quoted, ", ")
}

func createDatabase(name, owner string) string {
	return fmt.Sprintf("CREATE DATABASE %s OWNER %s", ident(name), ident(owner))
}
func alterDatabaseOwner(name, owner string) string {
	return fmt.Sprintf("ALTER DATABASE %s OWNER TO %s", ident(name), ident(owner))
}
func createSchema(name, owner string) string {
	return fmt.Sprintf("CREATE SCHEMA IF NOT EXISTS %s AUTHORIZATION %s", ident(name), ident(owner))
}
func grantUsage(schema, role string) string {
	return fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", ident(schema), ident(role))
}
func createExtension(e Extension) string {
	return fmt.Sprintf("CREATE EXTENSION IF NOT EXISTS %s SCHEMA %s", ident(e.Name), ident(e.Schema))
}
func moveExtension(e Extension) string {
	return fmt.Sprintf("ALTER EXTENSION %s SET SCHEMA %s", ident(e.Name), ident(e.Schema))
}

// https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html
func grantDefault(p DefaultPrivilege) string {
	classes := map[ObjectType]string{Tables: "TABLES", Sequences: "SEQUENCES", Functions: "FUNCTIONS", Types: "TYPES", Schemas: "SCHEMAS"}
	in := ""
	if p.Schema != "" {
		in = " IN SCHEMA " + ident(p.Schema)
	}
	return fmt.Sprintf("ALTER DEFAULT PRIVILEGES FOR ROLE %s%s GRANT %s ON %s TO %s",
		ident(p.Creator), in, strings.Join(p.Privileges, ", "), classes[p.Object], ident(p.Grantee))
}

// https://www.postgresql.org/docs/current/sql-createpublication.html
func createPublication(p Publication) string {
	return fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE %s WITH (publish = %s)", ident(p.Name), tableList(p.Tables), literal(published))
}
func setPublicationTables(p Publication) string {
	return fmt.Sprintf("ALTER PUBLICATION %s SET TABLE %s", ident(p.Name), tableList(p.Tables))
}
func setPublicationOperations(name string) string {
	return fmt.Sprintf("ALTER PUBLICATION %s SET (publish = %s)", ident(name), literal(published))
}
func dropPublication(name string) string { return "DROP PUBLICATION IF EXISTS " + ident(name) }

func tableList(tables []Table) string {
	var list []string
	for _, table := range tables {
		list = append(list, ident(table.Schema)+"."+ident(table.Name))
	}
	return strings.Join(list, ", ")
}

// lookupSource is the body of the look-up function, lookupConfig its parameters: with the rights of
// a superuser, it must not find anything in a schema that others can write.
const (
	lookupSource = `
BEGIN
  SELECT usename, passwd INTO uname, phash FROM pg_catalog.pg_shadow WHERE usename = i_username;
  RETURN;
END;
`
	lookupConfig = "search_path=pg_catalog, pg_temp"
)

// installLookup makes the function and its privileges. One simple query is one transaction, so at no moment may everybody execute it.
func installLookup(l Lookup) string {
	function := ident(l.Schema) + ".user_lookup(text)"
	return strings.Join([]string{
		"CREATE SCHEMA IF NOT EXISTS " + ident(l.Schema),
		"CREATE OR REPLACE FUNCTION " + ident(l.Schema) + ".user_lookup(IN i_username text, OUT uname text, OUT phash text)" +
			" RETURNS record LANGUAGE plpgsql SECURITY DEFINER SET search_path TO 'pg_catalog', 'pg_temp' AS " + literal(lookupSource),
		"ALTER FUNCTION " + function + " OWNER TO CURRENT_USER",
		fmt.Sprintf("REVOKE ALL ON FUNCTION %s FROM PUBLIC, %s", function, ident(l.Role)),
		fmt.Sprintf("GRANT EXECUTE ON FUNCTION %s TO %s", function, ident(l.Role)),
		fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", ident(l.Schema), ident(l.Role)),
	}, "; ")
}
