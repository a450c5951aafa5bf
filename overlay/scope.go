package overlay

import (
	"fmt"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// ScopeFile in a directory or artefact says which clusters its overlay is for.
const ScopeFile = "overlay.yaml"

// Scope says which clusters an overlay is for. The zero value is all of them.
type Scope struct {
	// Namespaces are names of namespaces, or patterns such as team-*.
	Namespaces []string `json:"namespaces,omitempty"`
	// Selector selects clusters by the labels of their manifests.
	Selector string `json:"selector,omitempty"`
}

// All tells whether the scope leaves no cluster out.
func (s Scope) All() bool { return len(s.Namespaces) == 0 && s.Selector == "" }

// Check tells what is wrong with a scope.
func (s Scope) Check() error {
	for _, pattern := range s.Namespaces {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return fmt.Errorf("namespaces: %q is neither a name nor a pattern such as team-*", pattern)
		}
	}
	if _, err := labels.Parse(s.Selector); err != nil {
		return fmt.Errorf("selector: %w", err)
	}
	return nil
}

// Matcher gives a function that tells whether a cluster is in scope.
func (s Scope) Matcher() (func(namespace string, clusterLabels map[string]string) bool, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	selector, err := labels.Parse(s.Selector)
	if err != nil {
		return nil, fmt.Errorf("selector: %w", err)
	}
	return func(namespace string, clusterLabels map[string]string) bool {
		return s.matchesNamespace(namespace) && selector.Matches(labels.Set(clusterLabels))
	}, nil
}

func (s Scope) matchesNamespace(namespace string) bool {
	for _, pattern := range s.Namespaces {
		if matched, err := path.Match(pattern, namespace); err == nil && matched {
			return true
		}
	}
	return len(s.Namespaces) == 0
}

// NewScope reads a scope as annotations write it: namespaces separated by
// commas, and a label selector.
func NewScope(namespaces, selector string) (Scope, error) {
	s := Scope{Selector: strings.TrimSpace(selector)}
	for name := range strings.SplitSeq(namespaces, ",") {
		if name = strings.TrimSpace(name); name != "" {
			s.Namespaces = append(s.Namespaces, name)
		}
	}
	return s, s.Check()
}

func parseScope(content []byte) (Scope, error) {
	var s Scope
	if err := yaml.UnmarshalStrict(content, &s); err != nil {
		cause := strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: json: ")
		return s, fmt.Errorf("the scope of an overlay has namespaces and selector: %s", cause)
	}
	return s, s.Check()
}
