package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/template"
	tree "text/template/parse"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// goTemplate is a file *.yaml.tmpl of an overlay. What it writes is YAML: Kubernetes
// objects that are added to the cluster or, where the cluster has the object
// already, merged over it; and, under override, patches by id as in CUE.
//
// It sees the View under the names of its JSON, and functions that depend on
// nothing but their arguments. Its output and its work are bounded, in steps
// and bytes, not in time: the same View always gives the same result.
type goTemplate struct {
	path     string
	lines    []string // as it is written
	template *template.Template
	idle     *sync.Pool // of *execution
}

// execution is a copy of a template with functions of its own, which count.
type execution struct {
	template *template.Template
	work     *templateWork
}

// Bounds of one execution.
const (
	maxTemplateOutput = 1 << 20
	maxTemplateSteps  = 100_000  // rounds of loops and calls of templates
	maxTemplateBytes  = 16 << 20 // that functions make, kept or not
)

func parseGoTemplate(path string, content []byte) (*goTemplate, error) {
	t, err := template.New(path).Option("missingkey=error").Funcs(newTemplateWork().functions()).Parse(string(content))
	if err != nil {
		return nil, goTemplateError(path, err)
	}
	tick, err := template.New("tick").Funcs(newTemplateWork().functions()).Parse("{{tick}}")
	if err != nil {
		return nil, fmt.Errorf("parse step of templates: %w", err)
	}
	step := tick.Root.Nodes[0]
	for _, defined := range t.Templates() {
		if defined.Tree != nil {
			countSteps(defined.Root, step)
			defined.Root.Nodes = append([]tree.Node{step}, defined.Root.Nodes...)
		}
	}
	return &goTemplate{path: path, lines: strings.Split(string(content), "\n"), template: t, idle: &sync.Pool{}}, nil
}

// countSteps puts a step at the beginning of each round of each loop.
func countSteps(list *tree.ListNode, step tree.Node) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch node := node.(type) {
		case *tree.RangeNode:
			countSteps(node.List, step)
			countSteps(node.ElseList, step)
			node.List.Nodes = append([]tree.Node{step}, node.List.Nodes...)
		case *tree.IfNode:
			countSteps(node.List, step)
			countSteps(node.ElseList, step)
		case *tree.WithNode:
			countSteps(node.List, step)
			countSteps(node.ElseList, step)
		}
	}
}

// document is one object or patch that a template has written.
type document struct {
	object Object
	patch  *patch
	at     func(path string) []string
}

func (t *goTemplate) execute(input map[string]any) ([]document, error) {
	text, err := t.run(input)
	if err != nil {
		return nil, goTemplateError(t.path, err)
	}
	var documents []document
	for read := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), len(text)+1); ; {
		var content map[string]any
		err := read.Decode(&content)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, &TemplateError{Cause: "what the template writes is no YAML: " + oneLine(err.Error()), Positions: []string{t.path}}
		}
		if len(content) == 0 {
			continue // nothing for this cluster
		}
		more, err := t.documents(content)
		if err != nil {
			return nil, err
		}
		documents = append(documents, more...)
	}
}

func (t *goTemplate) run(input map[string]any) ([]byte, error) {
	own, err := t.execution()
	if err != nil {
		return nil, err
	}
	defer t.idle.Put(own)
	out := &boundedBuffer{left: maxTemplateOutput}
	err = own.template.Execute(out, input)
	return out.Bytes(), err
}

// execution returns one that nobody else uses, and that has not counted anything.
func (t *goTemplate) execution() (*execution, error) {
	if own, ok := t.idle.Get().(*execution); ok {
		*own.work = templateWork{}
		return own, nil
	}
	own, err := t.template.Clone()
	if err != nil {
		return nil, err
	}
	work := newTemplateWork()
	return &execution{own.Funcs(work.functions()), work}, nil
}

func (t *goTemplate) documents(content map[string]any) ([]document, error) {
	at := func(string) []string { return []string{t.path} }
	overrides, ok := content[overrideName]
	if !ok {
		o := Object{Unstructured: &unstructured.Unstructured{Object: wholeNumbers(content).(map[string]any)}}
		if o.GetAPIVersion() == "" || o.GetKind() == "" || o.GetName() == "" {
			return nil, &TemplateError{Cause: "an object needs apiVersion, kind and metadata.name", Positions: at("")}
		}
		o.ID = strings.ToLower(o.GetKind()) + "/" + o.GetName()
		return []document{{object: o, at: at}}, nil
	}
	byID, isMap := overrides.(map[string]any)
	if !isMap || len(content) > 1 {
		return nil, &TemplateError{Cause: "override holds patches by the id of an object, and nothing stands beside it", Positions: at("")}
	}
	var documents []document
	for _, id := range sortedKeys(byID) {
		p := &patch{id: id, at: at, removes: byID[id] == nil}
		if !p.removes {
			if p.content, ok = wholeNumbers(byID[id]).(map[string]any); !ok {
				return nil, &TemplateError{Object: id, Cause: "an override is a struct, or null to leave the object out", Positions: at("")}
			}
		}
		documents = append(documents, document{patch: p, at: at})
	}
	return documents, nil
}

// wholeNumbers turns what JSON has for whole numbers into int64, as in
// objects of CUE.
func wholeNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			value[key] = wholeNumbers(item)
		}
	case []any:
		for i, item := range value {
			value[i] = wholeNumbers(item)
		}
	case float64:
		if whole := int64(value); float64(whole) == value {
			return whole
		}
	}
	return value
}

// goTemplateError gives an error of text/template the place it has in its text.
func goTemplateError(path string, err error) error {
	cause := strings.TrimPrefix(oneLine(err.Error()), "template: ")
	wrong := &TemplateError{Positions: []string{path}}
	if _, bound, ok := strings.Cut(cause, ": error calling tick: "); ok {
		wrong.Cause = "Go template: " + bound
		return wrong
	}
	if rest, ok := strings.CutPrefix(cause, path+":"); ok {
		place, text, found := strings.Cut(rest, ": ")
		if found && !strings.ContainsAny(place, " \"") {
			wrong.Positions, cause = []string{path + ":" + place}, text
		}
	}
	cause = strings.TrimPrefix(cause, fmt.Sprintf("executing %q ", path))
	wrong.Cause = "Go template: " + strings.ReplaceAll(cause, path+":", "line ")
	if _, key, ok := strings.Cut(cause, "map has no entry for key "); ok {
		wrong.Hint = didYouMean(strings.Trim(key, `"`), viewFields())
	}
	return wrong
}

// boundedBuffer takes so much and no more.
type boundedBuffer struct {
	bytes.Buffer
	left int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("it writes more than %d bytes", maxTemplateOutput)
	}
	return b.Buffer.Write(p)
}
