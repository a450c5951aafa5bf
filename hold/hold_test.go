package hold

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const base = `
metadata: {labels: {application: spilo}}
spec:
  containers:
  - name: postgres
    image: spilo:1
    env: [{name: SCOPE, value: c}, {name: A, value: "1"}]
    resources: {limits: {memory: 1Gi}}
    ports: [{containerPort: 5432}]
  - {name: log, image: "log:1"}
  tolerations: [{key: db}]
`

func template(t *testing.T, changes ...string) Template {
	t.Helper()
	text := base
	require.Zero(t, len(changes)%2)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, text, changes[i])
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	plain, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	out, err := parse(plain)
	require.NoError(t, err)
	return out
}

func TestDecide(t *testing.T) {
	image := []string{"spilo:1", "spilo:2"}
	memory := []string{"1Gi", "2Gi"}
	sidecar := []string{`{name: log, image: "log:1"}`, `{name: log, image: "log:2"}`}
	extra := []string{"spec:\n", "spec:\n  priorityClassName: high\n"}
	env := []string{`{name: A, value: "1"}`, `{name: B, value: "2"}`}
	annotation := []string{"metadata: {", "metadata: {annotations: {a: b}, "}
	all := func(lists ...[]string) []string {
		var out []string
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	closed := Gate{Policy: Approve}
	cases := []struct {
		name                   string
		current, former, wants []string
		gate                   Gate
		lazy                   bool
		gives                  []string
		waits                  Wait
		reasons                string
	}{
		{"nothing changes", nil, nil, nil, closed, false, nil, Nothing, ""},
		{"the user changes something", nil, nil, memory, closed, false, memory, Nothing, ""},
		{"the fleet changes what restarts", nil, image, image, closed, false, nil, Approval, "container postgres: image: spilo:1 → spilo:2"},
		{"the fleet changes what does not restart", nil, annotation, annotation, closed, false, annotation, Nothing, ""},
		{"images are lazy", nil, image, image, closed, true, image, Nothing, ""},
		{"images are lazy, the rest is not", nil, all(image, extra), all(image, extra), closed, true, nil, Approval,
			"container postgres: image: spilo:1 → spilo:2; pod: priorityClassName: none → high"},
		{"auto", nil, image, image, Gate{Policy: Auto}, false, image, Nothing, "container postgres: image: spilo:1 → spilo:2"},
		{"both: the user's alone goes in", nil, image, all(image, memory), closed, false, memory, Approval, "container postgres: image: spilo:1 → spilo:2"},
		{"both, in one container list", nil, all(image, sidecar), all(image, sidecar, env, []string{"key: db", "key: dba"}), closed, false,
			all(env, []string{"key: db", "key: dba"}), Approval, "container log: image: log:1 → log:2; container postgres: image: spilo:1 → spilo:2"},
		{"the user removes a sidecar", nil, image, all(image, []string{"  - {name: log, image: \"log:1\"}\n", ""}), closed, false,
			[]string{"  - {name: log, image: \"log:1\"}\n", ""}, Approval, "container postgres: image: spilo:1 → spilo:2"},
		{"the user takes the change back that has gone in while another is held", memory, all(memory, image), image, closed, false, nil, Approval,
			"container postgres: image: spilo:1 → spilo:2"},
		{"the fleet takes its change back", nil, nil, nil, closed, false, nil, Nothing, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := Change{template(t, tc.current...), template(t, tc.former...), template(t, tc.wants...), tc.lazy}
			d, err := Decide(c, tc.gate)
			require.NoError(t, err)
			require.Equal(t, tc.waits, d.Waits)
			require.Equal(t, tc.reasons, strings.Join(d.Reasons, "; "))
			require.Equal(t, template(t, tc.gives...), d.Template)
			require.Equal(t, Digest(c.Desired), d.Digest)
			if d.Waits == Nothing {
				return
			}
			again, err := Decide(Change{d.Template, c.Desired, c.Desired, tc.lazy}, tc.gate) // as the next pass sees it
			require.NoError(t, err)
			require.Equal(t, d, again, "what is held stays as it is")
			tc.gate.Approval = d.Digest
			through, err := Decide(c, tc.gate)
			require.NoError(t, err)
			require.Equal(t, c.Desired, through.Template)
		})
	}
}

func TestGate(t *testing.T) {
	const digest = "d"
	for _, tc := range []struct {
		gate Gate
		want Wait
	}{
		{Gate{Policy: Auto}, Nothing},
		{Gate{Policy: Auto, Waves: true}, Wave},
		{Gate{Policy: Auto, Waves: true, Granted: "other"}, Wave},
		{Gate{Policy: Auto, Waves: true, Granted: digest}, Nothing},
		{Gate{Policy: Window}, AWindow},
		{Gate{Policy: Window, InWindow: true}, Nothing},
		{Gate{Policy: Window, InWindow: true, Waves: true}, Wave},
		{Gate{Policy: Window, Waves: true, Granted: digest}, Nothing},
		{Gate{Policy: Window, Approval: digest}, Nothing},
		{Gate{Policy: Approve, InWindow: true}, Approval},
		{Gate{Policy: Approve, Waves: true}, Approval},
		{Gate{Policy: Approve, Approval: digest}, Nothing},
		{Gate{Policy: Approve, Approval: "other"}, Approval},
		{Gate{Policy: Approve, Granted: digest}, Approval},
	} {
		require.Equal(t, tc.want, tc.gate.wait(digest), "%+v", tc.gate)
		require.True(t, tc.want == Nothing || tc.gate.Closable(), "%+v", tc.gate)
	}
}

func TestRecord(t *testing.T) {
	r := Record{Manifest: map[string]any{"spec": map[string]any{"numberOfInstances": int64(2)}}, Template: template(t)}
	text, err := r.Text("")
	require.NoError(t, err)
	back, err := ParseRecord(text)
	require.NoError(t, err)
	require.Equal(t, r, back)

	same, err := r.Text(text)
	require.NoError(t, err)
	require.Equal(t, text, same)
	other, err := Record{Manifest: r.Manifest, Template: template(t, "spilo:1", "spilo:2")}.Text(text)
	require.NoError(t, err)
	require.NotEqual(t, text, other)
	fresh, err := r.Text("by hand")
	require.NoError(t, err)
	require.Equal(t, text, fresh, "what is no record is replaced")

	for _, bad := range []string{"", "x", text[:20], text[:len(text)-20]} {
		_, err := ParseRecord(bad)
		require.Error(t, err, bad)
	}
	plain, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, text, string(plain))
}
