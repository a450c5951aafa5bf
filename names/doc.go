// Package names is the one place where a name is made: of objects, labels,
// annotations, containers, volumes, field managers and finalizers.
//
// Nothing else in the operator spells such a string, so that two writers of
// the same object can never disagree about what it is called. Functions take
// plain parameters, never the configuration: a caller who has only a cluster
// name and a template (a test, a command) can ask for a name as well.
//
// All names are those of Zalando's postgres-operator v2.0.1, so that a cluster
// made by it is found again, and so that the tools of its users keep working.
package names

import "strings"

// Roles of a Postgres member as they stand in the role label. Patroni writes
// the label on pods (KUBERNETES_ROLE_LABEL); the leader of a standby cluster
// is labelled master as well.
const (
	RoleMaster  = "master"
	RoleReplica = "replica"
)

// APIGroup, Kind and APIVersion of the cluster manifest.
const (
	APIGroup   = "acid.zalan.do"
	APIVersion = APIGroup + "/v1"
	Kind       = "postgresql"
)

// Fill replaces every {key} of template by its value. A placeholder without a
// value stays as it is: it then shows in the name, and fails visibly.
func Fill(template string, values map[string]string) string {
	var filled strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		filled.WriteString(before)
		if !found {
			return filled.String()
		}
		key, after, closed := strings.Cut(rest, "}")
		value, known := values[key]
		if !closed || !known {
			filled.WriteByte('{')
			template = rest
			continue
		}
		filled.WriteString(value)
		template = after
	}
}
