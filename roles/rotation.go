package roles

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A role whose password rotates does not get another password: the old one may still be in use. It gets
// a further login, a member of the role whose name is that of the role and the day: app261129. The Secret
// hands out the newest login; older ones go when nobody can still be using them.

// Rotation is what the Secret of one role hands out instead of the role, or beside it.
type Rotation struct {
	Role string

	// Logins are the dated logins that the Secret hands out, now or next.
	Logins []string

	// KeepsPassword: the Secret holds no password of the role itself, so that stays as it is.
	KeepsPassword bool

	// Since is the day before which dated logins are dropped; zero keeps all.
	Since time.Time
}

const datedLayout = "060102"

// DatedLogin is the name of a role's login that is made on a day.
func DatedLogin(role string, day time.Time) (string, error) {
	login := role + day.UTC().Format(datedLayout)
	if len(login) > maxNameBytes {
		return "", fmt.Errorf("role name %q leaves no room for a date: with it the name has %d bytes, at most %d are allowed", role, len(login), maxNameBytes)
	}
	return login, nil
}

// LoginDay is the day that a dated login of a role was made on; false for any other name.
func LoginDay(role, login string) (time.Time, bool) {
	date, ok := strings.CutPrefix(login, role)
	if !ok || !matches(`^[0-9]{6}$`, date) {
		return time.Time{}, false
	}
	day, err := time.Parse(datedLayout, date)
	return day, err == nil
}

// Rotated adds to a Set the logins that Secrets hand out. What is about a role that the Set does not have
// is left out, and so is a login whose name another role has.
func (s Set) Rotated(rotations []Rotation) Set {
	roles := slices.Clone(s.Roles)
	s.Rotations = nil
	for _, rotation := range rotations {
		i := slices.IndexFunc(roles, func(r Role) bool { return r.Name == rotation.Role })
		if i < 0 {
			continue
		}
		roles[i].KeepsPassword = rotation.KeepsPassword
		for _, login := range rotation.Logins {
			if _, taken := s.Role(login); !taken {
				roles = append(roles, roles[i].dated(login))
			}
		}
		s.Rotations = append(s.Rotations, rotation)
	}
	slices.SortFunc(roles, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	s.Roles = roles
	return s
}

// dated is a login that stands in for r. It inherits whatever r may do, also where r itself inherits
// nothing from its groups.
func (r Role) dated(login string) Role {
	flags := slices.DeleteFunc(slices.Clone(r.Flags), func(flag string) bool { return flag == "NOINHERIT" })
	if !slices.Contains(flags, "INHERIT") {
		flags = append(flags, "INHERIT")
	}
	slices.Sort(flags)
	return Role{
		Name: login, Kind: r.Kind, Flags: flags, MemberOf: []string{r.Name}, AdminRole: r.AdminRole,
		Base: r.Name, Field: r.Field,
	}
}

// rotating are the roles whose dated logins are of interest.
func (s Set) rotating() []string {
	names := []string{}
	for _, rotation := range s.Rotations {
		names = append(names, rotation.Role)
	}
	return names
}

// parametersOf are those that a role should have. A dated login has those of its role, whoever set them.
func (d *differ) parametersOf(role Role) map[string]string {
	base, dated := d.want.Role(role.Base)
	if !dated {
		return role.Parameters
	}
	if len(base.Parameters) > 0 {
		return base.Parameters
	}
	stored := map[string]string{}
	for name, value := range d.have.Roles[role.Base].Parameters {
		stored[name] = "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	return stored
}

// expired drops the dated logins of a role whose time is over. What they own becomes the role's, what they
// were granted goes with them: otherwise Postgres would not let them go.
func (d *differ) expired(rotation Rotation) {
	for _, name := range slices.Sorted(maps.Keys(d.have.Roles)) {
		day, dated := LoginDay(rotation.Role, name)
		_, wanted := d.want.Role(name)
		_, ours := d.have.Roles[name].MemberOf[rotation.Role]
		if !dated || wanted || !ours || !day.Before(rotation.Since) {
			continue
		}
		var emptied []string
		for _, database := range d.have.Roles[name].Databases {
			key := "emptied/" + name + "/" + database
			emptied = append(emptied, key)
			d.do(Statement{
				Database: database, Item: roleItem(name), Action: "empty", sql: emptyRole(name, rotation.Role),
				makes: key, field: "password_rotation_user_retention",
			})
		}
		d.do(Statement{
			Item: roleItem(name), Action: "drop", sql: dropRole(name), needs: emptied, field: "password_rotation_user_retention",
		})
	}
}
