package roles

import (
	"maps"
	"slices"
	"strings"
)

func (d *desired) addInfrastructureRoles(all []InfrastructureRole) {
	for _, in := range all {
		field := infrastructureField(in.Source)
		flags, err := normaliseFlags(in.Flags)
		if err != nil {
			d.refuse(field, in.Name, "%s", err)
			continue
		}
		groups := slices.DeleteFunc(slices.Clone(in.MemberOf), func(group string) bool { return group == "" })
		d.addUnreserved(Role{
			Name: in.Name, Kind: Infrastructure, Flags: flags, MemberOf: groups, AdminRole: in.AdminRole,
			Parameters: in.Parameters, DatabaseOwner: in.DatabaseOwner, Field: field,
		})
	}
}

func (d *desired) addManifestRoles() {
	spec := &d.manifest.Spec
	owners := slices.Collect(maps.Values(spec.Databases))
	for _, name := range slices.Sorted(maps.Keys(spec.Users)) {
		field := "spec.users[" + name + "]"
		if !matches(manifestUserPattern, name) {
			d.refuse(field, name, "must match %s", manifestUserPattern)
			continue
		}
		flags, err := normaliseFlags(spec.Users[name])
		if err != nil {
			d.refuse(field, strings.Join(spec.Users[name], " "), "%s", err)
			continue
		}
		role := Role{Name: name, Kind: Manifest, Flags: flags, DatabaseOwner: slices.Contains(owners, name), Field: field}
		if d.config.EnableAdminRoleForUsers {
			role.AdminRole = d.config.TeamAdminRole
		}
		if namespace, _, dotted := strings.Cut(name, "."); dotted && d.config.EnableCrossNamespaceSecret {
			role.SecretNamespace = namespace
		}
		d.addUnreserved(role)
	}
}

func (d *desired) addTeamRoles(members []TeamMember) {
	for _, member := range members {
		role := Role{
			Name: member.Name, Kind: Team, Flags: []string{"LOGIN"}, MemberOf: []string{d.config.PamRoleName},
			Parameters: d.config.TeamAPIRoleConfiguration, Field: "team " + member.Source,
		}
		switch {
		case member.Superuser:
			role.Flags = append(role.Flags, "SUPERUSER")
		case d.config.TeamAdminRole != "":
			role.MemberOf = append(role.MemberOf, d.config.TeamAdminRole)
		}
		d.addUnreserved(role)
	}
}

// formerMembers are those whose roles are to be retired, and the suffix for it: whoever has a role for
// another reason keeps it.
func (d *desired) formerMembers(all []string) (suffix string, former []string) {
	if !d.config.EnableTeamMemberDeprecation {
		return "", nil
	}
	if d.config.RoleDeletionSuffix == "" {
		d.refuse("role_deletion_suffix", "", "is empty, so roles of members who left cannot be told from others; they stay as they are")
		return "", nil
	}
	if err := checkText(d.config.RoleDeletionSuffix); err != nil {
		d.refuse("role_deletion_suffix", "", "%s", err)
		return "", nil
	}
	for _, name := range all {
		if _, wanted := d.roles[name]; !wanted && !d.reserved(name) && checkRoleName(name) == nil {
			former = append(former, name)
		}
	}
	slices.Sort(former)
	return d.config.RoleDeletionSuffix, slices.Compact(former)
}

// addOwnerRoles makes every database owner a member of additional_owner_roles. A group cannot at the
// same time be an admin of its member, so that wish yields.
func (d *desired) addOwnerRoles() {
	for _, name := range d.config.AdditionalOwnerRoles {
		if err := checkName(name); err != nil {
			d.refuse("additional_owner_roles", name, "%s", err)
		}
	}
	for name, role := range d.roles {
		if !role.DatabaseOwner {
			continue
		}
		for _, group := range d.ownerRoles() {
			if group != name && !slices.Contains(role.MemberOf, group) {
				role.MemberOf = append(role.MemberOf, group)
			}
		}
		if slices.Contains(role.MemberOf, role.AdminRole) {
			role.AdminRole = ""
		}
		slices.Sort(role.MemberOf)
		d.roles[name] = role
	}
}

// ownerRoles are those of additional_owner_roles that can exist.
func (d *desired) ownerRoles() []string {
	return slices.DeleteFunc(slices.Clone(d.config.AdditionalOwnerRoles), func(name string) bool { return checkName(name) != nil })
}

// refuseSharedSecrets drops a role whose Secret would be another's: a_b and a-b give one name.
func (d *desired) refuseSharedSecrets() {
	taken := map[string]Role{}
	names := slices.SortedFunc(maps.Keys(d.roles), func(a, b string) int {
		if byRank := d.roles[b].Kind.rank() - d.roles[a].Kind.rank(); byRank != 0 {
			return byRank
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		role := d.roles[name]
		if !role.NeedsSecret() {
			continue
		}
		key := role.SecretNamespace + "/" + secretUser(name)
		if other, ok := taken[key]; ok {
			d.refuse(role.Field, name, "its Secret would have the same name as that of role %q, since _ becomes -; choose another name", other.Name)
			delete(d.roles, name)
			continue
		}
		taken[key] = role
	}
}

// addDatabases takes in spec.databases. Their owners must be roles of the Set.
func (d *desired) addDatabases() {
	for _, name := range slices.Sorted(maps.Keys(d.manifest.Spec.Databases)) {
		owner, field := d.manifest.Spec.Databases[name], "spec.databases["+name+"]"
		if err := checkDatabaseName(name); err != nil {
			d.refuse(field, name, "%s", err)
			continue
		}
		if _, ok := d.roles[owner]; !ok {
			d.refuse(field, owner, "the owner must be a role that the manifest or the configuration defines")
			continue
		}
		d.databases[name] = Database{Name: name, Owner: owner, Field: field}
	}
}
