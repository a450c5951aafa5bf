// Package schema knows the shape of the Kubernetes kinds that an operator
// renders: which fields exist, which lists are keyed by what, and which maps
// and lists are one value that is replaced as a whole.
//
// It answers four questions about unstructured objects, all by the rules of
// server-side apply:
//
//   - [Check]: which fields does Kubernetes not know, which have a wrong type?
//   - [Merge]: what is this object with that patch laid over it?
//   - [Diff]: in which fields do two objects differ?
//   - [TypeOf]: what is the type of this kind, to walk along an object with it?
//
// Paths read as people write them, items of keyed lists by their key:
// spec.template.spec.containers[postgres].ports[5432,TCP].name.
//
// The schema is what the Kubernetes project generates from the API server's
// OpenAPI document, cut down to the kinds that generate/kubeschema lists
// and embedded. Kinds that it does not hold (custom resources) get a deduced
// type, as API servers do where a custom resource declares nothing: maps are
// merged key by key, lists are replaced.
package schema

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v4/typed"
)

//go:generate go run ../generate/kubeschema

//go:embed kubernetes.yaml
var kubernetes string

// Parser returns the parser of the embedded schema, read at the first call
// (some 20 ms) and shared by all later ones. It is safe for concurrent use.
//
// It panics when the embedded schema cannot be parsed, which is a mistake of
// the build and which this package's tests would show.
func Parser() *typed.Parser { return parser() }

var parser = sync.OnceValue(func() *typed.Parser {
	p, err := typed.NewParser(typed.YAMLObject(kubernetes))
	if err != nil {
		panic(fmt.Sprintf("embedded Kubernetes schema: %v", err))
	}
	return p
})

// deducedName is the type of everything that the schema says nothing about.
const deducedName = "__untyped_deduced_"

// TypeFor returns the structured-merge-diff type of a kind. known is false for
// kinds outside the schema, whose type is then deduced from each object.
func TypeFor(gvk runtimeschema.GroupVersionKind) (t typed.ParseableType, known bool) {
	name := typeName(gvk)
	if _, known = Parser().Schema.FindNamedType(name); !known {
		name = deducedName
	}
	return Parser().Type(name), known
}

// typeName is the name that Kubernetes' OpenAPI document gives to a kind. Its
// package is the first label of the API group, "core" for the empty one.
func typeName(gvk runtimeschema.GroupVersionKind) string {
	group, _, _ := strings.Cut(gvk.Group, ".")
	if group == "" {
		group = "core"
	}
	// A custom resource may live in a group whose first label is that of a
	// built-in one (apps.example.com).
	if strings.Contains(gvk.Group, ".") && !strings.HasSuffix(gvk.Group, ".k8s.io") {
		return ""
	}
	return "io.k8s.api." + group + "." + gvk.Version + "." + gvk.Kind
}
