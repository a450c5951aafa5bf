package render

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"postgres-operator/schema"
)

// plainWords says what CUE says in words that need no knowledge of CUE's inside.
func plainWords(cause string) string {
	if rest, ok := strings.CutPrefix(cause, "field not allowed"); ok {
		return noSuchField + rest
	}
	return strings.ReplaceAll(cause, "(:"+templatePackage+")", "")
}

// Beginnings of causes.
const (
	noSuchField    = "there is no such field"
	undefinedField = "undefined field: "
)

// suggest says what mostly helps against errors of the kind at hand.
func (e *TemplateError) suggest() string {
	fixed := slices.ContainsFunc(e.Positions, func(p string) bool { return strings.HasPrefix(p, templatePackage+"/") })
	conflict := strings.HasPrefix(e.Cause, "conflicting values")
	switch {
	case e.Overlay == "":
		return ""
	case conflict && strings.Contains(e.Cause, "mismatched types"):
		return "the value has to be of the type that the template states"
	case conflict && fixed && e.Object == "secret":
		return ""
	case conflict && fixed && e.Object != overrideName:
		return "the template fixes this value; to change it all the same, change the finished object: " + overrideName + ": " + e.overridden() + ": …"
	case conflict:
		return "leave the field to one of them; of two overlays, the later one can change it by " + overrideName
	case strings.HasPrefix(e.Cause, "incomplete value"):
		return "give it a value; a default is written *value | type"
	case strings.HasPrefix(e.Cause, noSuchField) && strings.HasSuffix(e.Object, "pod"):
		return "the fields of a pod stand under metadata and spec"
	case strings.HasPrefix(e.Cause, undefinedField):
		if near := didYouMean(strings.TrimPrefix(e.Cause, undefinedField), viewFields()); near != "" {
			return near
		}
		return "docs/templates/input.md lists the fields of input; one that may be absent is tested first: if input.x != _|_ {…}"
	}
	return ""
}

// overridden is the id of the object that a field of the templates ends up in.
func (e *TemplateError) overridden() string {
	entry, _, _ := strings.Cut(e.Field, ".")
	switch e.Object {
	case "pod", "postgres", "claim", "statefulset":
		return "statefulset"
	case "cronjob", "backup", "backuppod":
		return "cronjob"
	case "service", "secret", "endpoints", "pdb":
		return fmt.Sprintf("%q", e.Object+"/"+entry)
	}
	return "<object id>"
}

// viewFields are the names of all fields that templates see.
func viewFields() []string {
	var names []string
	var collect func(t reflect.Type)
	seen := map[reflect.Type]bool{}
	collect = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Map || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		for _, field := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
				names = append(names, name)
				collect(field.Type)
			}
		}
	}
	collect(reflect.TypeFor[View]())
	return names
}

// didYouMean offers the name that a word was most likely meant to be; empty
// when none is near.
func didYouMean(word string, names []string) string {
	if near := schema.Nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// quoted finds texts as errors of CUE show values.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// mask puts stars in the place of every credential in a text: CUE shows values
// that contradict each other.
func (v *View) mask(text string) string {
	secrets := map[string]bool{}
	note := func(data map[string]string) {
		for key, value := range data {
			if key == "username" {
				continue
			}
			secrets[value] = true
			if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
				secrets[string(decoded)] = true
			}
		}
	}
	for _, secret := range v.Secrets {
		note(secret.Data)
	}
	for _, pooler := range v.Poolers {
		note(pooler.Secret.Data)
	}
	containers := []Entries{v.Postgres.Env}
	if v.Backup != nil {
		containers = append(containers, v.Backup.Container.Env)
	}
	for _, env := range containers {
		for _, entry := range env {
			if value, ok := entry.Content["value"].(string); ok && secretVariable(entry.Key) {
				secrets[value] = true
			}
		}
	}
	return quoted.ReplaceAllStringFunc(text, func(value string) string {
		if secrets[strings.Trim(value, `"`)] {
			return masked
		}
		return value
	})
}
