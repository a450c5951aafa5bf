package render_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/render"
)

// FuzzManifest: whatever the API server lets through is rendered or refused
// with a reason, and never brings the operator down.
func FuzzManifest(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join(scenarios, "*.txtar"))
	require.NoError(f, err)
	base := readScenario(f, filepath.Join(scenarios, "base.txtar"))
	for _, path := range paths {
		text, err := yaml.Marshal(readScenario(f, path).manifest(f, base))
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte("{}"))
	f.Add([]byte("spec: {additionalVolumes: [{volumeSource: null}], volume: {size: 1e400Gi}}"))
	r, err := render.New()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text []byte) {
		var manifest apiv1.Postgresql
		if yaml.Unmarshal(text, &manifest) != nil {
			return
		}
		view, err := render.NewView(render.Input{Manifest: &manifest, Config: config.Default()})
		if err != nil {
			var invalid *render.InputError
			require.ErrorAs(t, err, &invalid)
			return
		}
		objects, err := r.Render(view)
		if err != nil {
			var wrong *render.TemplateError
			require.True(t, errors.As(err, &wrong), "%v", err)
			return
		}
		_, err = render.MarshalYAML(objects, render.Options{})
		require.NoError(t, err)
	})
}
