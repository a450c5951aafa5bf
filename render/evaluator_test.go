package render_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/overlay"
	"postgres-operator/render"
)

// TestTrustedInput: to leave the contract of the input out, and the manifest
// where nothing reads it, changes no byte of any scenario.
func TestTrustedInput(t *testing.T) {
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	paths, err := filepath.Glob(filepath.Join(scenarios, "*.txtar"))
	require.NoError(t, err)
	for _, path := range paths {
		s := readScenario(t, path)
		view, err := render.NewView(s.input(t, base))
		if err != nil {
			continue
		}
		r, err := s.renderer(t)
		if err != nil {
			continue
		}
		trusted, err := r.Render(view)
		checked, checkedErr := r.Untrusting().Render(view)
		require.Equal(t, checkedErr, err, s.name)
		require.Equal(t, yamlOf(t, checked), yamlOf(t, trusted), s.name)
	}
}

func fileOverlay(content string) overlay.Overlay {
	return site("o.cue", "package templates\n\n"+content)
}

func overlaid(t *testing.T, overlay string) *render.Renderer {
	t.Helper()
	r, err := render.New(fileOverlay(overlay))
	require.NoError(t, err)
	return r
}

func TestManifestIsThereForOverlays(t *testing.T) {
	for overlay, reads := range map[string]bool{
		`pod: metadata: labels: team: input.manifest.spec.teamId`:             true,
		`pod: metadata: labels: team: input["manifest"].spec.teamId`:          true,
		`_all: input, pod: metadata: labels: team: _all.manifest.spec.teamId`: true,
		`pod: metadata: labels: team: input.labels.team`:                      false,
	} {
		r := overlaid(t, overlay)
		require.Equal(t, reads, r.ReadsManifest(), overlay)
		for _, object := range renderOnce(t, r, inputOf(t, "base")) {
			if object.ID == "statefulset" {
				team, _, err := unstructured.NestedString(object.Object, "spec", "template", "metadata", "labels", "team")
				require.NoError(t, err)
				require.Equal(t, "acid", team, overlay)
			}
		}
	}
}

// TestOverlayAddsToItemsOfLists: CUE forgets what is in an item of a list that
// comes as a Go value, once something is added to it.
func TestOverlayAddsToItemsOfLists(t *testing.T) {
	r := overlaid(t, `
_first: input.manifest.spec.sidecars[0] & {extra: "more"}
objects: "configmap/probe": {
	apiVersion: "v1"
	kind:       "ConfigMap"
	metadata: {name: "probe", namespace: input.namespace}
	data: {
		image: _first.image
		port:  "\((_first.ports[0] & {extra: "more"}).containerPort)"
		for i, toleration in input.pod.tolerations {"toleration-\(i)": (toleration & {extra: "more"}).key}
	}
}
`)
	for _, object := range renderOnce(t, r, inputOf(t, "complete")) {
		if object.ID == "configmap/probe" {
			require.Equal(t, map[string]any{"image": "telegraf:latest", "port": "8094", "toleration-0": "postgres"}, object.Object["data"])
			return
		}
	}
	t.Fatal("the overlay's object is missing")
}
