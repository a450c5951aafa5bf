package roles

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxNameBytes is NAMEDATALEN-1: Postgres cuts longer names off, and would then look for others.
const maxNameBytes = 63

const (
	manifestUserPattern = `^[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$`
	databasePattern     = `^[a-zA-Z_][a-zA-Z0-9_]*$`
	secretPattern       = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	parameterPattern    = `^[a-zA-Z_][a-zA-Z0-9_$]*(\.[a-zA-Z_][a-zA-Z0-9_$]*)*$`
)

// checkName refuses names that Postgres cannot hold. What names something that exists already, such
// as a group or an extension, needs no more.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a name is missing")
	case len(name) > maxNameBytes:
		return fmt.Errorf("name %q has %d bytes, at most %d are allowed", name, len(name), maxNameBytes)
	}
	return checkText(name)
}

// checkText refuses what no Postgres text can hold.
func checkText(text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return fmt.Errorf("%q is not UTF-8 text without NUL", text)
	}
	return nil
}

// checkRoleName refuses names that a role of ours cannot have.
func checkRoleName(name string) error {
	if strings.HasPrefix(name, "pg_") || name == "public" || name == "none" {
		return fmt.Errorf("role name %q is reserved by Postgres: names that start with pg_, public and none are not allowed", name)
	}
	return checkName(name)
}

// checkSecretName refuses names from which no Secret name can be made: {username} of
// secret_name_template is the role with _ as -.
func checkSecretName(role string) error {
	if matches(secretPattern, secretUser(role)) {
		return nil
	}
	return fmt.Errorf("role name %q gives no valid name of a Secret: lower-case letters, digits, - . and _ are allowed, "+
		"beginning and ending with a letter or digit", role)
}

func secretUser(role string) string { return strings.ReplaceAll(role, "_", "-") }

// checkDatabaseName is for databases and schemas.
func checkDatabaseName(name string) error {
	if len(name) > maxNameBytes {
		return fmt.Errorf("name has %d bytes, at most %d are allowed", len(name), maxNameBytes)
	}
	if !matches(databasePattern, name) {
		return fmt.Errorf("name must match %s", databasePattern)
	}
	return nil
}

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }
