package config

import (
	"reflect"
	"strings"
	"sync"
)

// The forms that an option can be limited to.
const (
	formConfigMap = "configmap"
	formObject    = "crd"
)

// Option describes one option. All texts are in the notation of the ConfigMap.
type Option struct {
	Field    string   // name of the field in Config
	Key      string   // key in a ConfigMap
	Group    string   // group in an OperatorConfiguration, empty at the top level
	Path     string   // path below `configuration` of an OperatorConfiguration
	Type     string   // what a value is, in words: duration, list of text, ...
	Only     string   // "configmap" or "crd" when the other form lacks it
	Default  string   // default in a ConfigMap
	Schema   string   // default of the schema of OperatorConfiguration
	Code     string   // value when Group is absent from an OperatorConfiguration
	Allowed  []string // the values to choose from, empty when free
	Min, Max string   // bounds of a number, empty when none
	Format   string   // name of a further check
	Holders  []string // placeholders of a template
	Required bool     // an empty value is an error
	Secret   bool     // the value is masked when printed
	Restart  bool     // a change needs a restart of the process
	Doc      string   // what it does
}

// Options lists all options in the order of the fields of Config.
func Options() []Option {
	var c Config
	var list []Option
	for _, f := range fields(&c) {
		list = append(list, f.Option)
	}
	return list
}

// field is an option together with its place in one Config.
type field struct {
	Option
	emptyIsDefault  bool
	group, position int // index of the group in Config, and of the field in it
	at              reflect.Value
}

// fields walks the groups of c.
func fields(c *Config) []field {
	described := described()
	list := make([]field, len(described))
	root := reflect.ValueOf(c).Elem()
	for i, f := range described {
		f.at = root.Field(f.group).Field(f.position)
		list[i] = f
	}
	return list
}

// described are the options as the tags of Config describe them, read once.
var described = sync.OnceValue(func() []field {
	var list []field
	root := reflect.ValueOf(Config{})
	for i := range root.NumField() {
		group, grouped := root.Type().Field(i).Tag.Lookup("crd")
		if !grouped {
			continue
		}
		v := root.Field(i)
		for j := range v.NumField() {
			f := newField(group, v.Type().Field(j), v.Field(j))
			f.group, f.position = i, j
			list = append(list, f)
		}
	}
	return list
})

func newField(group string, t reflect.StructField, at reflect.Value) field {
	o := Option{
		Field: t.Name, Key: t.Tag.Get("key"), Group: group, Path: t.Tag.Get("key"), Type: typeName(at.Interface()),
		Only: t.Tag.Get("only"), Default: t.Tag.Get("default"),
		Min: t.Tag.Get("min"), Max: t.Tag.Get("max"), Format: t.Tag.Get("format"),
		Required: t.Tag.Get("required") == "true", Secret: t.Tag.Get("secret") == "true",
		Restart: t.Tag.Get("restart") == "true", Doc: t.Tag.Get("doc"),
	}
	if group != "" {
		o.Path = group + "." + o.Key
	}
	if allowed := t.Tag.Get("allowed"); allowed != "" {
		o.Allowed = strings.Split(allowed, "|")
	}
	if holders := t.Tag.Get("placeholders"); holders != "" {
		o.Holders = strings.Split(holders, ",")
	}
	o.Schema = tagOr(t.Tag, "schema", o.Default)
	o.Code = tagOr(t.Tag, "code", o.Schema)
	if o.Code == "" && o.Required {
		o.Code = o.Schema // an empty one could only fail
	}
	return field{Option: o, emptyIsDefault: t.Tag.Get("empty") == "default", at: at}
}

func tagOr(tag reflect.StructTag, name, otherwise string) string {
	if v, ok := tag.Lookup(name); ok {
		return v
	}
	return otherwise
}

// zeroIsCode tells whether an object's empty value counts as absent: true for
// texts, numbers, lists and maps that have a default, unless zero is a choice.
func (f field) zeroIsCode() bool {
	return f.Code != "" && !f.emptyZero()
}

// emptyZero tells whether 0 or false is a choice of its own.
func (f field) emptyZero() bool {
	switch f.at.Interface().(type) {
	case bool, *bool:
		return true
	case int32:
		return f.Min == "0" || f.Min == "-1"
	}
	return false
}
