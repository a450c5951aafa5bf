package controller

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/render"
)

// previewer previews with the configuration that is in force now; its requests are recorded.
func (w *world) previewer(changes ...func(*PreviewOptions)) *Previewer {
	w.Helper()
	c, err := w.options.Source.Load(w.Context(), w.client)
	require.NoError(w, err)
	recorded, err := client.New(rest.CopyConfig(w.env.Config), client.Options{Scheme: w.client.Scheme()})
	require.NoError(w, err)
	objects, err := ReadSnapshot(w.Context(), recorded, c, []string{w.namespace})
	require.NoError(w, err)
	renderer, err := render.New()
	require.NoError(w, err)
	o := PreviewOptions{Config: c, Renderer: renderer, Objects: objects, Live: recorded, Now: time.Now}
	for _, change := range changes {
		change(&o)
	}
	p, err := NewPreviewer(w.Context(), o)
	require.NoError(w, err)
	return p
}

// preview previews a cluster as its manifest stands.
func (w *world) preview(p *Previewer, name string) Preview {
	w.Helper()
	result := p.Preview(w.Context(), w.cluster(name))
	require.NoError(w, result.Err)
	return result
}

// texts of changes, of which Secrets print no values.
func texts(changes apply.ChangeSet) []string {
	var all []string
	for _, c := range changes.Changed() {
		all = append(all, c.String())
	}
	return all
}

// steps of a rollout, without the pods' identities.
func stepTexts(r RolloutPreview) []string {
	var all []string
	for _, s := range r.Steps {
		all = append(all, s.String())
	}
	return all
}

func TestPreviewOfARunningClusterIsEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	p := w.preview(w.previewer(), clusterName)
	require.Empty(t, texts(p.Changes))
	require.Empty(t, stepTexts(p.Rollout))
	require.False(t, p.Changed())
}

// What a preview says is what the operator then does, word for word; and saying it writes nothing.
func TestPreviewSaysWhatTheOperatorDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	op.stop()
	w.configure("docker_image", "example.org/spilo:next", "custom_pod_annotations", "team:acid", "max_instances", "1")
	w.env.Requests.Reset()
	p := w.preview(w.previewer(), clusterName)
	for _, request := range w.env.Requests.All() {
		require.Equal(t, http.MethodGet, request.Method, "a preview sends %s", request)
	}
	planned := texts(p.Changes)
	require.NotEmpty(t, planned)

	log := len(w.log.String())
	w.start()
	w.eventually(func(c *assert.CollectT) {
		said := w.log.String()[log:]
		for _, text := range planned {
			for line := range strings.Lines(text) {
				assert.Contains(c, said, strings.ReplaceAll(strings.TrimRight(line, "\n"), `"`, `\"`))
			}
		}
	}, "the operator does what the preview said")
}

func TestPreviewOfPods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	op.stop()
	w.configure("docker_image", "example.org/spilo:next")
	p := w.preview(w.previewer(), clusterName)
	require.Len(t, p.Rollout.Steps, 3, "%s", stepTexts(p.Rollout))
	require.Contains(t, p.Rollout.Steps[0].String(), "Recreate "+clusterName+"-1: container postgres: image: ")
	require.Contains(t, p.Rollout.Steps[1].String(), "Switchover "+clusterName+"-0 to "+clusterName+"-1")
	require.Contains(t, p.Rollout.Steps[2].String(), "Recreate "+clusterName+"-0")

	w.configure("enable_lazy_spilo_upgrade", "true")
	p = w.preview(w.previewer(), clusterName)
	require.NotEmpty(t, p.Changes.Changed())
	require.Empty(t, stepTexts(p.Rollout))
	require.Equal(t, "later", string(p.Rollout.Verdicts[0].Action))
}

func TestPreviewOfANewCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env.Requests.Reset()
	given, err := apiv1.DecodeStrict(w.yaml(w.minimal(clusterName)))
	require.NoError(t, err)
	previewer := w.previewer()
	stored, err := previewer.Manifest(t.Context(), given)
	require.NoError(t, err)
	p := previewer.Preview(t.Context(), stored)
	require.NoError(t, p.Err)
	require.True(t, slices.ContainsFunc(p.Changes, func(c apply.Change) bool { return c.ID == "statefulset" && c.Verb == apply.Create }))
	for _, c := range p.Changes {
		require.NotContains(t, c.String(), placeholder)
	}
	require.Empty(t, w.env.Requests.Writes())
}

// yaml writes an object out.
func (w *world) yaml(o client.Object) []byte {
	w.Helper()
	text, err := yaml.Marshal(o)
	require.NoError(w, err)
	return text
}
