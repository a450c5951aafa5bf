package roles

import (
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Passwords are what the Secrets hold. It does not print.
type Passwords struct {
	// Clear text by role name.
	Clear map[string]string

	// Random gives salts; nil means crypto/rand.
	Random io.Reader
}

// String says how many passwords there are.
func (p Passwords) String() string { return fmt.Sprintf("%d passwords", len(p.Clear)) }

// GoString masks as String does.
func (p Passwords) GoString() string { return p.String() }

// Diff lists the statements that bring a server from have to want: roles, memberships, parameters,
// databases, then what is inside databases. Within each group the order is that of names. It is
// empty when nothing is missing.
func Diff(want Set, have State, passwords Passwords) Plan {
	if passwords.Random == nil {
		passwords.Random = rand.Reader
	}
	have.Roles = maps.Clone(have.Roles)
	d := &differ{want: want, have: have, passwords: passwords, plan: Plan{blocked: map[string]bool{}}}
	for _, role := range want.Roles {
		d.restore(role)
		d.role(role)
	}
	d.memberships()
	for _, role := range want.Roles {
		d.parameters(role)
	}
	for _, name := range want.Former {
		d.retire(name)
	}
	for _, database := range want.Databases {
		d.database(database)
	}
	d.contents()
	for _, rotation := range want.Rotations {
		d.expired(rotation)
	}
	sortProblems(d.plan.Problems)
	return d.plan
}

type differ struct {
	want      Set
	have      State
	passwords Passwords
	plan      Plan
}

func (d *differ) do(s Statement) { d.plan.Statements = append(d.plan.Statements, s) }

func (d *differ) problem(item, field, reason string, args ...any) {
	d.plan.Problems = append(d.plan.Problems, Problem{Item: item, Field: field, Reason: fmt.Sprintf(reason, args...)})
}

// role creates a role or gives it the flags and the password that it lacks.
func (d *differ) role(role Role) {
	have, exists := d.have.Roles[role.Name]
	verifier, err := d.verifier(role, have)
	if err != nil {
		d.problem(roleItem(role.Name), role.Field, "%s; until then the role stays as it is", err)
		if !exists {
			d.plan.blocked[roleKey(role.Name)] = true
		}
		return
	}
	s := Statement{Item: roleItem(role.Name), makes: roleKey(role.Name), secret: verifier, field: role.Field}
	if exists {
		missing := missingFlags(role.Flags, have.Flags)
		if len(missing) == 0 && verifier == "" {
			return
		}
		s.Action, s.sql, s.needs = "alter", alterRole(role.Name, missing), []string{roleKey(role.Name)}
	} else {
		s.Action, s.sql = "create", createRole(role.Name, role.Flags)
	}
	if verifier != "" {
		s.sql += password(verifier)
	}
	d.do(s)
}

func missingFlags(want []string, have map[string]bool) []string {
	var missing []string
	for _, flag := range want {
		name, on := flag, true
		if !slices.Contains(flagNames(), flag) {
			name, on = opposite(flag), false
		}
		if have[name] != on {
			missing = append(missing, flag)
		}
	}
	return missing
}

// verifier is the one to store, empty when the stored one is good or the role has no password.
func (d *differ) verifier(role Role, have ActualRole) (Verifier, error) {
	if !role.NeedsSecret() || role.KeepsPassword {
		return "", nil
	}
	clear, ok := d.passwords.Clear[role.Name]
	switch {
	case !ok:
		return "", fmt.Errorf("there is no Secret with its password yet")
	case clear == "":
		return "", fmt.Errorf("its Secret has an empty password, which is not allowed")
	case have.Verifier.holds(role.Name, clear, d.want.MD5):
		return "", nil
	}
	return newVerifier(role.Name, clear, d.want.MD5, d.passwords.Random)
}

// memberships grants what is missing, in both directions: the groups of a role, and its admin.
func (d *differ) memberships() {
	missing := map[string]string{} // group that does not exist: a role that wants it
	for _, role := range d.want.Roles {
		for _, group := range role.MemberOf {
			d.membership(role, group, role.Name, false, missing)
		}
		if role.AdminRole != "" && role.AdminRole != role.Name {
			d.membership(role, role.Name, role.AdminRole, true, missing)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		d.problem(roleItem(name), "", "does not exist, but %s and perhaps others refer to it; create it, as Spilo's bootstrap does, or take it out of the configuration", roleItem(missing[name]))
	}
}

func (d *differ) membership(role Role, group, member string, admin bool, missing map[string]string) {
	for _, name := range []string{group, member} {
		if !d.known(name) {
			if missing[name] == "" {
				missing[name] = role.Name
			}
			return
		}
	}
	if have, ok := d.have.Roles[member].MemberOf[group]; ok && (have.Admin || !admin) {
		return
	}
	d.revokeInverse(group, member)
	d.do(Statement{
		Item: roleItem(role.Name), Action: "grant", sql: grantRole(group, member, admin),
		needs: []string{roleKey(group), roleKey(member)}, field: role.Field,
	})
}

// revokeInverse frees the way for additional_owner_roles: a group that is itself a member of the
// owner cannot be granted to it.
func (d *differ) revokeInverse(group, member string) {
	inverse, ok := d.have.Roles[group].MemberOf[member]
	if !ok || !slices.Contains(d.want.OwnerRoles, group) {
		return
	}
	for i, grantor := range inverse.Grantors {
		if i > 0 && d.have.Version < 160000 {
			break
		}
		d.do(Statement{
			Item: roleItem(member), Action: "revoke", sql: revokeRole(member, group, grantor, d.have.Version),
			field: "additional_owner_roles",
		})
	}
}

// known tells whether a role exists or is about to.
func (d *differ) known(name string) bool {
	_, exists := d.have.Roles[name]
	_, wanted := d.want.Role(name)
	return exists || wanted
}

// parameters sets what differs and resets what is no longer wanted. A role without wanted parameters
// keeps what it has.
func (d *differ) parameters(role Role) {
	wanted := d.parametersOf(role)
	if len(wanted) == 0 {
		return
	}
	have := d.have.Roles[role.Name].Parameters
	do := func(action, sql string) {
		d.do(Statement{Item: roleItem(role.Name), Action: action, sql: sql, needs: []string{roleKey(role.Name)}, field: role.Field})
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, found := findParameter(wanted, name); !found {
			do("reset", resetParameter(role.Name, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		stored, found := findParameter(have, name)
		if !found || !sameParameter(name, wanted[name], stored) {
			do("set", setParameter(role.Name, name, wanted[name]))
		}
	}
}
