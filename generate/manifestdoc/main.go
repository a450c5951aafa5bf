// Command manifestdoc writes the reference of the manifest from the definition of the kind postgresql
// and from what is known about the effects of its fields. "make generate" runs it.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/generate/effects"
)

const head = `# The manifest of a cluster

<!-- Generated from the types in api/v1 and from testdata/effects.yaml by "make generate". Do not edit. -->

` + "```yaml" + `
apiVersion: acid.zalan.do/v1
kind: postgresql
metadata:
  name: acid-minimal-cluster
spec:
  teamId: acid
  numberOfInstances: 2
  volume:
    size: 10Gi
  postgresql:
    version: "18"
` + "```" + `

is a complete manifest; [complete-postgres-manifest.yaml](../../manifests/complete-postgres-manifest.yaml) shows every field at work. All fields below stand under
` + "`spec`" + `. A field that is not there falls back to the operator's configuration where the table says so ([configuration.md](configuration.md)).
The API server refuses a value of a wrong type and drops unknown fields; what the operator refuses beyond that it names, with
the value and what is allowed, in condition ` + "`Rendered`" + ` and in an event, and leaves the running cluster as it is.

The last column says what changes with a field. *pods* means that the pod template changes: pods are replaced one after the other, the primary last. Columns and
tests come from the same source: a test sets every field in hundreds of clusters and compares what is rendered.
`

func main() {
	root := flag.String("root", "../..", "root of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		log.Fatal(err)
	}
}

func run(root string) error {
	found, err := effects.Read(filepath.Join(root, effects.File))
	if err != nil {
		return err
	}
	spec, err := specSchema()
	if err != nil {
		return err
	}
	p := page{effects: found}
	if p.fallbacks, err = fallbacks(); err != nil {
		return err
	}
	p.WriteString(head)
	p.write(spec)
	for path := range p.fallbacks {
		return fmt.Errorf("a default is known for %s, which is no field", path)
	}
	return os.WriteFile(filepath.Join(root, "docs/reference/manifest.md"), []byte(p.String()), 0o644)
}

// specSchema is the schema of a manifest's spec.
func specSchema() (apiextensionsv1.JSONSchemaProps, error) {
	crds, err := apiv1.CRDs()
	if err != nil {
		return apiextensionsv1.JSONSchemaProps{}, err
	}
	for _, crd := range crds {
		if crd.Spec.Names.Kind == apiv1.KindPostgresql {
			return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"], nil
		}
	}
	return apiextensionsv1.JSONSchemaProps{}, fmt.Errorf("there is no definition of the kind %s", apiv1.KindPostgresql)
}

type page struct {
	strings.Builder
	effects effects.Effects

	// fallbacks are what holds without a field; those that the page has told are taken out.
	fallbacks map[string]string
}

// write makes a table of the fields that have none below them, and then a section for each that has.
func (p *page) write(spec apiextensionsv1.JSONSchemaProps) {
	plain, structured := split(spec)
	p.section("The cluster")
	for _, name := range plain {
		p.row("spec.", name, spec.Properties[name], required(spec, name))
	}
	for _, name := range structured {
		field := spec.Properties[name]
		p.section("`" + name + "`")
		p.row("spec.", name, field, required(spec, name))
		p.below("spec."+name, field)
	}
}

func (p *page) section(title string) {
	fmt.Fprintf(p, "\n## %s\n\n| field | type | default | what it says | changes |\n|---|---|---|---|---|\n", title)
}

// below writes the fields within a field.
func (p *page) below(path string, field apiextensionsv1.JSONSchemaProps) {
	inner, mark := element(field)
	if foreign(inner) {
		return
	}
	path += mark + "."
	for _, name := range slices.Sorted(maps.Keys(inner.Properties)) {
		child := inner.Properties[name]
		p.row(path, name, child, required(inner, name))
		p.below(path+name, child)
	}
}

func (p *page) row(parent, name string, field apiextensionsv1.JSONSchemaProps, required bool) {
	kind := typeOf(field)
	if required {
		kind += ", required"
	}
	path := parent + name
	shown := strings.TrimPrefix(path, "spec.")
	fmt.Fprintf(p, "| `%s` | %s | %s | %s | %s |\n", shown, kind, p.fallbacks[path], describe(name, field), p.effects.Below(path))
	delete(p.fallbacks, path)
}

// split parts fields without a structure of ours from those with one.
func split(spec apiextensionsv1.JSONSchemaProps) (plain, structured []string) {
	for _, name := range slices.Sorted(maps.Keys(spec.Properties)) {
		inner, _ := element(spec.Properties[name])
		if len(inner.Properties) > 0 && !foreign(inner) {
			structured = append(structured, name)
		} else {
			plain = append(plain, name)
		}
	}
	return plain, structured
}

// element is the schema of what a list or map holds, with the mark that paths have for it.
func element(field apiextensionsv1.JSONSchemaProps) (apiextensionsv1.JSONSchemaProps, string) {
	switch {
	case field.Items != nil && field.Items.Schema != nil:
		inner, mark := element(*field.Items.Schema)
		return inner, "[]" + mark
	case field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil:
		inner, mark := element(*field.AdditionalProperties.Schema)
		return inner, "{}" + mark
	}
	return field, ""
}

// foreign structures are Kubernetes' own: they are not described here.
func foreign(field apiextensionsv1.JSONSchemaProps) bool {
	for _, child := range field.Properties {
		if child.Description != "" {
			return false
		}
	}
	return len(field.Properties) > 0
}

func required(parent apiextensionsv1.JSONSchemaProps, name string) bool {
	return slices.Contains(parent.Required, name)
}

func typeOf(field apiextensionsv1.JSONSchemaProps) string {
	inner, _ := element(field)
	switch {
	case field.Items != nil:
		return "list of " + typeOf(*field.Items.Schema)
	case field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil:
		return "map of " + typeOf(*field.AdditionalProperties.Schema)
	case foreign(inner):
		return "struct of Kubernetes"
	case len(field.Enum) > 10:
		return "flag" // of a role, in upper and lower case
	case len(field.Enum) > 0:
		var allowed []string
		for _, value := range field.Enum {
			allowed = append(allowed, "`"+strings.Trim(string(value.Raw), `"`)+"`")
		}
		return strings.Join(allowed, ", ")
	case field.XIntOrString:
		return "integer or text"
	case field.Type == "object":
		return "struct"
	case field.Type == "string":
		return "text"
	}
	return cmp.Or(field.Type, "any") + bounds(field)
}

func bounds(field apiextensionsv1.JSONSchemaProps) string {
	text := ""
	if field.Minimum != nil {
		text += fmt.Sprintf(" ≥ %g", *field.Minimum)
	}
	if field.Maximum != nil {
		text += fmt.Sprintf(" ≤ %g", *field.Maximum)
	}
	return text
}

// describe takes the sentence of the Go comment without the name that it begins with, as a Go comment does.
func describe(name string, field apiextensionsv1.JSONSchemaProps) string {
	text := strings.Join(strings.Fields(field.Description), " ")
	for _, begin := range []string{name + " is ", name + " are ", name + " "} {
		if rest, found := strings.CutPrefix(text, begin); found {
			return escape(strings.ToUpper(rest[:1]) + rest[1:])
		}
	}
	return escape(text)
}

// escape keeps a text inside its cell of a table.
func escape(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
