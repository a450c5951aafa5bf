package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue/load"
	"github.com/stretchr/testify/require"

	"postgres-operator/overlay"
	"postgres-operator/render"
)

// newTemplates is a directory as `template init` makes it.
func newTemplates(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "templates")
	out, _, err := run(t, "template", "init", dir)
	require.NoError(t, err)
	require.Contains(t, out, "postgres-operator check "+dir)
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	require.NoError(t, writeNew(filepath.Join(dir, name), []byte(content)))
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(content)
}

func TestScaffoldPassesAtOnce(t *testing.T) {
	dir := newTemplates(t)
	out, _, err := run(t, "check", "-strict", dir)
	require.NoError(t, err, out)
	require.Equal(t, "ok      overlay "+dir+"/overlays/cost-center: 1 file\nok      "+dir+"/tests/cost-center.txtar\n", out)
	_, _, err = run(t, "template", "init", dir)
	require.ErrorContains(t, err, "is not empty")
	require.FileExists(t, filepath.Join(dir, "Makefile"))
}

// An editor takes an overlay and the built-in templates above it for one package, in which all is defined.
func TestScaffoldIsReadyForEditors(t *testing.T) {
	instances := load.Instances([]string{"./overlays/cost-center"}, &load.Config{Dir: newTemplates(t)})
	require.Len(t, instances, 1)
	require.NoError(t, instances[0].Err)
	var files []string
	for _, f := range instances[0].BuildFiles {
		files = append(files, filepath.Base(f.Filename))
	}
	require.ElementsMatch(t, []string{"builtin.cue", "label.cue"}, files)
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	const manifest = "acid.zalan.do/v1\nkind: postgresql\nmetadata: {name: acid-x}\nspec: {teamId: acid, numberOfInstances: 1, volume: {size: 1Gi}, postgresql: {version: \"18\"}}\n"
	cases := []struct {
		name, file, content string
		want                []string
		strict              bool // it is a warning
	}{
		{"format", "overlays/cost-center/label.cue", "package templates\npod: metadata: labels: {\"cost-center\":   \"databases\"}\n", []string{"FAIL", "label.cue is not formatted"}, false},
		{"syntax", "overlays/x/x.cue", "package templates\n\npod: {\n", []string{"FAIL", "overlays/x/x.cue:3"}, false},
		{"unknown field of Kubernetes", "overlays/cost-center/label.cue", "package templates\n\npod: spec: hostAlias: 1\n", []string{"FAIL", "hostAlias"}, false},
		{"another result", "overlays/cost-center/label.cue", "package templates\n\npod: metadata: labels: \"cost-center\": \"x\"\n", []string{"FAIL", `- ` + `    + spec.template.metadata.labels.cost-center: added "databases"`, `added "x"`}, false},
		{"no expectation", "tests/more.txtar", "x\n-- manifest.yaml --\napiVersion: " + manifest, []string{"FAIL", "more.txtar expects nothing"}, false},
		{"bad manifest", "tests/more.txtar", "x\n-- manifest.yaml --\nkind: x\n", []string{"FAIL", "more.txtar: manifest manifest.yaml"}, false},
		{"no manifest", "tests/more.txtar", "x\n", []string{"FAIL", "there is no manifest.yaml"}, false},
		{"unknown file", "tests/more.txtar", "x\n-- mainfest.yaml --\n", []string{"FAIL", "mainfest.yaml means nothing"}, false},
		{"bad option", "tests/more.txtar", "x\n-- manifest.yaml --\napiVersion: " + manifest + "-- config.yaml --\nworkers: many\n", []string{"FAIL", "config.yaml", "workers"}, false},
		{"uncovered field", "overlays/backup/b.cue", "package templates\n\nif input.backup != _|_ {backup: imagePullPolicy: \"Always\"}\n", []string{"warning", "b.cue:3:4: no scenario has input.backup"}, true},
		{"uncovered overlay", "overlays/team/overlay.yaml", "namespaces: [team-*]\n", []string{"warning", "overlays/team is for none of the clusters"}, true},
		{"old editor file", "builtin.cue", "package templates\n", []string{"warning", "builtin.cue is that of another version"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := newTemplates(t)
			write(t, dir, c.file, c.content)
			if c.name == "uncovered overlay" {
				write(t, dir, "overlays/team/t.cue", "package templates\n\npod: metadata: labels: x: \"y\"\n")
			}
			out, _, err := run(t, "check", dir)
			if c.strict {
				require.NoError(t, err, out)
				_, _, err = run(t, "check", "-strict", dir)
			}
			require.Error(t, err)
			for _, part := range c.want {
				require.Contains(t, out, part)
			}
		})
	}
}

func TestCheckUpdates(t *testing.T) {
	dir := newTemplates(t)
	write(t, dir, "overlays/cost-center/label.cue", "package templates\npod: metadata: labels: {\"cost-center\":   \"x\"}\n")
	write(t, dir, "builtin.cue", "package templates\n")
	out, _, err := run(t, "check", "-update", dir)
	require.NoError(t, err, out)
	require.Equal(t, 3, strings.Count(out, "wrote"), out)
	require.Contains(t, read(t, dir, "tests/cost-center.txtar"), `cost-center: added "x"`)
	out, _, err = run(t, "check", "-strict", dir)
	require.NoError(t, err, out)
}

// A scenario can say that a cluster is refused, and what an added object looks like.
func TestCheckOfErrorsAndNewObjects(t *testing.T) {
	dir := newTemplates(t)
	write(t, dir, "overlays/policy/policy.cue", `package templates

objects: "networkpolicy": {
	apiVersion: "networking.k8s.io/v1"
	kind:       "NetworkPolicy"
	metadata: {name: input.name, namespace: input.namespace}
	spec: podSelector: matchLabels: input.selector
}

if input.namespace == "prod" {statefulset: spec: serviceName: "other"}
`)
	manifest := strings.Replace(read(t, dir, "tests/cost-center.txtar"), "namespace: default", "namespace: prod", 1)
	write(t, dir, "tests/prod.txtar", manifest)
	out, _, err := run(t, "check", "-update", dir)
	require.NoError(t, err, out)
	require.Contains(t, read(t, dir, "tests/cost-center.txtar"), "+ networkpolicy\n    apiVersion: networking.k8s.io/v1\n")
	refused := read(t, dir, "tests/prod.txtar")
	require.Contains(t, refused, "-- out.error --\n")
	require.NotContains(t, refused, "out.diff")
	require.Contains(t, refused, "conflicting values")
	require.NotContains(t, refused, dir, "a scenario says the same wherever the directory is")
}

func TestCheckWarnsOfDeprecatedFields(t *testing.T) {
	contract, err := render.ParseContract([]byte("package templates\n#Input: {\n\tname: string // Deprecated: read input.manifest.metadata.name.\n}\n"))
	require.NoError(t, err)
	o, err := overlay.New("mine", "", map[string][]byte{
		"a.cue":       []byte("package templates\n\npod: metadata: labels: x: input.name\n"),
		"b.yaml.tmpl": []byte("a: {{ .namespace }}\nb: {{ .name }}\n"),
	})
	require.NoError(t, err)
	reads, err := readsOf(overlay.Set{o})
	require.NoError(t, err)
	var out bytes.Buffer
	c := &checker{out: &out, strict: true}
	c.deprecations(contract, reads)
	require.Equal(t, `warning mine/a.cue:3:27: input.name is deprecated: read input.manifest.metadata.name.
warning mine/b.yaml.tmpl:2: input.name is deprecated: read input.manifest.metadata.name.
`, out.String())
	require.Error(t, c.verdict(), "with -strict a deprecated field is a problem")
}

func TestTemplateSaysHowTo(t *testing.T) {
	for _, args := range [][]string{{"template"}, {"template", "init"}, {"template", "make", "x"}} {
		_, _, err := run(t, args...)
		require.ErrorContains(t, err, "template init DIR")
	}
	_, _, err := run(t, "check", minimal)
	require.ErrorContains(t, err, "is not a directory")
}
