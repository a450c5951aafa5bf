package render_test

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"postgres-operator/render"
)

func yamlOf(t testing.TB, objects []render.Object) string {
	t.Helper()
	text, err := render.MarshalYAML(objects, render.Options{ShowSecrets: true})
	require.NoError(t, err)
	return string(text)
}

func TestSameInputSameBytes(t *testing.T) {
	for _, name := range []string{"base", "complete", "secret-kinds", "pooler-replica"} {
		t.Run(name, func(t *testing.T) {
			in := inputOf(t, name)
			first, err := render.New()
			require.NoError(t, err)
			want := yamlOf(t, renderOnce(t, first, in))
			for range 20 { // maps change their order from one walk to the next
				require.Equal(t, want, yamlOf(t, renderOnce(t, first, in)))
			}
			second, err := render.New()
			require.NoError(t, err)
			require.Equal(t, want, yamlOf(t, renderOnce(t, second, in)), "another renderer")
		})
	}
}

func TestVersionsAndStatusDoNotMatter(t *testing.T) {
	in := inputOf(t, "base")
	r, err := render.New()
	require.NoError(t, err)
	want := yamlOf(t, renderOnce(t, r, in))
	in.Manifest.ResourceVersion, in.Manifest.Generation = "42", 7
	in.Manifest.Status.PostgresClusterStatus = "Running"
	in.Manifest.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"}
	require.Equal(t, want, yamlOf(t, renderOnce(t, r, in)))
}

func TestRenderIsSafeForConcurrentUse(t *testing.T) {
	r, err := render.New()
	require.NoError(t, err)
	inputs := []render.Input{inputOf(t, "base"), inputOf(t, "complete")}
	want := []string{yamlOf(t, renderOnce(t, r, inputs[0])), yamlOf(t, renderOnce(t, r, inputs[1]))}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 10 {
				n := (worker + i) % len(inputs)
				view, err := render.NewView(inputs[n])
				if err != nil {
					t.Error(err)
					return
				}
				objects, err := r.Render(view)
				if err != nil {
					t.Error(err)
					return
				}
				text, err := render.MarshalYAML(objects, render.Options{ShowSecrets: true})
				if err != nil || string(text) != want[n] {
					t.Errorf("worker %d: another result, %v", worker, err)
				}
			}
		})
	}
	group.Wait()
}

// TestInputIsNotWrittenTo: the manifest and the configuration are shared with
// caches and other workers.
func TestInputIsNotWrittenTo(t *testing.T) {
	for _, name := range []string{"complete", "pod-node-readiness-and", "pod-sidecars-object", "account-definitions", "pod-tls-ca", "pooler-scheduling"} {
		in := inputOf(t, name)
		manifest, digest := in.Manifest.DeepCopy(), in.Config.Digest()
		r, err := render.New()
		require.NoError(t, err)
		renderOnce(t, r, in)
		require.Equal(t, manifest, in.Manifest, name)
		require.Equal(t, digest, in.Config.Digest(), name)
	}
}

func TestAFailedRenderDoesNotSpoilTheNext(t *testing.T) {
	in := inputOf(t, "base")
	r, err := render.New(site("o.cue", (`package templates

if input.name == "acid-minimal-cluster" {
	statefulset: spec: serviceName: "other"
}
`)))
	require.NoError(t, err)
	view, err := render.NewView(in)
	require.NoError(t, err)
	_, err = r.Render(view)
	var wrong *render.TemplateError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "statefulset", wrong.Object)
	require.Equal(t, "spec.serviceName", wrong.Field)
	require.Contains(t, strings.Join(wrong.Positions, " "), "overlay/o.cue:4:34")

	in.Manifest.Name = "acid-other"
	renderOnce(t, r, in)
}

func TestSecretsAreMasked(t *testing.T) {
	in := inputOf(t, "clone-s3-path")
	for i := range in.Credentials {
		in.Credentials[i].Password = "correct horse"
	}
	in.Config.ScalyrImage, in.Config.ScalyrAPIKey = "scalyr", "battery"
	r, err := render.New()
	require.NoError(t, err)
	objects := renderOnce(t, r, in)
	text, err := render.MarshalYAML(objects, render.Options{})
	require.NoError(t, err)
	for _, secret := range []string{"Y29ycmVjdCBob3JzZQ==", "battery", "0123456789abcdef0123456789abcdef\n        - name: CLONE_AWS_S3"} {
		require.NotContains(t, string(text), secret)
		require.Contains(t, yamlOf(t, objects), secret, "and the objects still have it")
	}
}

func TestUserListsAreMasked(t *testing.T) {
	r, err := render.New()
	require.NoError(t, err)
	objects := renderOnce(t, r, inputOf(t, "pooler"))
	text, err := render.MarshalYAML(objects, render.Options{})
	require.NoError(t, err)
	list := base64.StdEncoding.EncodeToString([]byte("\"pooler\" \"secret\"\n"))
	require.NotContains(t, string(text), list)
	require.Contains(t, yamlOf(t, objects), list)
}

func TestSharedMemoryVolume(t *testing.T) {
	yes, no := true, false
	for _, tc := range []struct {
		reason   string
		manifest *bool
		option   bool
		want     bool
	}{
		{"the option decides", nil, true, true},
		{"the option decides", nil, false, false},
		{"the manifest can ask for it", &yes, false, true},
		{"but not do without it: pods of existing clusters would restart", &no, true, true},
		{"nobody wants it", &no, false, false},
	} {
		in := inputOf(t, "base")
		in.Manifest.Spec.EnableShmVolume, in.Config.ShmVolume = tc.manifest, tc.option
		view, err := render.NewView(in)
		require.NoError(t, err)
		found := false
		for _, volume := range view.Pod.Volumes {
			found = found || volume.Key == "dshm"
		}
		require.Equal(t, tc.want, found, "%+v", tc)
	}
}

// TestSpiloConfigurationBytes: the value is text in a pod template, so that
// pods of a cluster made by Zalando's operator restart if a byte differs.
func TestSpiloConfigurationBytes(t *testing.T) {
	for name, want := range map[string]string{
		"base": `{"postgresql":{},"bootstrap":{"initdb":[{"auth-host":"scram-sha-256"},{"auth-local":"trust"}],"dcs":{"failsafe_mode":false}}}`,
		"spilo-patroni": `{"postgresql":{"pg_hba":["hostssl all all 0.0.0.0/0 scram-sha-256","host all all 127.0.0.1/32 trust"]},` +
			`"bootstrap":{"initdb":[{"auth-host":"scram-sha-256"},{"auth-local":"peer"},"data-checksums",{"encoding":"UTF8"},{"locale":"en_US.UTF-8"}],` +
			`"dcs":{"ttl":30,"loop_wait":10,"retry_timeout":10,"maximum_lag_on_failover":33554432,"synchronous_mode":true,"synchronous_mode_strict":true,` +
			`"synchronous_node_count":1,"slots":{"permanent_logical_1":{"database":"foo","plugin":"pgoutput","type":"logical"},` +
			`"permanent_physical_1":{"type":"physical"}},"failsafe_mode":true}}}`,
		"spilo-parameters": `{"postgresql":{"parameters":{"bg_mon.history_buckets":"120","log_destination":"csvlog","shared_buffers":"32MB"}},` +
			`"bootstrap":{"initdb":[{"auth-host":"scram-sha-256"},{"auth-local":"trust"}],` +
			`"dcs":{"postgresql":{"parameters":{"log_statement":"all","max_connections":"200"}},"failsafe_mode":false}}}`,
	} {
		view, err := render.NewView(inputOf(t, name))
		require.NoError(t, err)
		for _, variable := range view.Postgres.Env {
			if variable.Key == "SPILO_CONFIGURATION" {
				require.Equal(t, want, variable.Content["value"], name)
			}
		}
	}
}

func TestOverlayCannotReorderVariables(t *testing.T) {
	in := inputOf(t, "base")
	in.Manifest.Spec.Env = []corev1.EnvVar{{Name: "B", Value: "1"}, {Name: "A", Value: "$(B)"}}
	r, err := render.New(site("o.cue", (`package templates

postgres: env: {C: value: "3", A: _, B: _, SCOPE: _}
`)))
	require.NoError(t, err)
	objects := renderOnce(t, r, in)
	text := yamlOf(t, objects[len(objects)-1:])
	last := -1
	for _, name := range []string{"- name: SCOPE", "- name: KUBERNETES_USE_CONFIGMAPS", "- name: B", "- name: A", "- name: C"} {
		at := strings.Index(text, name)
		require.Greater(t, at, last, name)
		last = at
	}
}

// TestOverlayForPoolersDoesNotAskForOne: overlays are for all clusters, those
// without a pooler among them.
func TestOverlayForPoolersDoesNotAskForOne(t *testing.T) {
	overlay := readScenario(t, filepath.Join(scenarios, "overlay-pooler.txtar")).file("overlay.cue")
	r, err := render.New(site("o.cue", string(overlay)))
	require.NoError(t, err)
	plain, err := render.New()
	require.NoError(t, err)
	in := inputOf(t, "base")
	require.Equal(t, yamlOf(t, renderOnce(t, plain, in)), yamlOf(t, renderOnce(t, r, in)))
}

// TestUserListIsNamedWithoutRevealingIt: annotations are for everybody to read.
func TestUserListIsNamedWithoutRevealingIt(t *testing.T) {
	in := inputOf(t, "pooler")
	digest := func(password string) string {
		for i := range in.Credentials {
			if in.Credentials[i].Kind == render.KindPooler {
				in.Credentials[i].Password = password
			}
		}
		view, err := render.NewView(in)
		require.NoError(t, err)
		return view.Poolers["master"].Annotations["acid.zalan.do/user-list"]
	}
	require.Len(t, digest("one"), 16)
	require.Equal(t, digest("one"), digest("one"))
	require.NotEqual(t, digest("one"), digest("two"))
}
