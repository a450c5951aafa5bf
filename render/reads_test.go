package render_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/overlay"
	"postgres-operator/render"
)

func TestContractOfTheInput(t *testing.T) {
	c, err := render.ParseContract([]byte(`package templates

// #Input is the input.
#Input: {
	image: string // of the container. Deprecated: read postgres.image.
	// postgres is the container.
	postgres: {
		image:  string
		probe?: {...}
	}
	services: [string]: #Service
}

#Service: {type: "A" | "B"}
#Strings: [string]: string
`))
	require.NoError(t, err)
	require.Equal(t, render.Contract{Definitions: []render.ContractDefinition{
		{Name: "#Input", Doc: "#Input is the input.", Fields: []render.ContractField{
			{Path: []string{"image"}, Type: "string", Doc: "of the container.", Deprecated: "read postgres.image."},
			{Path: []string{"postgres"}, Doc: "postgres is the container."},
			{Path: []string{"postgres", "image"}, Type: "string"},
			{Path: []string{"postgres", "probe"}, Type: "{...}", Optional: true},
			{Path: []string{"services"}},
			{Path: []string{"services", "*"}, Type: "#Service"},
		}},
		{Name: "#Service", Fields: []render.ContractField{{Path: []string{"type"}, Type: `"A" | "B"`}}},
		{Name: "#Strings", Type: "{ [string]: string }"},
	}}, c)
	require.Len(t, c.Deprecated(), 1)
}

// The version is a promise: whoever changes the contract thinks about it.
func TestContractVersionIsStated(t *testing.T) {
	page, err := os.ReadFile("../docs/templates/input.md")
	require.NoError(t, err)
	require.Contains(t, string(page), "version `"+render.ContractVersion+"`", "make generate")
	view, err := render.NewView(readScenario(t, scenarios+"/base.txtar").input(t, readScenario(t, scenarios+"/base.txtar")))
	require.NoError(t, err)
	require.Equal(t, render.ContractVersion, view.Version)
}

func TestInputReads(t *testing.T) {
	o, err := overlay.New("o", "", map[string][]byte{
		"a.cue": []byte(`package templates

pod: metadata: labels: {
	if input.backup != _|_ {"backup": input.backup.name}
	image: input["postgres"].image
	for role, _ in input.services {(role): input.services[role].name}
}
`),
		"b.yaml.tmpl": []byte("# .comment\n{{ if .backup }}{{ $.namespace }}{{ end }}\n{{ range .poolers }}{{ .name }}{{ end }}"),
	})
	require.NoError(t, err)
	reads, err := render.InputReads(o)
	require.NoError(t, err)
	var texts []string
	for _, r := range reads {
		texts = append(texts, r.String()+" "+r.Position)
	}
	require.Equal(t, []string{
		"input.backup o/a.cue:4:5", "input.backup.name o/a.cue:4:36", "input.postgres.image o/a.cue:5:9",
		"input.services o/a.cue:6:17", "input.services.*.name o/a.cue:6:41",
		"input.backup o/b.yaml.tmpl:2", "input.namespace o/b.yaml.tmpl:2", "input.poolers o/b.yaml.tmpl:3",
	}, texts, strings.Join(texts, "\n"))
	require.True(t, reads[1].Covers([]string{"backup"}))
	require.False(t, reads[0].Covers([]string{"backup", "name"}))
	require.True(t, reads[4].Covers([]string{"services", "*", "name"}))

	var view render.View
	require.False(t, reads[0].Present(view))
	view.Backup = &render.BackupView{Name: "x"}
	require.True(t, reads[1].Present(view))
	require.False(t, reads[4].Present(view))
	view.Services = map[string]render.ServiceView{"master": {RoleView: render.RoleView{Name: "x"}}}
	require.True(t, reads[4].Present(view))
}
