package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
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
	found, err := gaps(data)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(append(strict, found...)...); err != nil {
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

// gaps reports what the Go types cannot tell from an absent field that may be absent: required fields
// that are not there, nulls in lists and maps, and empty strings where the CustomResourceDefinition takes
// none.
func gaps(data []byte) ([]error, error) {
	crd, err := readCRD("postgresql.crd.yaml")
	if err != nil {
		return nil, err
	}
	var object any
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, err
	}
	return gapsIn(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, object, nil), nil
}

// gapsIn walks value along its schema. A value of a wrong type has been reported by the decoder.
func gapsIn(schema *apiextensionsv1.JSONSchemaProps, value any, path *field.Path) []error {
	var found []error
	switch value := value.(type) {
	case map[string]any:
		for _, name := range schema.Required {
			if value[name] == nil && schema.Properties[name].Default == nil {
				found = append(found, field.Required(path.Child(name), ""))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			item := value[name]
			if property, ok := schema.Properties[name]; ok {
				found = append(found, gapsIn(&property, item, path.Child(name))...)
			} else if schema.AdditionalProperties != nil {
				found = append(found, itemGaps(schema.AdditionalProperties.Schema, item, path.Key(name))...)
			}
		}
	case []any:
		for i, item := range value {
			if schema.Items != nil {
				found = append(found, itemGaps(schema.Items.Schema, item, path.Index(i))...)
			}
		}
	case string:
		if value == "" && !mayBeEmpty(schema) {
			found = append(found, field.Invalid(path, value, "must not be empty, but may be left out"))
		}
	}
	return found
}

// itemGaps checks an item of a list or a map. The API server refuses null in a list, and drops it from a
// map: a user without flags would silently be none.
func itemGaps(schema *apiextensionsv1.JSONSchemaProps, item any, path *field.Path) []error {
	if item == nil && !schema.Nullable {
		return []error{field.Required(path, "null is nothing: write an empty value, such as [] or {}")}
	}
	return gapsIn(schema, item, path)
}

// mayBeEmpty knows that no format and no enumeration of ours has the empty string.
func mayBeEmpty(schema *apiextensionsv1.JSONSchemaProps) bool {
	matches, err := regexp.MatchString(schema.Pattern, "")
	return err == nil && matches && schema.Format == "" && len(schema.Enum) == 0
}
