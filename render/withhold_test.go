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
		"a variable of a sidecar":   `pod: spec: containers: telegraf: env: MORE: value: "x"`,
		"a sidecar's image":         `pod: spec: containers: telegraf: image: "other"`,
		"a secret's type":           `pooler: master: secret: type: "other"`,
		"a port of a pooler":        `pooler: master: service: spec: ports: more: {port: 9, protocol: "TCP"}`,
		"the whole input":           probe(`{all: "\(len(input))"}`),
		"labels behind the input":   "_all: input\n" + probe(`_all.labels`),

		"another default":             `pod: spec: terminationGracePeriodSeconds: 17`,
		"the same default":            `cronjob: spec: concurrencyPolicy: "Forbid"`,
		"a fixed value":               `statefulset: spec: podManagementPolicy: "Parallel"`,
		"a fixed value of a pattern":  `secret: postgres: type: "other"`,
		"no opinion":                  `statefulset: spec: replicas: null`,
		"a type":                      `postgres: image: string`,
		"more in a part":              `pod: spec: securityContext: supplementalGroups: [5]`,
		"more beside a part":          `pod: spec: hostNetwork: true`,
		"a variable of every pooler":  `pooler: [string]: deployment: spec: template: spec: containers: "connection-pooler": env: MORE: value: "x"`,
		"a size of one pooler":        `pooler: master: deployment: spec: replicas: 5`,
		"an entry of a pattern":       `service: other: spec: type: "ClusterIP"`,
		"an annotation of an entry":   `service: master: metadata: annotations: more: "x"`,
		"a computation":               probe(`{seconds: "\(pod.spec.terminationGracePeriodSeconds + 1)"}`),
		"a copied value":              probe(`{image: postgres.image, role: service.master.metadata.name}`),
		"a value of another template": `statefulset: metadata: annotations: image: postgres.image`,
		"an optional field":           `if postgres.livenessProbe != _|_ {pod: metadata: annotations: probed: "yes"}`,
		"an optional field's value":   `postgres: livenessProbe: failureThreshold: 7`,
		"a copied pod":                `objects: "pod/probe": {apiVersion: "v1", kind: "Pod", metadata: {name: "probe", namespace: input.namespace}, spec: pod.spec}`,
		"a copied entry":              `objects: "service/probe": {apiVersion: "v1", kind: "Service", metadata: {name: "probe", namespace: input.namespace}, spec: service.replica.spec}`,
		"two entries at once":         `objects: "service/probe": {apiVersion: "v1", kind: "Service", metadata: {name: "probe", namespace: input.namespace}, spec: service.replica.spec & service.master.spec}`,
		"two budgets at once":         "_both: pdb.primary & pdb[\"critical-op\"]\n" + probe(`{name: "x"}`),
		"a budget of all":             `pdb: primary: spec: selector: matchLabels: more: "x"`,
		"another budget":              `pdb: more: {metadata: name: "more", spec: {maxUnavailable: 1, selector: matchLabels: input.selector}}`,
		"a hidden template":           "_spec: postgres\n" + probe(`{image: _spec.image}`),
		"a choice":                    `pod: spec: {hostNetwork: true} | {hostPID: true}`,
		"a computed value":            `pod: spec: ("service" + "AccountName"): "other"`,
		"a computed type":             `pod: spec: ("service" + "AccountName"): string`,
		"a computed null":             `pod: spec: ("service" + "AccountName"): null`,
		"a computed struct":           `pod: spec: ("security" + "Context"): supplementalGroups: [5]`,
		"a computed definition":       "#Groups: supplementalGroups: [5]\npod: spec: (\"security\" + \"Context\"): #Groups",
		"a computed constraint":       `pod: spec: ("security" + "Context"): fsGroup?: 5`,
		"a quoted selector":           probe(`{image: postgres."image"}`),
		"an object's field":           `objects: statefulset: spec: template: spec: terminationGracePeriodSeconds: 17`,
		"a field of a copy":           `statefulset: spec: template: spec: terminationGracePeriodSeconds: 17`,
		"a copy in another template":  "service: master: metadata: annotations: more: \"x\"\npod: metadata: annotations: service.master.metadata.annotations",
		"a copied constraint":         "service: master: metadata: labels: team?: \"other\"\n_m: service.master.metadata\npod: metadata: labels: _m.labels",
		"a hidden addition":           "_more: spec: terminationGracePeriodSeconds: 17\npod: _more",
		"a computed optional field":   `postgres: ("liveness" + "Probe"): failureThreshold: 7`,
		"the manifest as a template":  `pod: spec: input.manifest.spec`,
		"a number of fields":          "import \"struct\"\npod: spec: struct.MaxFields(3)",
		"a number of labels":          "import \"struct\"\npod: metadata: labels: struct.MaxFields(1)",
		"a number of items":           "import \"list\"\npod: spec: tolerations: list.MaxItems(0)",
		"an error in the end":         `override: statefulset: spec: template: spec: containers: postgres: ports: "8008/TCP": containerPort: 9`,
		"a wrong selector":            `override: "service/replica": spec: selector: role: "other"`,
		"an unknown field":            `statefulset: spec: replica: 3`,
		"a mark":                      probe(`{"postgres-operator/part/999": "x"}`),
		"a mark of entries":           `pod: spec: affinity: "postgres-operator/withheld/": 999`,
		"a mark of a list":            `pod: spec: tolerations: ["postgres-operator/withheld/999"]`,
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

// TestCheap: a render with every feature gets by with what the templates alone
// need, and does not end up at an evaluation of everything.
func TestCheap(t *testing.T) {
	in := inputOf(t, "complete")
	r, err := render.New()
	require.NoError(t, err)
	require.Less(t, testing.AllocsPerRun(10, func() { renderOnce(t, r, in) }), 15_000.0)
}
