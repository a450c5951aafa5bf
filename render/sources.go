package render

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"

	"postgres-operator/templates"
)

// templatePackage is the CUE package of all templates and overlays.
const templatePackage = "templates"

// source is one file of templates.
type source struct {
	name    string // as errors show it
	content []byte
}

// Dir opens a directory with an overlay. Errors show the files of it under
// this path.
func Dir(path string) fs.FS { return namedFS{FS: os.DirFS(path), name: path} }

// namedFS is a file system that knows what to call its files in errors.
type namedFS struct {
	fs.FS
	name string
}

// readSources reads all files into memory: overlays may live in directories
// that change while the operator runs.
func readSources(overlays []fs.FS) ([]source, error) {
	sources, err := readFiles(namedFS{FS: templates.FS, name: templatePackage})
	if err != nil {
		return nil, fmt.Errorf("read built-in templates: %w", err)
	}
	known, err := topLevelFields(sources)
	if err != nil {
		return nil, err
	}
	for _, overlay := range overlays {
		files, err := readFiles(overlay)
		if err != nil {
			return nil, fmt.Errorf("read overlay: %w", err)
		}
		for _, file := range files {
			if err := checkOverlay(file, known); err != nil {
				return nil, err
			}
		}
		sources = append(sources, files...)
	}
	return sources, nil
}

// readFiles reads the templates of a directory, in the order of their names.
func readFiles(files fs.FS) ([]source, error) {
	directory := "overlay"
	if named, ok := files.(namedFS); ok {
		directory = named.name
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	var sources []source
	for _, entry := range entries {
		name := path.Join(directory, entry.Name())
		switch {
		case strings.HasSuffix(entry.Name(), ".yaml.tmpl"):
			return nil, &TemplateError{Cause: "Go templates are not supported yet", Positions: []string{name}}
		case path.Ext(entry.Name()) != ".cue":
			continue
		}
		content, err := fs.ReadFile(files, entry.Name())
		if err != nil {
			return nil, err
		}
		sources = append(sources, source{name: name, content: content})
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("%s: no *.cue file in it", directory)
	}
	return sources, nil
}

func parse(s source) (*ast.File, error) {
	file, err := parser.ParseFile(s.name, s.content, parser.ParseComments)
	if err != nil {
		return nil, templateError(err)
	}
	return file, nil
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
	for _, field := range fieldsOf(file) {
		name := fieldName(field)
		if name == "" || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#") || slices.Contains(known, name) {
			continue
		}
		cause := "no template uses this field; there are " + strings.Join(visible(known), ", ") +
			"; a field of your own begins with _"
		if name == "override" {
			cause = "override is not supported yet"
		}
		return &TemplateError{Object: name, Cause: cause, Positions: []string{field.Pos().String()}}
	}
	return nil
}

func fieldsOf(file *ast.File) []*ast.Field {
	var fields []*ast.Field
	for _, declaration := range file.Decls {
		if field, ok := declaration.(*ast.Field); ok {
			fields = append(fields, field)
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
	return slices.DeleteFunc(slices.Clone(fields), func(name string) bool {
		return strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#")
	})
}

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

// newEvaluator compiles all sources into one value, which pays attention to the
// input as told. The files are parsed anew for each evaluator: compiling
// changes syntax trees.
func newEvaluator(sources []source, attention attention) (*evaluator, error) {
	instance := build.NewContext().NewInstance(templatePackage, nil)
	for _, s := range sources {
		file, err := parse(s)
		if err != nil {
			return nil, err
		}
		if err := instance.AddSyntax(file); err != nil {
			return nil, templateError(err)
		}
	}
	if err := instance.Complete(); err != nil {
		return nil, templateError(err)
	}
	context := cuecontext.New()
	value := context.BuildInstance(instance)
	// What waits for the input is no error yet.
	if err := value.Validate(); err != nil {
		return nil, templateError(err)
	}
	if !value.LookupPath(cue.MakePath(objectsField)).Exists() {
		return nil, errors.New("the templates define no objects")
	}
	return &evaluator{context: context, templates: value, attention: attention}, nil
}
