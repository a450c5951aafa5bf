package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// plainPostgresql decodes like any struct, without the leniency of Postgresql.
type plainPostgresql Postgresql

// UnmarshalJSON never fails for an object that has readable metadata. One manifest that does not decode
// would otherwise keep a watch from delivering all the others. Such an object has DecodeError set, and
// an empty Spec.
func (pg *Postgresql) UnmarshalJSON(data []byte) error {
	var plain plainPostgresql
	err := kjson.UnmarshalCaseSensitivePreserveInts(data, &plain)
	if err == nil {
		*pg = Postgresql(plain)
		return nil
	}
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        metav1.ObjectMeta `json:"metadata"`
		Status          json.RawMessage   `json:"status"`
	}
	if kjson.UnmarshalCaseSensitivePreserveInts(data, &head) != nil {
		return err
	}
	*pg = Postgresql{TypeMeta: head.TypeMeta, ObjectMeta: head.Metadata, DecodeError: decodeReason(err)}
	if len(head.Status) > 0 && pg.Status.UnmarshalJSON(head.Status) != nil {
		pg.Status = PostgresStatus{} // it will be written anew
	}
	return nil
}

// decodeReason says what is wrong as "field: reason".
func decodeReason(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("%s: got %s, want %s", wrong.Field, wrong.Value, jsonType(wrong.Type))
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// jsonType names what a Go type is written as.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32:
		return "a whole number of type " + t.String()
	case reflect.Slice, reflect.Array:
		return "a list"
	default:
		return "an object"
	}
}

// DecodeStrict reads a manifest in YAML or JSON. Like an API server with strict field validation, it
// reports fields that do not exist, fields that are given twice, required fields that are missing and
// values of a wrong type, each by its path and on a line of its own. What values are allowed is up to
// Validate.
func DecodeStrict(text []byte) (*Postgresql, error) {
	data, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if err := checkKind(data); err != nil {
		return nil, err
	}
	var plain plainPostgresql
	strict, err := kjson.UnmarshalStrict(data, &plain)
	if err != nil {
		return nil, errors.New(decodeReason(err))
	}
	missing, err := missingFields(data)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(append(strict, missing...)...); err != nil {
		return nil, err
	}
	pg := Postgresql(plain)
	return &pg, nil
}

func checkKind(data []byte) error {
	var meta metav1.TypeMeta
	if err := json.Unmarshal(data, &meta); err != nil {
		return errors.New("read manifest: want a single object of kind " + KindPostgresql)
	}
	if got := meta.GroupVersionKind(); got != PostgresqlKind {
		return fmt.Errorf("read manifest: apiVersion %q and kind %q: want %q and %q",
			meta.APIVersion, meta.Kind, GroupVersion.String(), KindPostgresql)
	}
	return nil
}

// missingFields reports what the CustomResourceDefinition requires and data does not have. The Go types
// cannot tell an absent field from one that holds its zero value.
func missingFields(data []byte) ([]error, error) {
	crds, err := CRDs()
	if err != nil {
		return nil, err
	}
	var object any
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, err
	}
	var missing []error
	for _, crd := range crds {
		if crd.Spec.Names.Kind == KindPostgresql {
			missing = missingIn(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, object, nil)
		}
	}
	return missing, nil
}

// missingIn walks value along its schema. A value of a wrong type has been reported by the decoder.
func missingIn(schema *apiextensionsv1.JSONSchemaProps, value any, path *field.Path) []error {
	var missing []error
	switch value := value.(type) {
	case map[string]any:
		for _, name := range schema.Required {
			if value[name] == nil && schema.Properties[name].Default == nil {
				missing = append(missing, field.Required(path.Child(name), ""))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			item := value[name]
			if property, ok := schema.Properties[name]; ok {
				missing = append(missing, missingIn(&property, item, path.Child(name))...)
			} else if schema.AdditionalProperties != nil {
				missing = append(missing, missingIn(schema.AdditionalProperties.Schema, item, path.Key(name))...)
			}
		}
	case []any:
		for i, item := range value {
			if schema.Items != nil {
				missing = append(missing, missingIn(schema.Items.Schema, item, path.Index(i))...)
			}
		}
	}
	return missing
}
