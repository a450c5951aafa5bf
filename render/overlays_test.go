package render_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/overlay"
	"postgres-operator/render"
)

// thirty are overlays as a platform team has them, of every kind.
func thirty(t testing.TB) overlay.Set {
	t.Helper()
	var set overlay.Set
	for i := range 30 {
		files := map[string][]byte{}
		switch i % 5 {
		case 0, 1, 2:
			files["o.cue"] = fmt.Appendf(nil, "package templates\n\npod: metadata: labels: \"label-%d\": \"x\"\npostgres: env: VARIABLE_%d: value: \"x\"\n", i, i)
		case 3:
			files["o.cue"] = fmt.Appendf(nil, "package templates\n\noverride: \"service/master\": metadata: annotations: \"annotation-%d\": \"x\"\n", i)
		case 4:
			files["o.yaml.tmpl"] = fmt.Appendf(nil, "override:\n  pdb/primary:\n    metadata:\n      annotations: {annotation-%d: '{{ .name }}'}\n", i)
		}
		o, err := overlay.New(fmt.Sprintf("overlay-%02d", i), "test", files)
		require.NoError(t, err)
		set = append(set, o)
	}
	return set
}

// BenchmarkThirtyOverlays renders without overlays and with thirty: at most twice as long.
func BenchmarkThirtyOverlays(b *testing.B) {
	bare, err := render.New()
	require.NoError(b, err)
	overlaid, err := render.New(thirty(b)...)
	require.NoError(b, err)
	for _, name := range []string{"base", "complete"} {
		in := inputOf(b, name)
		for _, c := range []struct {
			overlays string
			renderer *render.Renderer
		}{{"none", bare}, {"thirty", overlaid}} {
			b.Run(name+"/"+c.overlays, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					renderOnce(b, c.renderer, in)
				}
			})
		}
	}
}

// TestThirtyOverlaysAllocateLittle measures by what does not depend on how
// busy the machine is.
func TestThirtyOverlaysAllocateLittle(t *testing.T) {
	bare, err := render.New()
	require.NoError(t, err)
	overlaid, err := render.New(thirty(t)...)
	require.NoError(t, err)
	in := inputOf(t, "complete")
	before := testing.AllocsPerRun(5, func() { renderOnce(t, bare, in) })
	after := testing.AllocsPerRun(5, func() { renderOnce(t, overlaid, in) })
	t.Logf("%.0f allocations bare, %.0f with 30 overlays", before, after)
	require.Less(t, after, 2*before)
}

// TestViewsCanBeWrittenDown: a View that crosses a pipe gives the same objects,
// but for the order of what the View keeps in an order.
func TestViewsCanBeWrittenDown(t *testing.T) {
	r, err := render.New(site("o.cue", "package templates\n\nobjects: [string]: metadata: labels: more: \"x\"\n"))
	require.NoError(t, err)
	for _, name := range []string{"base", "complete", "pooler-replica", "stream", "backup"} {
		view, err := render.NewView(inputOf(t, name))
		require.NoError(t, err)
		text, err := json.Marshal(view)
		require.NoError(t, err)
		var read render.View
		require.NoError(t, json.Unmarshal(text, &read))
		want, err := r.Render(view)
		require.NoError(t, err)
		got, err := r.Render(read)
		require.NoError(t, err, name)
		require.Len(t, got, len(want), name)
		for i := range want {
			require.Equal(t, want[i].ID, got[i].ID, name)
		}
	}
}

// FuzzOverlay: whatever an overlay says, rendering ends, in objects or in an
// error whose first line is a whole message and whose text shows nothing of the
// inside. What takes for ever is for package trial to end.
func FuzzOverlay(f *testing.F) {
	for _, seed := range []string{
		"", "package templates", "package templates\n\npod: {", "package templates\n\noverride: statefulset: null\n",
		"package templates\n\noverride: 5\n", "package templates\n\noverride: statefulset: [1]\n", "package templates\n\nobjects: x: 1\n",
		"package templates\n\noverride: [=~\"(\"]: {}\n", "package templates\n\noverride: [string]: spec: null\n",
		"package templates\n\noverride: statefulset: spec: template: spec: containers: null\n",
		"package templates\n\noverride: statefulset: spec: template: null\n", "package templates\n\noverride: \"service/master\": metadata: null\n",
		"package templates\n\noverride: statefulset: spec: template: spec: containers: postgres: env: SCOPE: null\n",
		"package templates\n\npod: spec: containers: postgres: \"x\"\n", "package templates\n\ninput: name: \"x\"\n", "package templates\n\nobjects: statefulset: kind: \"Pod\"\n",
		"package templates\n\nimport \"tool/exec\"\n_x: exec.Run & {cmd: \"true\"}\n", "\xff\xfe\x00", "package templates\n@embed(file=\"/etc/passwd\")\n",
		"package templates\n\npod: metadata: labels: a: input.secrets.postgres.data.password + 1\n",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	for _, seed := range []string{
		"override: {statefulset: {spec: {template: {spec: {containers: {}}}}}}", "a: &a [*a]", "{{ range . }}{{ . }}{{ end }}", "{{ toYaml . }}",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [1]}", "override: {pdb/primary: null}", "{{ template \"x\" }}", "{{ printf \"%*d\" 1000000000 1 }}",
	} {
		f.Add(seed, false)
	}
	view, err := render.NewView(inputOf(f, "base"))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string, isCUE bool) {
		name := "o.yaml.tmpl"
		if isCUE {
			name = "o.cue"
		}
		o, err := overlay.New("overlay", "fuzz", map[string][]byte{name: []byte(text)})
		if err != nil {
			return
		}
		r, err := render.New(o)
		if err == nil {
			_, err = r.Render(view)
		}
		if err != nil {
			require.NotContains(t, err.Error(), "goroutine ")
			require.NotContains(t, err.Error(), "runtime error")
			require.NotContains(t, err.Error(), "c2VjcmV0", "a password")
		}
	})
}
