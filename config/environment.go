package config

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// WithEnvironment returns c with the options that variables of the process
// override: WATCHED_NAMESPACE and SCALYR_API_KEY, when not empty. lookup is
// os.LookupEnv or a stand-in. A bad value is a *KeyError named like its variable.
func (c Config) WithEnvironment(lookup func(name string) (string, bool)) (Config, error) {
	if text, ok := lookup("WATCHED_NAMESPACE"); ok && text != "" {
		if err := checkNamespaces(text); err != nil {
			return c, &KeyError{Key: "WATCHED_NAMESPACE", Value: text, Allowed: err.Error()}
		}
		c.WatchedNamespace = text
	}
	if key, ok := lookup("SCALYR_API_KEY"); ok && key != "" {
		c.ScalyrAPIKey = key
	}
	return c, nil
}

// WatchedNamespaces returns the namespaces to serve, sorted and without
// duplicates; nil means all of them.
func (c Config) WatchedNamespaces(operatorNamespace string) []string {
	switch c.WatchedNamespace {
	case "*":
		return nil
	case "":
		return []string{operatorNamespace}
	}
	names := splitList(c.WatchedNamespace)
	slices.Sort(names)
	return slices.Compact(names)
}

// Tolerations returns the toleration of the configuration as a list, empty
// when there is none.
func (c Config) Tolerations() []corev1.Toleration {
	t := c.PodToleration
	if len(t) == 0 {
		return nil
	}
	return []corev1.Toleration{{
		Key: t["key"], Operator: corev1.TolerationOperator(t["operator"]),
		Value: t["value"], Effect: corev1.TaintEffect(t["effect"]),
	}}
}
