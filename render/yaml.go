package render

import (
	"bytes"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// masked stands for a secret value in what people get to see.
const masked = "********"

// Options says how objects are printed.
type Options struct {
	ShowSecrets bool // print secret values instead of stars
}

// MarshalYAML prints objects as a stream of YAML documents, each under a
// comment with its id. The same objects give the same bytes.
func MarshalYAML(objects []Object, options Options) ([]byte, error) {
	var out bytes.Buffer
	for _, object := range objects {
		content := object.Object
		if !options.ShowSecrets {
			content = withoutSecrets(object).Object
		}
		text, err := yaml.Marshal(content)
		if err != nil {
			return nil, fmt.Errorf("print %s: %w", object.ID, err)
		}
		fmt.Fprintf(&out, "---\n# %s\n%s", object.ID, text)
	}
	return out.Bytes(), nil
}

// Masked is a copy of an object as it may be shown.
func Masked(object *unstructured.Unstructured) *unstructured.Unstructured {
	return withoutSecrets(Object{Unstructured: object})
}

// withoutSecrets is a copy of an object in which stars stand for the data of a
// Secret and for variables that hold keys or passwords.
func withoutSecrets(object Object) *unstructured.Unstructured {
	copied := object.DeepCopy()
	if copied.GetKind() == "Secret" {
		for _, field := range []string{"data", "stringData"} {
			if data, ok := copied.Object[field].(map[string]any); ok {
				for key := range data {
					data[key] = masked
				}
			}
		}
	}
	maskVariables(copied.Object)
	return copied
}

func maskVariables(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			maskVariables(item)
		}
	case map[string]any:
		name, isName := value["name"].(string)
		if _, isText := value["value"].(string); isName && isText && secretVariable(name) {
			value["value"] = masked
		}
		for _, item := range value {
			maskVariables(item)
		}
	}
}

// secretVariable tells by its name whether a variable holds a key or password.
func secretVariable(name string) bool {
	for _, end := range []string{"PASSWORD", "SECRET_ACCESS_KEY", "API_KEY", "ACCOUNT_KEY"} {
		if strings.HasSuffix(strings.ToUpper(name), end) {
			return true
		}
	}
	return false
}
