package roles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"postgres-operator/config"
)

// InfrastructureSource is a Secret that describes roles of every cluster, as the configuration refers to it.
type InfrastructureSource struct {
	config.InfrastructureRole

	// Data of the Secret; nil when there is no such Secret.
	Data map[string][]byte

	// Descriptions are the data of the ConfigMap with the Secret's name, if there is one: by role, what
	// the Secret does not say.
	Descriptions map[string]string
}

// InfrastructureSources are the Secrets that a configuration names, in the order in which they count: of
// two roles with one name the later stays.
func InfrastructureSources(c config.Config) []InfrastructureSource {
	var sources []InfrastructureSource
	for _, entry := range c.InfrastructureRoles {
		sources = append(sources, InfrastructureSource{InfrastructureRole: entry})
	}
	if !c.InfrastructureRolesSecretName.IsZero() {
		list := config.InfrastructureRole{SecretName: c.InfrastructureRolesSecretName, Template: true}
		sources = append(sources, InfrastructureSource{InfrastructureRole: list})
	}
	return sources
}

// InfrastructureRoles are the roles that Secrets describe, with their passwords.
type InfrastructureRoles struct {
	Roles     []InfrastructureRole
	Passwords Passwords
	Problems  []Problem
}

// ReadInfrastructure takes roles out of their Secrets. What is incomplete is a Problem and stops no other role.
func ReadInfrastructure(sources []InfrastructureSource) InfrastructureRoles {
	r := &infrastructureReader{roles: map[string]InfrastructureRole{}, passwords: map[string]string{}}
	for _, source := range sources {
		r.source = source
		switch {
		case source.Data == nil:
			r.refuse("", "there is no such Secret; roles that it described before stay as they are")
			continue
		case source.Template:
			r.list()
		default:
			r.single()
		}
		r.described()
	}
	out := InfrastructureRoles{Passwords: Passwords{Clear: r.passwords}, Problems: r.problems}
	for _, name := range slices.Sorted(maps.Keys(r.roles)) {
		out.Roles = append(out.Roles, r.roles[name])
	}
	return out
}

type infrastructureReader struct {
	source    InfrastructureSource
	roles     map[string]InfrastructureRole
	passwords map[string]string
	problems  []Problem
}

func infrastructureField(source string) string {
	if source == "" {
		return "infrastructure_roles_secrets"
	}
	return "infrastructure_roles_secrets: " + source
}

func (r *infrastructureReader) refuse(role, reason string) {
	r.problems = append(r.problems, Problem{
		Field: infrastructureField(r.source.SecretName.String()), Value: role, Reason: reason,
	})
}

func (r *infrastructureReader) value(key string) string { return string(r.source.Data[key]) }

func (r *infrastructureReader) add(role InfrastructureRole, password string) {
	role.Source = r.source.SecretName.String()
	r.roles[role.Name], r.passwords[role.Name] = role, password
}

// list reads user1, password1, inrole1, user2 and so on, until one is missing.
func (r *infrastructureReader) list() {
	user, password, group := or(r.source.UserKey, "user"), or(r.source.PasswordKey, "password"), or(r.source.RoleKey, "inrole")
	for n := 1; ; n++ {
		key := func(prefix string) string { return fmt.Sprintf("%s%d", prefix, n) }
		if _, found := r.source.Data[key(user)]; !found {
			return
		}
		role := InfrastructureRole{Name: r.value(key(user)), MemberOf: []string{r.value(key(group))}}
		switch {
		case role.Name == "":
			r.refuse("", fmt.Sprintf("key %s is empty, so the role has no name", key(user)))
		case r.value(key(password)) == "":
			r.refuse(role.Name, fmt.Sprintf("key %s is missing or empty, so the role has no password and is left out", key(password)))
		default:
			r.add(role, r.value(key(password)))
		}
	}
}

// single reads the one role that a Secret describes under keys of any name.
func (r *infrastructureReader) single() {
	var role InfrastructureRole
	if details, found := r.source.Data[r.source.Details]; found && r.source.Details != "" {
		var err error
		if role, err = decodeDescription(details); err != nil { // which may quote the Secret
			r.refuse("", fmt.Sprintf("key %s is no description of a role: %s", r.source.Details, descriptionForm))
			return
		}
	} else {
		role.MemberOf = []string{or(r.value(r.source.RoleKey), r.source.DefaultRoleValue)}
	}
	role.Name = or(r.value(r.source.UserKey), r.source.DefaultUserValue)
	switch {
	case role.Name == "":
		r.refuse("", fmt.Sprintf("key %s is missing or empty and there is no defaultuservalue, so the role has no name", r.source.UserKey))
	case r.value(r.source.PasswordKey) == "":
		r.refuse(role.Name, fmt.Sprintf("key %s is missing or empty, so the role has no password and is left out", r.source.PasswordKey))
	default:
		r.add(role, r.value(r.source.PasswordKey))
	}
}

// described reads the ConfigMap: a role each, whose password the Secret holds under the role's name.
func (r *infrastructureReader) described() {
	for _, name := range slices.Sorted(maps.Keys(r.source.Descriptions)) {
		role, err := decodeDescription([]byte(r.source.Descriptions[name]))
		role.Name = name
		switch {
		case err != nil:
			r.refuse(name, fmt.Sprintf("its description in the ConfigMap of the same name is refused: %s; %s", err, descriptionForm))
		case r.value(name) == "":
			r.refuse(name, "the ConfigMap of the same name describes this role, but the Secret has no password under this key; it is left out")
		default:
			r.add(role, r.value(name))
		}
	}
}

const descriptionForm = "YAML with inrole, user_flags, db_parameters, admin_role and is_db_owner is allowed"

func decodeDescription(text []byte) (InfrastructureRole, error) {
	var in struct {
		InRole     []string       `json:"inrole"`
		Flags      []string       `json:"user_flags"`
		Parameters map[string]any `json:"db_parameters"`
		AdminRole  string         `json:"admin_role"`
		Owner      bool           `json:"is_db_owner"`
	}
	content, err := yaml.YAMLToJSON(text)
	if err != nil {
		return InfrastructureRole{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return InfrastructureRole{}, err
	}
	role := InfrastructureRole{
		Flags: in.Flags, MemberOf: in.InRole, Parameters: map[string]string{}, AdminRole: in.AdminRole, DatabaseOwner: in.Owner,
	}
	for name, value := range in.Parameters {
		if value != nil {
			role.Parameters[name] = fmt.Sprint(value)
		}
	}
	return role, nil
}
