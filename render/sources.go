package render

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"postgres-operator/overlay"
	"postgres-operator/templates"
)

// templatePackage is the CUE package of all templates and overlays.
const templatePackage = "templates"

// source is one file in CUE.
type source struct {
	name    string // as errors show it
	content []byte
	layer   int // of the overlay it belongs to, see overrideField; -1 for the built-in ones
}

const builtIn = -1

// readBuiltIn reads the templates of the program.
func readBuiltIn() ([]source, error) {
	paths, err := fs.Glob(templates.FS, "*.cue")
	if err != nil {
		return nil, fmt.Errorf("list built-in templates: %w", err)
	}
	var sources []source
	for _, path := range paths {
		content, err := fs.ReadFile(templates.FS, path)
		if err != nil {
			return nil, fmt.Errorf("read built-in templates: %w", err)
		}
		sources = append(sources, source{name: templatePackage + "/" + path, content: content, layer: builtIn})
	}
	return sources, nil
}

// overlaySources are the files in CUE of an overlay, each checked for what CUE
// would silently ignore.
func overlaySources(o overlay.Overlay, layer int, known []string) ([]source, error) {
	var sources []source
	for _, f := range o.Files {
		if !strings.HasSuffix(f.Name, overlay.SuffixCUE) {
			continue
		}
		s := source{name: o.Path(f), content: f.Content, layer: layer}
		if err := checkOverlay(s, known); err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func parse(s source) (*ast.File, error) {
	if err := checkDepth(s); err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(s.name, s.content, parser.ParseComments)
	if err != nil {
		return nil, templateError(err)
	}
	return file, nil
}

// maxDepth bounds how deep brackets may be nested: parsers and evaluators are
// recursive, and no stack is endless.
const maxDepth = 200

// checkDepth counts brackets, whatever they mean: those in texts and comments
// come in pairs, or do not matter.
func checkDepth(s source) error {
	depth, line := 0, 1
	for _, b := range s.content {
		switch b {
		case '\n':
			line++
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth = max(0, depth-1)
		}
		if depth > maxDepth {
			return &TemplateError{
				Cause:     fmt.Sprintf("brackets are nested more than %d deep", maxDepth),
				Positions: []string{fmt.Sprintf("%s:%d", s.name, line)},
			}
		}
	}
	return nil
}

// topLevelFields lists what the built-in templates define: what an overlay
// can refine.
func topLevelFields(sources []source) ([]string, error) {
	var known []string
	for _, s := range sources {
		file, err := parse(s)
		if err != nil {
			return nil, err
		}
		for _, field := range fieldsOf(file) {
			known = append(known, fieldName(field))
		}
	}
	slices.Sort(known)
	return slices.Compact(known), nil
}

// checkOverlay refuses what CUE would silently ignore: a file of another
// package, and a field at the top level that no template uses.
func checkOverlay(s source, known []string) error {
	file, err := parse(s)
	if err != nil {
		return err
	}
	if file.PackageName() != templatePackage {
		return &TemplateError{
			Cause:     fmt.Sprintf("the file has to begin with: package %s", templatePackage),
			Positions: []string{s.name + ":1"},
		}
	}
	for spec := range file.ImportSpecs() {
		if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
			return &TemplateError{
				Cause:     fmt.Sprintf("import of %s: only packages of CUE itself can be imported, such as strings or list", path),
				Positions: []string{spec.Pos().String()},
			}
		}
	}
	for _, field := range fieldsOf(file) {
		name := fieldName(field)
		if name == "" || name == overrideName || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#") || slices.Contains(known, name) {
			continue
		}
		return &TemplateError{
			Object:    name,
			Cause:     "no template uses this field; there are " + strings.Join(append(visible(known), overrideName), ", ") + "; a field of your own begins with _",
			Positions: []string{field.Pos().String()},
			Hint:      didYouMean(name, append(visible(known), overrideName)),
		}
	}
	return nil
}

// fieldsOf are the fields at the top level of a file, also those that are there
// under a condition or for each of something.
func fieldsOf(file *ast.File) []*ast.Field { return fieldsIn(file.Decls) }

func fieldsIn(declarations []ast.Decl) []*ast.Field {
	var fields []*ast.Field
	for _, declaration := range declarations {
		var value ast.Expr
		switch d := declaration.(type) {
		case *ast.Field:
			fields = append(fields, d)
		case *ast.Comprehension:
			value = d.Value
		case *ast.EmbedDecl:
			value = d.Expr
		}
		if embedded, ok := value.(*ast.StructLit); ok {
			fields = append(fields, fieldsIn(embedded.Elts)...)
		}
	}
	return fields
}

// fieldName is empty for a field whose name is computed.
func fieldName(field *ast.Field) string {
	name, _, err := ast.LabelName(field.Label)
	if err != nil {
		return ""
	}
	return name
}

// visible leaves definitions and hidden fields out.
func visible(fields []string) []string {
	return slices.DeleteFunc(slices.Clone(fields), isHidden)
}

// isHidden tells whether a field is none of the result.
func isHidden(name string) bool { return strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#") }

// contractFile states what the input is, for authors of overlays.
const contractFile = templatePackage + "/input.cue"

// trusting gives templates that take the input as it is. It is made of a View,
// whose Go types say what the contract says, a test keeps the two equal, and New
// has compiled the overlays against it: to check every field of it again takes
// a fifth of a render.
func trusting(sources []source) []source {
	trusted := slices.Clone(sources)
	for i := range trusted {
		if trusted[i].name == contractFile {
			trusted[i].content = []byte("package " + templatePackage + "\n\ninput: _\n")
		}
	}
	return trusted
}
