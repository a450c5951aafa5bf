package config

import (
	"encoding/json"
	"strings"
)

// NamespacedName names a Secret or ConfigMap. Both parts are empty when the
// option is not set.
type NamespacedName struct {
	Namespace string
	Name      string
}

// IsZero tells that the option is not set.
func (n NamespacedName) IsZero() bool { return n.Name == "" }

// String returns namespace/name, or nothing when the option is not set.
func (n NamespacedName) String() string {
	switch {
	case n.Name == "":
		return ""
	case n.Namespace == "":
		return n.Name
	}
	return n.Namespace + "/" + n.Name
}

// MarshalJSON writes the text of String.
func (n NamespacedName) MarshalJSON() ([]byte, error) { return json.Marshal(n.String()) }

func parseNamespacedName(text, namespace string) (NamespacedName, error) {
	if text == "" {
		return NamespacedName{}, nil
	}
	name := NamespacedName{Namespace: namespace, Name: strings.TrimSpace(text)}
	if before, after, found := strings.Cut(name.Name, "/"); found {
		name = NamespacedName{Namespace: before, Name: after}
		if before == "" {
			return name, errName
		}
	}
	if name.Name == "" || strings.Contains(name.Name, "/") {
		return name, errName
	}
	return name, nil
}

// Template is a text with placeholders such as {cluster}.
type Template string

// Format replaces placeholders, given as pairs of name and value:
// t.Format("cluster", "a", "team", "b"). Others stay as they are.
func (t Template) Format(pairs ...string) string {
	replaced := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		replaced = append(replaced, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(replaced...).Replace(string(t))
}

// Definition is a Kubernetes object given as text, decoded and known to be of
// the right kind; nil when the option is not set.
type Definition map[string]any
