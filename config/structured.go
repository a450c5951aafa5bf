package config

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// InfrastructureRole describes a Secret that defines roles of every cluster.
type InfrastructureRole struct {
	SecretName       NamespacedName
	UserKey          string // key of the role name in the Secret
	PasswordKey      string // key of the password in the Secret
	RoleKey          string // key of the group role in the Secret
	DefaultUserValue string // role name when the Secret has no UserKey
	DefaultRoleValue string // group role when the Secret has no RoleKey
	Details          string // key of a YAML description of the role in the Secret
	Template         bool   // the Secret lists roles as userN, passwordN, inroleN
}

// complete tells whether a role can come out of the Secret at all.
func (r InfrastructureRole) complete() bool {
	return r.SecretName.Name != "" && (r.Template || r.PasswordKey != "" && (r.UserKey != "" || r.DefaultUserValue != ""))
}

// set stores one property and tells whether it exists.
func (r *InfrastructureRole) set(property, value, namespace string) (known bool, err error) {
	switch property {
	case "secretname":
		r.SecretName, err = parseNamespacedName(value, namespace)
	case "userkey":
		r.UserKey = value
	case "passwordkey":
		r.PasswordKey = value
	case "rolekey":
		r.RoleKey = value
	case "defaultuservalue":
		r.DefaultUserValue = value
	case "defaultrolevalue":
		r.DefaultRoleValue = value
	case "details":
		r.Details = value
	case "template":
		r.Template, err = parseBool(value)
	default:
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("%w for %s", err, property)
	}
	return true, nil
}

// parseInfrastructureRole reads the ConfigMap form: the properties of one
// Secret as property:value pairs. A Secret without a namespace is in
// "default" here, as it has always been in this form.
func (l *loader) parseInfrastructureRole(text string) ([]InfrastructureRole, error) {
	properties, err := splitMap(text)
	if err != nil {
		return nil, err
	}
	return l.addRole(nil, properties, "default")
}

// infrastructureRoles reads the list of an OperatorConfiguration.
func (l *loader) infrastructureRoles(v any) ([]InfrastructureRole, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("a list of objects")
	}
	var roles []InfrastructureRole
	for _, item := range list {
		values, ok := item.(map[string]any)
		if !ok {
			return nil, errors.New("a list of objects")
		}
		properties := make(map[string]string, len(values))
		for key, value := range values {
			properties[key] = fmt.Sprint(value)
		}
		var err error
		if roles, err = l.addRole(roles, properties, l.operatorNamespace); err != nil {
			return nil, err
		}
	}
	return roles, nil
}

// addRole appends a complete entry; one that can yield no role is a warning.
func (l *loader) addRole(roles []InfrastructureRole, properties map[string]string, namespace string) ([]InfrastructureRole, error) {
	var r InfrastructureRole
	for property, value := range properties {
		known, err := r.set(property, value, namespace)
		if err != nil {
			return nil, err
		}
		if !known {
			l.warn("unknown property " + property + " in " + l.name)
		}
	}
	if !r.complete() {
		l.warn("entry without effect in " + l.name + ": needs secretname, passwordkey and one of userkey, defaultuservalue")
		return roles, nil
	}
	return append(roles, r), nil
}

// parseDefinition decodes an object and checks its kind and fields.
func parseDefinition(text, kind string) (Definition, error) {
	var d Definition
	if err := yaml.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("JSON or YAML of a %s: %w", kind, err)
	}
	if d["kind"] != kind {
		return nil, fmt.Errorf("an object of kind %s", kind)
	}
	var typed any = &corev1.ServiceAccount{}
	if kind == "RoleBinding" {
		typed = &rbacv1.RoleBinding{}
	}
	if err := yaml.UnmarshalStrict([]byte(text), typed); err != nil {
		return nil, fmt.Errorf("a valid %s: %w", kind, err)
	}
	return d, nil
}

// parseContainers reads a YAML or JSON list.
func parseContainers(text string) ([]corev1.Container, error) {
	var list []corev1.Container
	if err := yaml.UnmarshalStrict([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("a YAML list of containers: %w", err)
	}
	return list, checkContainers(list)
}

func checkContainers(list []corev1.Container) error {
	seen := map[string]bool{}
	for _, c := range list {
		if strings.TrimSpace(c.Name) == "" || seen[c.Name] {
			return fmt.Errorf("a list of containers with a name of its own each; %q is missing or used twice", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}
