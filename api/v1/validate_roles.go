package v1

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// userPattern is what names of manifest users look like. A part before a dot is the namespace of the
// user's Secret, where the operator's configuration allows that.
var userPattern = regexp.MustCompile(`^[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$`)

const userForm = `lower case letters, digits, "-" and "_", starting and ending with a letter or a digit; a namespace and a dot may precede it`

func roleFlags() []string {
	return []string{"bypassrls", "createdb", "createrole", "inherit", "login", "replication", "superuser"}
}

func validateRoles(spec *PostgresSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	users := path.Child("users")
	for _, name := range slices.Sorted(maps.Keys(spec.Users)) {
		if !userPattern.MatchString(name) {
			errs = append(errs, field.Invalid(users.Key(name), name, "as a user name, want "+userForm))
		}
		errs = append(errs, validateFlags(spec.Users[name], users.Key(name))...)
	}
	return errs
}

// validateFlags wants flags that exist, in one case, and do not contradict each other.
func validateFlags(flags UserFlags, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	said := map[string]string{} // flag without NO: as it was written
	for i, flag := range flags {
		lower := strings.ToLower(flag)
		base := lower
		if !slices.Contains(roleFlags(), base) {
			base = strings.TrimPrefix(lower, "no")
		}
		switch {
		case !slices.Contains(roleFlags(), base) || (flag != lower && flag != strings.ToUpper(flag)):
			errs = append(errs, field.Invalid(path.Index(i), flag, fmt.Sprintf(
				"want one of %s, alone or after \"no\", all in lower or all in upper case", strings.Join(roleFlags(), ", "))))
		case said[base] != "" && strings.ToLower(said[base]) != lower:
			errs = append(errs, field.Invalid(path.Index(i), flag, fmt.Sprintf("contradicts %q", said[base])))
		default:
			said[base] = flag
		}
	}
	return errs
}
