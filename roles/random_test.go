package roles

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

var states = flag.Int("states", 200, "number of random states that TestRandomStates tries")

// From any state that an earlier manifest and a busy database administrator may have left, one sync
// reaches what a manifest asks for, and the next one writes nothing.
func TestRandomStates(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *testServer) {
		for seed := range uint64(*states) {
			if seed%20 == 0 { // more manifests follow on the same server, each of which leaves something
				server.reset(t)
			}
			random := rand.New(rand.NewPCG(seed, 7))
			set := randomSet(random)
			require.Empty(t, set.Problems, "seed %d", seed)
			passwords := passwordsFor(server, set)
			through := server
			if seed%10 > 0 { // verifiers are slow by design, and so are logins with TLS
				useVerifiers(t, server, passwords)
				through = &testServer{Connector: server.byHand}
			}
			mustSync(t, through, set, passwords)
			for range random.IntN(8) {
				meddle(t, server, set, random)
			}
			if random.IntN(3) == 0 { // the Secrets got new passwords, too
				for _, role := range set.Roles {
					if role.NeedsSecret() && role.Kind != Superuser {
						passwords.Clear[role.Name] = cheapVerifier(t, passwords.Clear[role.Name]+"-changed")
					}
				}
			}
			mustSync(t, through, set, passwords)
			length := logSize(t, server)
			again := mustSync(t, through, set, passwords)
			require.Empty(t, Plan{Statements: again.Done}.String(), "seed %d", seed)
			statements, _ := server.logged(t, length)
			require.NotEmpty(t, statements)
			require.Empty(t, written(statements), "seed %d", seed)
		}
	})
}

// useVerifiers puts verifiers in the place of clear text, as a Secret may hold them.
func useVerifiers(t *testing.T, server *testServer, passwords Passwords) {
	t.Helper()
	for role, clear := range passwords.Clear {
		if role != server.User {
			passwords.Clear[role] = cheapVerifier(t, clear)
		}
	}
}

func cheapVerifier(t *testing.T, clear string) string {
	t.Helper()
	verifier, err := scramVerifier(clear, []byte("a salt of 16 byt"), 1)
	require.NoError(t, err)
	return string(verifier)
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// some gives a random part of a list, in a random order.
func some[T any](random *rand.Rand, from ...T) []T {
	out := slices.Clone(from)
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:random.IntN(len(out)+1)]
}

func randomSet(random *rand.Rand) Set {
	m := &apiv1.Postgresql{ObjectMeta: metav1.ObjectMeta{Name: "acid-random"}}
	m.Spec.Users = map[string]apiv1.UserFlags{}
	users := append(some(random, "app", "app.user", "with-dash", "a_b", "x1"), "owner")
	for _, user := range users {
		var flags apiv1.UserFlags
		for _, flag := range some(random, "SUPERUSER", "CREATEDB", "CREATEROLE", "INHERIT", "LOGIN", "REPLICATION", "BYPASSRLS") {
			flags = append(flags, pick(random, "", "no")+flag)
		}
		m.Spec.Users[user] = flags
	}
	m.Spec.Databases = map[string]string{}
	for _, database := range some(random, "db1", "DB2", "prep_a") {
		m.Spec.Databases[database] = pick(random, users...)
	}
	if random.IntN(3) > 0 {
		m.Spec.PreparedDatabases = randomPrepared(random)
	}
	if random.IntN(2) == 0 {
		m.Spec.EnableConnectionPooler = ptr.To(true)
	}
	if random.IntN(4) == 0 {
		m.Spec.Streams = []apiv1.Stream{{ApplicationID: "a"}}
	}
	if random.IntN(4) == 0 {
		m.Spec.Postgresql.Parameters = map[string]string{"password_encryption": "md5"}
	}
	c := config.Default()
	c.EnableAdminRoleForUsers = random.IntN(2) == 0
	c.AdditionalOwnerRoles = some(random, "cron_admin")
	return Desired(m, c, randomExtra(random))
}

func randomPrepared(random *rand.Rand) map[string]apiv1.PreparedDatabase {
	out := map[string]apiv1.PreparedDatabase{}
	for _, name := range some(random, "prep_a", "Prep_B") {
		database := apiv1.PreparedDatabase{PreparedSchemas: map[string]apiv1.PreparedSchema{}, Extensions: map[string]string{}}
		database.DefaultUsers = name == "prep_a" && random.IntN(2) == 0
		for _, schema := range some(random, "data", "history", "public", "select") {
			database.PreparedSchemas[schema] = apiv1.PreparedSchema{
				DefaultRoles: pick(random, nil, ptr.To(true), ptr.To(false)),
				DefaultUsers: name == "prep_a" && random.IntN(2) == 0,
			}
		}
		for _, extension := range some(random, "lo", "tcn", "moddatetime") {
			database.Extensions[extension] = "public"
		}
		out[name] = database
	}
	return out
}

func randomExtra(random *rand.Rand) Extra {
	var x Extra
	for _, name := range some(random, "robot", "robot.two") {
		x.Infrastructure = append(x.Infrastructure, InfrastructureRole{
			Name: name, MemberOf: some(random, "zalandos", "cron_admin"), AdminRole: pick(random, "", "admin"),
			Parameters: map[string]string{
				"log_statement": pick(random, "all", "none", "'ddl'"), "DateStyle": "ISO, DMY",
				"search_path": pick(random, "a, \"B\"", "\"$user\",public", ""), "my.custom": `it's \ "quoted"; --`,
			},
		})
	}
	for _, name := range some(random, "Élise", `O'Neil "the boss"`, "semi;colon -- x", "UPPER case", `back\slash`) {
		x.Members = append(x.Members, TeamMember{Name: name, Superuser: random.IntN(3) == 0})
	}
	return x
}

// meddle changes one thing that the operator looks after.
func meddle(t *testing.T, server *testServer, set Set, random *rand.Rand) {
	t.Helper()
	role := pick(random, set.Roles...)
	name := ident(role.Name)
	if role.Kind == Superuser {
		return
	}
	switch random.IntN(9) {
	case 0:
		server.exec(t, maintenance, "ALTER ROLE "+name+" "+pick(random, "LOGIN", "NOLOGIN", "NOINHERIT", "INHERIT", "CREATEDB", "NOSUPERUSER", "REPLICATION"))
	case 1:
		server.exec(t, maintenance, "ALTER ROLE "+name+" PASSWORD 'by hand'")
	case 2:
		server.exec(t, maintenance, fmt.Sprintf("ALTER ROLE %s SET %s", name, pick(random, "work_mem TO '4MB'", "search_path TO DEFAULT", "search_path TO x", "log_statement TO none", "my.custom TO ''")))
	case 3:
		server.exec(t, maintenance, "ALTER ROLE "+name+" RESET ALL")
	case 4:
		for _, group := range append(role.MemberOf, role.AdminRole) {
			if group != "" {
				_ = server.try(maintenance, "REVOKE "+ident(group)+" FROM "+name)
				_ = server.try(maintenance, "REVOKE "+name+" FROM "+ident(group))
			}
		}
	case 5:
		if role.DatabaseOwner && len(set.OwnerRoles) > 0 {
			_ = server.try(maintenance, "REVOKE cron_admin FROM "+name, "GRANT "+name+" TO cron_admin")
		}
	default:
		if len(set.Databases) > 0 {
			meddleInside(server, pick(random, set.Databases...), set, random)
		}
	}
}

// Things may be gone already; then nothing is changed.
func meddleInside(server *testServer, database Database, set Set, random *rand.Rand) {
	_ = server.try(maintenance, "ALTER DATABASE "+ident(database.Name)+" OWNER TO "+pick(random, "postgres", ident(database.Owner)))
	if set.Lookup != nil {
		_ = server.try(database.Name, pick(random,
			"DROP SCHEMA pooler CASCADE", "DROP FUNCTION pooler.user_lookup(text)", "GRANT EXECUTE ON FUNCTION pooler.user_lookup(text) TO PUBLIC",
			"REVOKE USAGE ON SCHEMA pooler FROM pooler", "ALTER FUNCTION pooler.user_lookup(text) RESET search_path",
			"ALTER FUNCTION pooler.user_lookup(text) OWNER TO cron_admin", "ALTER FUNCTION pooler.user_lookup(text) SECURITY INVOKER",
			"CREATE OR REPLACE FUNCTION pooler.user_lookup(IN i_username text, OUT uname text, OUT phash text) RETURNS record LANGUAGE plpgsql AS 'BEGIN RETURN; END'"))
	}
	for _, privilege := range database.Defaults {
		if random.IntN(10) == 0 {
			privilege.Privileges = []string{"ALL"}
			_ = server.try(database.Name, revoked(privilege))
		}
	}
	for _, schema := range database.Schemas {
		if random.IntN(4) == 0 && schema.Name != "public" {
			_ = server.try(database.Name, pick(random, "DROP SCHEMA "+ident(schema.Name)+" CASCADE", "REVOKE ALL ON SCHEMA "+ident(schema.Name)+" FROM "+ident(schema.Usage[0])))
		}
	}
	for _, extension := range database.Extensions {
		if random.IntN(3) == 0 {
			_ = server.try(database.Name, "CREATE SCHEMA IF NOT EXISTS elsewhere", pick(random,
				"DROP EXTENSION "+ident(extension.Name), "ALTER EXTENSION "+ident(extension.Name)+" SET SCHEMA elsewhere"))
		}
	}
}

func revoked(p DefaultPrivilege) string {
	grantee := ident(p.Grantee)
	return strings.NewReplacer(" GRANT ", " REVOKE ", " TO "+grantee, " FROM "+grantee).Replace(grantDefault(p))
}
