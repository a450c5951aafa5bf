// Command generate writes what is derived from the Go types of api/v1: their deep copies and the
// CustomResourceDefinitions, the latter into manifests for kubectl and into api/v1/crds for the
// operator, which registers them itself. "make generate" runs it.
//
// controller-gen does the work. Two things it cannot express are mended afterwards: the kind of a
// cluster is lower-case, while a Go type that others may use is not; and fields copied from
// Kubernetes' own types lose their descriptions, which are two thirds of the text and can be read in
// Kubernetes' documentation.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const header = "# Generated from the Go types in api/v1 by \"make generate\". Do not edit.\n"

// definition is one CustomResourceDefinition on its way from controller-gen to our files.
type definition struct {
	plural  string   // names controller-gen's file
	kind    string   // as users write it
	foreign []string // fields whose type is Kubernetes' own, as dotted paths without list and map marks
}

func definitions() []definition {
	return []definition{
		{plural: "postgresqls", kind: "postgresql", foreign: []string{
			"spec.env", "spec.envFrom", "spec.initContainers", "spec.livenessProbe", "spec.nodeAffinity",
			"spec.sidecars.env", "spec.sidecars.ports", "spec.tolerations", "spec.topologySpreadConstraints",
			"spec.volume.selector", "status.conditions",
		}},
		{plural: "operatorconfigurations", kind: "OperatorConfiguration", foreign: []string{
			"configuration.sidecars", "configuration.kubernetes.liveness_probe",
		}},
		{plural: "postgresteams", kind: "PostgresTeam"},
		{plural: "fleetrollouts", kind: "FleetRollout"},
	}
}

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		log.Fatal(err)
	}
}

func run(root string) error {
	tmp, err := os.MkdirTemp("", "crds")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a leftover in the temporary directory harms nobody

	gen := exec.CommandContext(context.Background(), "go", "tool", "controller-gen", "object", "crd", "paths=./api/v1", "output:crd:dir="+tmp)
	gen.Dir, gen.Stdout, gen.Stderr = root, os.Stdout, os.Stderr
	if err := gen.Run(); err != nil {
		return fmt.Errorf("controller-gen: %w", err)
	}
	for _, d := range definitions() {
		if err := d.write(tmp, root); err != nil {
			return fmt.Errorf("definition of %s: %w", d.kind, err)
		}
	}
	return nil
}

func (d definition) write(from, root string) error {
	text, err := os.ReadFile(filepath.Join(from, "acid.zalan.do_"+d.plural+".yaml"))
	if err != nil {
		return err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &crd); err != nil {
		return err
	}
	d.mend(&crd)
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&crd)
	if err != nil {
		return err
	}
	delete(object, "status")
	if text, err = yaml.Marshal(object); err != nil {
		return err
	}
	name := strings.ToLower(d.kind) + ".crd.yaml"
	for _, dir := range []string{"manifests", "api/v1/crds"} {
		if err := os.WriteFile(filepath.Join(root, dir, name), append([]byte(header), text...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (d definition) mend(crd *apiextensionsv1.CustomResourceDefinition) {
	crd.Annotations = nil // the version of controller-gen is in go.mod
	crd.Spec.Names.Kind, crd.Spec.Names.ListKind = d.kind, d.kind+"List"
	for _, path := range d.foreign {
		for i := range crd.Spec.Versions {
			undescribe(crd.Spec.Versions[i].Schema.OpenAPIV3Schema, strings.Split(path, "."))
		}
	}
}

// undescribe follows path down from schema and drops every description below it.
func undescribe(schema *apiextensionsv1.JSONSchemaProps, path []string) {
	if schema.Items != nil {
		undescribeItem(schema.Items.Schema, path)
	}
	if schema.AdditionalProperties != nil {
		undescribeItem(schema.AdditionalProperties.Schema, path)
	}
	for name, property := range schema.Properties {
		switch {
		case len(path) == 0:
			undescribeItem(&property, nil)
		case path[0] == name:
			undescribe(&property, path[1:])
		default:
			continue
		}
		schema.Properties[name] = property
	}
}

func undescribeItem(schema *apiextensionsv1.JSONSchemaProps, path []string) {
	if len(path) == 0 {
		schema.Description = ""
	}
	undescribe(schema, path)
}
