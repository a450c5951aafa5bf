package controller

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
	"postgres-operator/window"
)

// asThisOperator previews as the operator that w starts with version.
func (w *world) asThisOperator(version string) func(*PreviewOptions) {
	return func(o *PreviewOptions) { o.Version, o.OperatorNamespace = version, w.namespace }
}

// What a preview says of a change that would wait is what the operator then says of it, word for word.
func TestPreviewSaysWhatIsHeld(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		waitsFor string
		config   []string
	}{
		{"Approval", []string{"fleet_change_policy", "approve"}},
		{"Window", []string{"fleet_change_policy", "window", "maintenance_windows", closedWindow()}},
		{"Wave", []string{"fleet_wave_size", "1"}},
	} {
		t.Run(tc.waitsFor, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, append([]string{"docker_image", "spilo:1"}, tc.config...)...)
			w.playKubernetes()
			op := w.start(func(o *Options) { o.Version = "v1" })
			w.runningCluster(clusterName)
			require.Nil(t, w.preview(w.previewer(w.asThisOperator("v1")), clusterName).Held)
			op.stop()

			w.configure("docker_image", "spilo:2")
			previewer := w.previewer(w.asThisOperator("v2"))
			held := w.preview(previewer, clusterName).Held
			require.NotNil(t, held)
			require.Equal(t, tc.waitsFor, held.WaitsFor)
			require.Contains(t, held.Message, "A change of operator v2 (before v1), the operator's configuration would restart pods")
			require.False(t, held.Part)

			if tc.waitsFor == "Wave" { // it would get its turn at once
				w.create(&unstructured.Unstructured{Object: map[string]any{
					"apiVersion": apiv1.GroupVersion.String(), "kind": apiv1.KindFleetRollout,
					"metadata": map[string]any{"namespace": w.namespace, "name": "postgres-operator"}, "spec": map[string]any{"paused": true},
				}})
			}
			w.start(func(o *Options) { o.Version = "v2" })
			require.Equal(t, held.Change, w.heldFor(clusterName, tc.waitsFor))
			require.Equal(t, "True WaitsFor"+tc.waitsFor+": "+held.Message, condition(w.cluster(clusterName), apiv1.ConditionHeld))
		})
	}
}

// Only the fleet's part of a change waits; what lets it through is known before.
func TestPreviewOfWhatIsLetThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "docker_image", "spilo:1", "fleet_change_policy", "approve")
	w.playKubernetes()
	op := w.start()
	w.runningCluster(clusterName)
	op.stop()
	w.configure("docker_image", "spilo:2")
	pg := w.cluster(clusterName)
	held := func(changes ...func(*PreviewOptions)) *HeldPreview {
		p := w.previewer(append(changes, w.asThisOperator(""))...).Preview(t.Context(), pg)
		require.NoError(t, p.Err)
		require.Len(t, p.Rollout.Steps, 3, "the steps are those of when it is let through")
		return p.Held
	}
	require.False(t, held().Part)
	pg.Spec.Resources = &apiv1.Resources{ResourceLimits: apiv1.ResourceDescription{Memory: new("2Gi")}}
	require.True(t, held().Part)

	setAnnotationOf(pg, names.FleetChange, held().Change)
	require.Nil(t, held())
	setAnnotationOf(pg, names.FleetChange, "approved")
	require.Nil(t, held())

	setAnnotationOf(pg, names.FleetChange, "")
	setAnnotationOf(pg, names.FleetChangePolicy, "window")
	at := func(clock time.Duration) func(*PreviewOptions) {
		return func(o *PreviewOptions) {
			o.Config.MaintenanceWindows = []window.Window{{Start: 2 * time.Hour, End: 4 * time.Hour}}
			o.Now = func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(clock) }
		}
	}
	require.Contains(t, held(at(5*time.Hour)).Message, "It waits for a maintenance window, 02:00-04:00 UTC.")
	require.Nil(t, held(at(3*time.Hour)))
}

func setAnnotationOf(pg *apiv1.Postgresql, name, value string) {
	if pg.Annotations == nil {
		pg.Annotations = map[string]string{}
	}
	pg.Annotations[name] = value
}

// A turn that was given counts.
func TestPreviewOfATurn(t *testing.T) {
	t.Parallel()
	clusters := []string{"a-canary", "b-one"}
	w, _ := fleetWorld(t, clusters)
	op := w.start()
	w.fleetRuns(clusters)
	op.stop()
	w.configure("docker_image", "spilo:2")
	held := w.preview(w.previewer(w.asThisOperator("")), "b-one").Held
	require.NotNil(t, held)
	require.Equal(t, "Wave", held.WaitsFor)

	rollout := newObject(fleetRolloutKind)
	rollout.SetNamespace(w.namespace)
	rollout.SetName("postgres-operator")
	w.create(rollout)
	setField(rollout, []any{map[string]any{"cluster": w.namespace + "/b-one", "change": held.Change}}, "status", "turn")
	require.NoError(t, w.client.Status().Update(t.Context(), rollout))
	require.Nil(t, w.preview(w.previewer(w.asThisOperator("")), "b-one").Held)
	require.NotNil(t, w.preview(w.previewer(w.asThisOperator("")), "a-canary").Held)

	for _, tc := range []struct {
		err  error
		want string
	}{
		{apierrors.NewForbidden(schema.GroupResource{}, "postgres-operator", nil), "It waits for its turn: see fleetrollout postgres-operator"},
		{&meta.NoKindMatchError{}, "the kind FleetRollout is not installed"},
	} {
		failing := func(o *PreviewOptions) { o.Live = withoutFleet{o.Live, tc.err} }
		require.Contains(t, w.preview(w.previewer(w.asThisOperator(""), failing), "b-one").Held.Message, tc.want)
	}
}

// withoutFleet answers with an error when it is asked for a FleetRollout.
type withoutFleet struct {
	client.Reader
	err error
}

// Get implements client.Reader.
func (r withoutFleet) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if into.GetObjectKind().GroupVersionKind() == fleetRolloutKind {
		return r.err
	}
	return r.Reader.Get(ctx, key, into, options...)
}
