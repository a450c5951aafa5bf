package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/schema"
)

// variation finds out what a value follows, by asking for the cluster again
// with one thing changed. What Go decides has no expression to read it off.
type variation struct {
	Question
	renderer *Renderer
	program  *program
	seen     map[string]any // what templates see of the input
	place    schema.Place
	secret   bool // nothing of the value may be shown
}

// effect of a change on a value.
type effect int

const (
	none effect = iota
	gone
	changed
)

// sources are what changes the value, and what takes it away. Those that do
// both decide it.
func (v variation) sources() (decides, needs []Source) {
	add := func(s Source, e effect) {
		if v.secret {
			s.Value = ""
		}
		switch e {
		case changed:
			decides = append(decides, s)
		case gone:
			needs = append(needs, s)
		}
	}
	for _, field := range manifestFields(v.Manifest) {
		most := none
		for _, other := range field.variants {
			if most < changed {
				most = max(most, v.effect(other, v.Config))
			}
		}
		add(Source{Kind: SourceManifest, Name: field.path, Value: show(field.value)}, most)
	}
	for _, option := range config.Options() {
		most := none
		for _, other := range v.Config.Variants(option.Key) {
			if most < changed {
				most = max(most, v.effect(v.Manifest, other))
			}
		}
		setting := v.Config.Setting(option.Key)
		add(Source{Kind: SourceConfiguration, Name: option.Key, Value: setting.Text, Default: setting.Default}, most)
	}
	return decides, needs
}

// seenOf is what templates and Go templates see of the input.
func (p *program) seenOf(view View) map[string]any {
	if slices.ContainsFunc(p.layers, func(l layer) bool { return len(l.templates) > 0 }) {
		return plain(&view)
	}
	return p.templateInput(view)
}

// effect of another manifest or configuration. One that cannot be rendered has
// none.
func (v variation) effect(m *apiv1.Postgresql, c config.Config) effect {
	in := v.Input
	in.Manifest, in.Config = m, c
	if v.With != nil {
		in = v.With(m, c)
	}
	view, err := NewView(in)
	if err != nil {
		return none
	}
	p, err := v.renderer.program(view)
	if err != nil || p == v.program && reflect.DeepEqual(p.seenOf(view), v.seen) {
		return none
	}
	objects, err := p.render(view)
	if err != nil {
		return none
	}
	i := slices.IndexFunc(objects, func(o Object) bool { return o.ID == v.Object })
	if i < 0 {
		return gone
	}
	now, err := schema.Locate(objects[i].Unstructured, v.place.Path.String())
	switch {
	case err != nil:
		return gone
	case !reflect.DeepEqual(now.Value, v.place.Value):
		return changed
	}
	return none
}

// manifestField is a field that a manifest sets, and manifests in which it has
// another value, or none.
type manifestField struct {
	path     string
	value    any
	variants []*apiv1.Postgresql
}

// manifestFields are those that a manifest sets, in the order of their names.
func manifestFields(m *apiv1.Postgresql) []manifestField {
	var found []manifestField
	metadata := map[string]any{"name": m.Name, "namespace": m.Namespace}
	whole := plain(m)
	given, _ := whole["metadata"].(map[string]any)
	for _, key := range []string{"labels", "annotations"} {
		if given[key] != nil {
			metadata[key] = given[key]
		}
	}
	visit := func(path string, parent map[string]any, key string) {
		old := parent[key]
		field := manifestField{path: path, value: old}
		if name, _ := parent["name"].(string); secretVariable(key) || key == "value" && secretVariable(name) {
			field.value = masked
		}
		for _, other := range append(unlike(old), absent) {
			delete(parent, key)
			if other != absent {
				parent[key] = other
			}
			if variant, err := manifestOf(m, whole); err == nil {
				field.variants = append(field.variants, variant)
			}
		}
		parent[key] = old
		found = append(found, field)
	}
	whole["metadata"] = metadata
	walkFields("metadata", metadata, visit)
	if spec, ok := whole["spec"].(map[string]any); ok {
		walkFields("spec", spec, visit)
	}
	return found
}

// absent stands for no value.
var absent any = new(struct{ _ byte })

// walkFields visits what is set. Of a list of structs it visits their fields,
// any other list as a whole.
func walkFields(path string, parent map[string]any, visit func(path string, parent map[string]any, key string)) {
	for _, key := range sortedKeys(parent) {
		below := schema.Path{path}.Field(key)
		switch child := parent[key].(type) {
		case map[string]any:
			if len(child) > 0 {
				walkFields(below.String(), child, visit)
				continue
			}
		case []any:
			if walkItems(below, child, visit) {
				continue
			}
		}
		visit(below.String(), parent, key)
	}
}

func walkItems(path schema.Path, items []any, visit func(path string, parent map[string]any, key string)) bool {
	structs := make([]map[string]any, len(items))
	for i, item := range items {
		var ok bool
		if structs[i], ok = item.(map[string]any); !ok {
			return false
		}
	}
	for i, item := range structs {
		at := slices.Clone(path).Index(i)
		if name, ok := item["name"].(string); ok {
			at = slices.Clone(path).Item(name)
		}
		walkFields(at.String(), item, visit)
	}
	return len(items) > 0
}

// unlike are other values than one that is set. Zero may only mean that it is
// not.
func unlike(value any) []any {
	switch value := value.(type) {
	case string:
		if value == "" {
			return nil
		}
		return []any{value + "x", "1" + value}
	case int64:
		if value == 0 {
			return nil
		}
		return []any{value + 1, value - 1}
	case bool:
		return []any{!value}
	}
	return nil
}

// manifestOf is a manifest with other content.
func manifestOf(m *apiv1.Postgresql, content map[string]any) (*apiv1.Postgresql, error) {
	text, err := json.Marshal(map[string]any{"spec": content["spec"]})
	if err != nil {
		return nil, err
	}
	other := m.DeepCopy()
	other.Spec = apiv1.PostgresSpec{}
	var read struct {
		Spec *apiv1.PostgresSpec `json:"spec"`
	}
	read.Spec = &other.Spec
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, err
	}
	metadata, _ := content["metadata"].(map[string]any)
	other.Name, _ = metadata["name"].(string)
	other.Namespace, _ = metadata["namespace"].(string)
	other.Labels, other.Annotations = texts(metadata["labels"]), texts(metadata["annotations"])
	if other.Name == "" || other.Namespace == "" {
		return nil, errors.New("a manifest needs a name")
	}
	return other, nil
}

func texts(value any) map[string]string {
	fields, _ := value.(map[string]any)
	if len(fields) == 0 {
		return nil
	}
	all := map[string]string{}
	for key, v := range fields {
		all[key] = fmt.Sprint(v)
	}
	return all
}

// show is a value as JSON, in one line.
func show(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}
