package render_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"github.com/stretchr/testify/require"

	"postgres-operator/render"
)

// TestInputStatesTheView compares the fields of View with those of #Input: a
// field that only one of them has is either unusable or a lie.
func TestInputStatesTheView(t *testing.T) {
	input := compiled(t).LookupPath(cue.ParsePath("#Input"))
	require.NoError(t, input.Err())
	compareFields(t, "input", reflect.TypeFor[render.View](), input)
}

func compiled(t *testing.T) cue.Value {
	t.Helper()
	instance := build.NewContext().NewInstance("templates", nil)
	files, err := filepath.Glob("../templates/*.cue")
	require.NoError(t, err)
	for _, file := range files {
		syntax, err := parser.ParseFile(file, nil)
		require.NoError(t, err)
		require.NoError(t, instance.AddSyntax(syntax))
	}
	require.NoError(t, instance.Complete())
	value := cuecontext.New().BuildInstance(instance)
	require.NoError(t, value.Err())
	return value
}

func compareFields(t *testing.T, path string, goType reflect.Type, value cue.Value) {
	t.Helper()
	for goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	ours := goType.PkgPath() == "postgres-operator/render"
	switch {
	case goType.Kind() == reflect.Map:
		entry := value.LookupPath(cue.MakePath(cue.AnyString))
		require.True(t, entry.Exists(), "%s: any key", path)
		compareFields(t, path+"[]", goType.Elem(), entry)
	case goType.Kind() == reflect.Struct && ours:
		optional, stated := statedFields(t, value)
		given := jsonFields(goType)
		require.Equal(t, slices.Sorted(keysOf(given)), slices.Sorted(keysOf(stated)), "fields of %s", path)
		for name, field := range given {
			require.Equal(t, strings.Contains(field.Tag.Get("json"), "omitempty"), optional[name], "%s.%s may be absent", path, name)
			compareFields(t, path+"."+name, field.Type, stated[name])
		}
	}
}

func statedFields(t *testing.T, value cue.Value) (optional map[string]bool, fields map[string]cue.Value) {
	t.Helper()
	optional, fields = map[string]bool{}, map[string]cue.Value{}
	iterator, err := value.Fields(cue.Optional(true))
	require.NoError(t, err)
	for iterator.Next() {
		name := iterator.Selector().Unquoted()
		fields[name] = iterator.Value()
		optional[name] = iterator.IsOptional()
	}
	return optional, fields
}

func jsonFields(goType reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for _, field := range reflect.VisibleFields(goType) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = field
		}
	}
	return fields
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}
