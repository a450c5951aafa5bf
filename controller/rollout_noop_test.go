package controller

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/render"
	"postgres-operator/rollout"
)

// A manifest written in other words restarts nothing: the whole way from its text to the decision.
func TestManifestsInOtherWordsRestartNothing(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../manifests/complete-postgres-manifest.yaml")
	require.NoError(t, err)
	text := string(content)
	renderer, err := render.New()
	require.NoError(t, err)
	template := func(text string, c config.Config) corev1.PodTemplateSpec {
		var pg apiv1.Postgresql
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), &pg))
		pg.Namespace = "default"
		view, err := render.NewView(render.Input{Manifest: &pg, Config: c, Now: time.Unix(0, 0)})
		require.NoError(t, err)
		objects, err := renderer.Render(view)
		require.NoError(t, err)
		for _, o := range objects {
			if o.GetKind() == statefulSetKind.Kind {
				var set appsv1.StatefulSet
				require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &set))
				return set.Spec.Template
			}
		}
		require.Fail(t, "no StatefulSet")
		return corev1.PodTemplateSpec{}
	}
	replaced := func(pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			require.True(t, strings.Contains(text, pairs[i]), "%q is not in the manifest any more", pairs[i])
		}
		return strings.NewReplacer(pairs...).Replace(text)
	}
	configured := func(change func(*config.Config)) config.Config {
		c := config.Default()
		change(&c)
		return c
	}
	lines := strings.SplitAfter(text, "\n")
	for name, other := range map[string]struct {
		text   string
		config config.Config
		want   rollout.Kind
	}{
		"the same":                            {text, config.Default(), rollout.None},
		"annotations and labels turned":       {replaced("    application: test-app          # handed down when the operator's inherited_labels names it\n    environment: demo\n", "    environment: demo\n    application: test-app\n"), config.Default(), rollout.None},
		"quantities":                          {replaced("requests: {cpu: 10m, memory: 100Mi}", "requests: {memory: 102400Ki, cpu: \"0.010\"}", "cpu: 500m", "cpu: \"0.5\""), config.Default(), rollout.None},
		"defaults written out":                {strings.Join(append(lines, "  schedulerName: default-scheduler\n"), ""), config.Default(), rollout.None},
		"parameters turned":                   {replaced("      shared_buffers: 32MB\n      max_connections: \"50\"\n", "      max_connections: \"50\"\n      shared_buffers: 32MB\n"), config.Default(), rollout.None},
		"parameters of Patroni":               {replaced("max_connections: \"50\"", "max_connections: \"60\"", "ttl: 30", "ttl: 40"), config.Default(), rollout.None},
		"members":                             {replaced("numberOfInstances: 2", "numberOfInstances: 3"), config.Default(), rollout.None},
		"options of the operator":             {text, configured(func(c *config.Config) { c.RepairPeriod, c.Workers, c.ResourceCheckTimeout = time.Hour, 2, time.Hour }), rollout.None},
		"an image, for what it is worth":      {replaced("dockerImage: ghcr.io/zalando/spilo-18:4.1-p2", "dockerImage: example.org/spilo:next"), config.Default(), rollout.Switchover},
		"parameters that each member reads":   {replaced("shared_buffers: 32MB", "shared_buffers: 64MB"), config.Default(), rollout.Switchover},
		"annotations of pods, in their place": {text, configured(func(c *config.Config) { c.CustomPodAnnotations = map[string]string{"team": "acid"} }), rollout.Annotate},
	} {
		before, after := template(text, config.Default()), template(other.text, other.config)
		state := rollout.State{
			Observed: true, Replicas: 2, UpdateRevision: "new", Template: after,
			Revisions: map[string]corev1.PodTemplateSpec{"old": before, "new": after},
		}
		for _, name := range []string{"c-0", "c-1"} {
			pod := state.Fresh(name)
			pod.Spec, pod.Annotations, pod.Labels = before.Spec, before.Annotations, map[string]string{rollout.RevisionLabel: "new"}
			if name == "c-0" {
				pod.Labels[rollout.RevisionLabel] = "old"
			}
			state.Pods = append(state.Pods, pod)
		}
		state.Patroni.Members = []rollout.Member{{Name: "c-0", Role: "leader", State: "running"}, {Name: "c-1", Role: "replica", State: "streaming"}}
		step := rollout.Plan(state)
		require.Equal(t, other.want, step.Kind, "%s: %s", name, step)
	}
}
