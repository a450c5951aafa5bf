package roles

import "slices"

// members are the roles of people that come or go.
func (s Set) members() []string {
	if s.RetiredSuffix == "" {
		return nil
	}
	all := slices.Clone(s.Former)
	for _, role := range s.Roles {
		if role.Kind == Team {
			all = append(all, role.Name)
		}
	}
	return all
}

func (s Set) retired(name string) string { return name + s.RetiredSuffix }

// restore gives a member who comes back the role that was retired, with all that it owns. A role that
// was not retired by us, since it may log in, is left alone.
func (d *differ) restore(role Role) {
	if role.Kind != Team || d.want.RetiredSuffix == "" {
		return
	}
	if _, exists := d.have.Roles[role.Name]; exists {
		return
	}
	retired := d.want.retired(role.Name)
	have, exists := d.have.Roles[retired]
	if !exists || have.Flags["LOGIN"] {
		return
	}
	d.do(Statement{
		Item: roleItem(role.Name), Action: "restore", sql: renameRole(retired, role.Name), makes: roleKey(role.Name), field: role.Field,
	})
	delete(d.have.Roles, retired)
	d.have.Roles[role.Name] = have
}

// retire takes the login of a member who left, then makes room for another of that name. What the role
// owns and was granted stays.
func (d *differ) retire(name string) {
	have, exists := d.have.Roles[name]
	if !exists {
		return
	}
	const field = "role_deletion_suffix"
	if have.Flags["LOGIN"] {
		d.do(Statement{Item: roleItem(name), Action: "retire", sql: alterRole(name, []string{"NOLOGIN"}), makes: roleKey(name), field: field})
	}
	retired := d.want.retired(name)
	if err := checkName(retired); err != nil {
		d.problem(roleItem(name), field, "left its team; it cannot log in any more and keeps its name: %s", err)
		return
	}
	if _, taken := d.have.Roles[retired]; taken {
		d.problem(roleItem(name), field, "left its team; it cannot log in any more and keeps its name, since there is a role %q already: rename or drop one of the two", retired)
		return
	}
	d.do(Statement{Item: roleItem(name), Action: "rename", sql: renameRole(name, retired), needs: []string{roleKey(name)}, field: field})
}
