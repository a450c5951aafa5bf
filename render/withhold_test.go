package render_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/render"
)

// TestWithholding: what an evaluation is spared changes nothing, whatever an
// overlay does with the input or with what the templates make of it.
func TestWithholding(t *testing.T) {
	probe := func(data string) string {
		return `objects: "configmap/probe": {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "probe", namespace: input.namespace}, data: ` + data + "}\n"
	}
	for name, overlay := range map[string]string{
		"a new label":               `pod: metadata: labels: "cost-center": "databases"`,
		"a label of the input":      `pod: metadata: labels: team: "acid"`,
		"another label's value":     `pod: metadata: labels: team: "other"`,
		"a computed name":           `pod: metadata: labels: (input.name + "-label"): "x"`,
		"a computed namesake":       `pod: metadata: labels: "\("te" + "am")": "acid"`,
		"a computed contradiction":  `pod: metadata: labels: "\("te" + "am")": "other"`,
		"a pattern":                 `pod: spec: containers: [string]: terminationMessagePolicy: "FallbackToLogsOnError"`,
		"a pattern of variables":    `pod: spec: containers: postgres: env: [string]: {value: string} | {valueFrom: {...}}`,
		"a variable":                `pod: spec: containers: postgres: env: MORE: value: "x"`,
		"a known variable":          `pod: spec: containers: postgres: env: SCOPE: value: input.name`,
		"a wrong known variable":    `pod: spec: containers: postgres: env: SCOPE: value: "x"`,
		"a definition":              "pod: #Mine\n#Mine: metadata: labels: {team: \"acid\", more: \"x\"}",
		"labels of the input":       probe(`{for k, v in input.labels {(k): v}}`),
		"the number of labels":      probe(`{count: "\(len(input.labels))"}`),
		"labels of the templates":   probe(`{for k, v in pod.metadata.labels {(k): v}}`),
		"a let":                     "let l = pod.metadata.labels\n" + probe(`{count: "\(len(l))"}`),
		"a hidden copy":             "_copy: input.labels\n" + probe(`{team: _copy.team}`),
		"a copy of a template":      probe(`pod.metadata.labels`),
		"the length of a list":      "import \"strings\"\n" + probe(`{tolerations: "\(len(pod.spec.tolerations))", name: strings.ToUpper(input.name)}`),
		"an item":                   probe(`{key: input.pod.tolerations[0].key}`),
		"an item of a template":     probe(`{key: pod.spec.tolerations[0].key}`),
		"a condition":               `if pod.spec.containers.postgres.env.SCOPE != _|_ {pod: metadata: labels: scope: "x"}`,
		"a condition on the input":  `if input.manifest.spec.teamId == "acid" {pod: metadata: labels: acid: "x"}`,
		"an equal list":             `pod: spec: tolerations: [...{...}]`,
		"source ranges":             `service: [string]: spec: loadBalancerSourceRanges: ["10.0.0.0/8"]`,
		"a closed struct":           `pod: spec: close({containers: _, volumes: _})`,
		"a container of a manifest": `pod: spec: containers: telegraf: workingDir: "/tmp"`,
		"the whole input":           probe(`{all: "\(len(input))"}`),
		"labels behind the input":   "_all: input\n" + probe(`_all.labels`),
	} {
		r, err := render.New(fileOverlay(overlay))
		if err != nil {
			require.NotContains(t, err.Error(), "withheld", name)
			continue
		}
		for _, scenario := range []string{"base", "complete"} {
			view, err := render.NewView(inputOf(t, scenario))
			require.NoError(t, err)
			want, wantErr := r.Untrusting().Render(view)
			got, err := r.Render(view)
			require.Equal(t, wantErr, err, name)
			require.Equal(t, yamlOf(t, want), yamlOf(t, got), name)
		}
	}
}
