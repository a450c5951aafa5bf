package roles

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
)

// Extra are facts beside manifest and configuration: roles that others define. Both may be empty.
type Extra struct {
	Infrastructure []InfrastructureRole
	Members        []TeamMember

	// Former members of teams lose their login, see Set.Former.
	Former []string

	// Problems are what those others got wrong.
	Problems []Problem

	// Streams is true where the kind of event streams is installed. Without it spec.streams is but a role.
	Streams bool
}

// InfrastructureRole is a role that a Secret and perhaps a ConfigMap describe.
type InfrastructureRole struct {
	Name          string
	Flags         []string
	MemberOf      []string
	Parameters    map[string]string
	AdminRole     string
	DatabaseOwner bool

	// Source names the Secret, for problems.
	Source string
}

// TeamMember is a person who gets a role.
type TeamMember struct {
	Name string

	// Superuser for members of superuser teams; others become members of team_admin_role.
	Superuser bool

	// Source names the team, for problems.
	Source string
}

// Desired computes what manifest and configuration ask for. What is wrong with one part stands in
// Set.Problems and takes nothing away from the others.
func Desired(m *apiv1.Postgresql, c config.Config, x Extra) Set {
	d := &desired{
		manifest: m, config: c, problems: slices.Clone(x.Problems),
		roles: map[string]Role{}, databases: map[string]Database{}, publications: map[string]Publication{},
	}
	d.addSystemRoles()
	d.addInfrastructureRoles(x.Infrastructure)
	prepared := d.preparedDatabases()
	d.addPreparedRoles(prepared)
	d.addManifestRoles()
	d.addTeamRoles(x.Members)
	d.refuseSharedSecrets()
	d.addOwnerRoles()
	d.addDatabases()
	d.addPreparedDatabases(prepared)
	if x.Streams {
		d.addPublications()
	}
	set := d.set()
	set.Streams = x.Streams
	set.RetiredSuffix, set.Former = d.formerMembers(x.Former)
	return set
}

// Skip says why no SQL may run for a cluster, empty when it may: databases are not to be touched, there is
// none, or it follows a primary elsewhere, which has the say.
func Skip(m *apiv1.Postgresql, c config.Config, instances int32) string {
	switch {
	case !c.EnableDBAccess:
		return "enable_database_access is off"
	case instances <= 0:
		return "the cluster has no instances"
	case m.Spec.StandbyCluster != nil:
		return "the cluster is a standby"
	}
	for _, env := range m.Spec.Env {
		for _, cloud := range []string{"S3", "GS", "GSC", "SWIFT"} {
			if env.Name == "STANDBY_WALE_"+cloud+"_PREFIX" && env.Value != "" {
				return "the cluster is a standby"
			}
		}
	}
	return ""
}

// desired collects a Set.
type desired struct {
	manifest     *apiv1.Postgresql
	config       config.Config
	roles        map[string]Role
	databases    map[string]Database
	publications map[string]Publication // by database and name
	lookup       *Lookup
	problems     []Problem
}

func (d *desired) set() Set {
	sortProblems(d.problems)
	set := Set{
		Lookup:     d.lookup,
		OwnerRoles: d.ownerRoles(),
		MD5:        d.manifest.Spec.Postgresql.Parameters["password_encryption"] == "md5",
		Problems:   d.problems,
	}
	for _, name := range slices.Sorted(maps.Keys(d.roles)) {
		set.Roles = append(set.Roles, d.roles[name])
	}
	for _, name := range slices.Sorted(maps.Keys(d.databases)) {
		set.Databases = append(set.Databases, d.databases[name])
	}
	for _, key := range slices.Sorted(maps.Keys(d.publications)) {
		set.Publications = append(set.Publications, d.publications[key])
	}
	return set
}

func (d *desired) refuse(field, value, reason string, args ...any) {
	d.problems = append(d.problems, Problem{Field: field, Value: value, Reason: fmt.Sprintf(reason, args...)})
}

// add takes a role in, unless its name is impossible or one of higher rank has it.
func (d *desired) add(role Role) {
	if err := checkRoleName(role.Name); err != nil {
		d.refuse(role.Field, "", "%s", err)
		return
	}
	if role.NeedsSecret() && !role.Kind.system() {
		if err := checkSecretName(role.Name); err != nil {
			d.refuse(role.Field, "", "%s", err)
			return
		}
	}
	d.checkGroups(&role)
	role.Parameters = d.checkParameters(role)
	if other, ok := d.roles[role.Name]; ok {
		winner, loser := role, other
		if other.Kind.rank() > role.Kind.rank() {
			winner, loser = other, role
		}
		if winner.Kind != loser.Kind {
			d.refuse(loser.Field, loser.Name, "%s (%s) has this role name already and takes precedence", winner.Field, winner.Kind)
		}
		role = winner
	}
	slices.Sort(role.MemberOf)
	role.MemberOf = slices.Compact(role.MemberOf)
	d.roles[role.Name] = role
}

// checkGroups drops groups and an admin that cannot exist.
func (d *desired) checkGroups(role *Role) {
	impossible := func(name string) bool {
		err := checkName(name)
		if err != nil {
			d.refuse(role.Field, name, "%s is not a member of this role, nor the other way round: %s", roleItem(role.Name), err)
		}
		return err != nil
	}
	role.MemberOf = slices.DeleteFunc(slices.Clone(role.MemberOf), impossible)
	if role.AdminRole != "" && impossible(role.AdminRole) {
		role.AdminRole = ""
	}
}

func (d *desired) checkParameters(role Role) map[string]string {
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(role.Parameters)) {
		value := role.Parameters[name]
		if !matches(parameterPattern, name) {
			d.refuse(role.Field, name, "is not the name of a server parameter: it must match %s", parameterPattern)
			continue
		}
		if err := checkText(value); err != nil {
			d.refuse(role.Field, name, "the value of this parameter is not allowed: %s", err)
			continue
		}
		out[name] = value
	}
	return out
}

// addSystemRoles takes in what a cluster cannot do without. Patroni makes the first two at bootstrap.
func (d *desired) addSystemRoles() {
	d.add(Role{Name: d.config.SuperUsername, Kind: Superuser, Flags: []string{"LOGIN", "SUPERUSER"}, Field: "super_username"})
	d.add(Role{Name: d.config.ReplicationUsername, Kind: Replication, Flags: []string{"LOGIN", "REPLICATION"}, Field: "replication_username"})
	if name, field := d.poolerRole(); name != "" {
		d.add(Role{Name: name, Kind: Pooler, Flags: []string{"LOGIN"}, Field: field})
		d.addLookup(name)
	}
	if len(d.manifest.Spec.Streams) > 0 {
		d.add(Role{Name: names.StreamRole, Kind: Stream, Flags: []string{"LOGIN", "REPLICATION"}, Field: "spec.streams"})
	}
}

// poolerRole is the role of the connection pooler and the field it comes from; empty without a pooler.
func (d *desired) poolerRole() (name, field string) {
	spec := &d.manifest.Spec
	if primary, replica := spec.Poolers(); !primary && !replica {
		return "", ""
	}
	fallback := d.config.ConnectionPoolerUser
	if spec.ConnectionPooler == nil || spec.ConnectionPooler.User == "" {
		return fallback, "connection_pooler_user"
	}
	const userField = "spec.connectionPooler.user"
	if user := spec.ConnectionPooler.User; !d.reserved(user) && checkRoleName(user) == nil && checkSecretName(user) == nil {
		return user, userField
	}
	d.refuse(userField, spec.ConnectionPooler.User, "system, protected and impossible role names are not allowed; %q is used instead", fallback)
	return fallback, "connection_pooler_user"
}

// addLookup folds the schema's name to lower case, as Postgres does: the pooler's image writes it
// into its queries without quotes.
func (d *desired) addLookup(role string) {
	schema, field := d.config.ConnectionPoolerSchema, "connection_pooler_schema"
	if pooler := d.manifest.Spec.ConnectionPooler; pooler != nil && pooler.Schema != "" {
		schema, field = pooler.Schema, "spec.connectionPooler.schema"
	}
	if err := checkDatabaseName(schema); err != nil {
		d.refuse(field, schema, "%s", err)
		return
	}
	d.lookup = &Lookup{Schema: strings.ToLower(schema), Role: role}
}

// reserved names may be used by system roles only.
func (d *desired) reserved(name string) bool {
	role, taken := d.roles[name]
	return slices.Contains(d.config.ProtectedRoles, name) || taken && role.Kind.system()
}

// addUnreserved takes in a role unless its name is protected or a system role's.
func (d *desired) addUnreserved(role Role) {
	if d.reserved(role.Name) {
		d.refuse(role.Field, role.Name, "is the name of a system role or one of protected_role_names, choose another")
		return
	}
	d.add(role)
}
