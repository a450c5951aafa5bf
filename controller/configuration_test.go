package controller

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
)

func TestConfigSourceNamesItsObject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		source ConfigSource
		kind   string
		want   types.NamespacedName
	}{
		{"none", ConfigSource{OperatorNamespace: "ops"}, "", types.NamespacedName{}},
		{"own namespace", ConfigSource{OperatorNamespace: "ops", ConfigMap: "pgo"}, "*v1.ConfigMap", types.NamespacedName{Namespace: "ops", Name: "pgo"}},
		{"other namespace", ConfigSource{OperatorNamespace: "ops", ConfigMap: "there/pgo"}, "*v1.ConfigMap", types.NamespacedName{Namespace: "there", Name: "pgo"}},
		{"object goes first", ConfigSource{OperatorNamespace: "ops", ConfigMap: "pgo", ConfigurationObject: "conf"}, "*unstructured.Unstructured", types.NamespacedName{Namespace: "ops", Name: "conf"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			object, key := tt.source.object()
			require.Equal(t, tt.want, key)
			if tt.kind == "" {
				require.Nil(t, object)
				return
			}
			require.Equal(t, tt.kind, fmt.Sprintf("%T", object))
		})
	}
}

func TestWithoutASourceDefaultsHold(t *testing.T) {
	t.Parallel()
	c, err := ConfigSource{OperatorNamespace: "ops"}.Load(t.Context(), nil)
	require.NoError(t, err)
	want, err := config.FromConfigMap(nil, "ops")
	require.NoError(t, err)
	require.Equal(t, want.Digest(), c.Digest())
}

func TestOverrideGoesLast(t *testing.T) {
	t.Parallel()
	source := ConfigSource{Override: func(c config.Config) (config.Config, error) { c.EnableDBAccess = false; return c, nil }}
	c, err := source.Load(t.Context(), nil)
	require.NoError(t, err)
	require.False(t, c.EnableDBAccess)
	source.Override = func(c config.Config) (config.Config, error) { return c, errors.New("bad environment") }
	_, err = source.Load(t.Context(), nil)
	require.EqualError(t, err, "bad environment")
}

func TestStartWithABadConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "resync_period", "soon", "workers", "0")
	err := Run(t.Context(), w.options)
	require.ErrorContains(t, err, "operator configuration: ")
	require.ErrorContains(t, err, `resync_period: "soon" is not allowed: must be`)
	require.ErrorContains(t, err, `workers: "0" is not allowed: must be`)

	missing := w.options
	missing.Source.ConfigMap = "absent"
	require.ErrorContains(t, Run(t.Context(), missing), `read operator configuration `+w.namespace+`/absent: configmaps "absent" not found`)

	missing.Source = ConfigSource{OperatorNamespace: w.namespace, ConfigurationObject: "absent"}
	require.ErrorContains(t, Run(t.Context(), missing), `read operator configuration `+w.namespace+`/absent: `)
}

func (w *world) image(cluster string) string {
	w.Helper()
	containers, _, err := unstructured.NestedSlice(w.get(statefulSetKind, cluster).Object, "spec", "template", "spec", "containers")
	require.NoError(w, err)
	image, _, _ := unstructured.NestedString(containers[0].(map[string]any), "image")
	return image
}

func TestChangedConfigurationReachesClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "docker_image", "example.com/spilo:1")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	require.Equal(t, "example.com/spilo:1", w.image(clusterName))

	w.configure("docker_image", "example.com/spilo:2", "max_instances", "many")
	w.eventually(func(c *assert.CollectT) {
		notes := w.notes("ConfigMap", "operator")
		if assert.Len(c, notes, 1) {
			assert.Contains(c, notes[0], `Warning InvalidConfiguration: refused, the last good configuration stays in force: max_instances: "many" is not allowed: must be`)
		}
	}, "an event on the object says what is wrong")
	w.change(clusterName, setReplicas(1))
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.Equal(t, "example.com/spilo:1", w.image(clusterName), "the old configuration is in force, also for new passes")

	w.configure("max_instances", "5")
	w.eventually(func(c *assert.CollectT) { assert.Equal(c, "example.com/spilo:2", w.image(clusterName)) }, "the change reaches clusters")
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, w.notes("ConfigMap", "operator"),
			`Normal ConfigurationChanged: now in force: max_instances: -1 -> 5; docker_image: "example.com/spilo:1" -> "example.com/spilo:2"`)
	}, "an event names what changed")

	w.configure("max_instances", "none")
	w.configure("max_instances", "5")
	w.configure("max_instances", "none")
	w.eventually(func(c *assert.CollectT) {
		assert.GreaterOrEqual(c, len(w.notes("ConfigMap", "operator")), 3)
	}, "the same mistake again is news")
}

var configurationKind = schema.GroupVersionKind{Group: "acid.zalan.do", Version: "v1", Kind: "OperatorConfiguration"}

func TestConfigurationObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newObject(configurationKind)
	o.SetNamespace(w.namespace)
	o.SetName("conf")
	o.Object["configuration"] = map[string]any{
		"enable_crd_registration": false,
		"docker_image":            "example.com/spilo:1",
		"kubernetes":              map[string]any{"secret_name_template": "{username}-of-{cluster}"},
	}
	w.create(o)
	w.start(func(o *Options) { o.Source.ConfigurationObject = "conf" })
	w.createdCluster(clusterName)
	require.NotNil(t, w.get(secretKind, "zalando-of-acid-test"))

	w.edit(configurationKind, "conf", func(o *unstructured.Unstructured) {
		setField(o, "example.com/spilo:2", "configuration", "docker_image")
	})
	w.eventually(func(c *assert.CollectT) { assert.Equal(c, "example.com/spilo:2", w.image(clusterName)) }, "the change reaches clusters")

	w.edit(configurationKind, "conf", func(o *unstructured.Unstructured) {
		setField(o, "example.com/spilo:3", "configuration", "docker_image")
		setField(o, "-5m", "configuration", "resync_period")
	})
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, fmt.Sprint(w.notes("OperatorConfiguration", "conf")), `Warning InvalidConfiguration: refused, the last good configuration stays in force: resync_period: "-5m"`)
	}, "an event on the object")
	w.delete(configurationKind, "conf")
	w.change(clusterName, setReplicas(1))
	w.eventually(func(c *assert.CollectT) {
		replicas, _, _ := unstructured.NestedInt64(w.get(statefulSetKind, clusterName).Object, "spec", "replicas")
		assert.EqualValues(c, 1, replicas)
	}, "without its configuration the operator goes on")
	require.Equal(t, "example.com/spilo:2", w.image(clusterName))
}

// TestWatchedNamespaces changes what only new caches can take over; its operator has an id, so that it
// leaves the clusters of other tests alone.
func TestWatchedNamespaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second, third := server.Env(t).Namespace, server.Env(t).Namespace
	both := w.namespace + "," + second
	probes := freeAddress(t)
	op := w.start(func(o *Options) {
		o.ControllerID, o.LeaderElection, o.ProbeAddress = "wide", true, probes
	})
	for _, namespace := range []string{w.namespace, second, third} {
		o := w.minimal(clusterName)
		o.SetNamespace(namespace)
		setAnnotation(o, names.ControllerAnnotation, "wide")
		w.create(o)
	}
	served := func(namespace string) bool {
		err := w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: clusterName}, newObject(statefulSetKind))
		require.NoError(t, client.IgnoreNotFound(err))
		return err == nil
	}
	for _, step := range []struct {
		watched string
		serves  []string
		not     []string
	}{
		{"", []string{w.namespace}, []string{second, third}},
		{both, []string{w.namespace, second}, []string{third}},
		{"*", []string{w.namespace, second, third}, nil},
	} {
		w.configure("watched_namespace", step.watched)
		w.eventually(func(c *assert.CollectT) {
			for _, namespace := range step.serves {
				assert.True(c, served(namespace), "%q serves %s", step.watched, namespace)
			}
			assert.Equal(c, http.StatusOK, get(probes, "readyz"))
		}, "clusters with watched_namespace %q", step.watched)
		require.Equal(t, http.StatusOK, get(probes, "healthz"))
		for _, namespace := range step.not {
			require.False(t, served(namespace), "%q does not serve %s", step.watched, namespace)
		}
		select {
		case err := <-op.done:
			require.FailNow(t, "the operator has ended", "%v", err)
		default:
		}
	}
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, []string{
			fmt.Sprintf("Normal ConfigurationChanged: now in force: watched_namespace: %q -> %q", "", both),
			fmt.Sprintf("Normal ConfigurationChanged: now in force: watched_namespace: %q -> %q", both, "*"),
		}, w.notes("ConfigMap", "operator"))
	}, "events name what changed")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// get is the HTTP status of a probe, 0 without an answer.
func get(address, path string) int {
	answer, err := http.Get("http://" + address + "/" + path)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestKindsAreRegistered is not parallel: it removes the definitions of the kinds.
func TestKindsAreRegistered(t *testing.T) {
	w := newWorld(t, "enable_crd_registration", "true", "crd_categories", "all,databases")
	strict := w.definition()
	defer func() { w.redefine(strict) }()
	for _, name := range []string{"postgresqls.acid.zalan.do", "operatorconfigurations.acid.zalan.do", "postgresteams.acid.zalan.do"} {
		w.removeDefinition(name)
	}
	op := w.start()
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, []string{"all", "databases"}, w.categories())
	}, "the kinds are registered")
	w.createOnceServed(w.minimal(clusterName))
	w.appears(statefulSetKind, clusterName)

	w.configure("crd_categories", "databases")
	w.eventually(func(c *assert.CollectT) { assert.Equal(c, []string{"databases"}, w.categories()) }, "a change of categories")
	w.configure("enable_crd_registration", "false", "crd_categories", "all")
	w.change(clusterName, setReplicas(1))
	w.eventually(func(c *assert.CollectT) {
		replicas, _, _ := unstructured.NestedInt64(w.get(statefulSetKind, clusterName).Object, "spec", "replicas")
		assert.EqualValues(c, 1, replicas)
	}, "without registration it serves")
	require.Equal(t, []string{"databases"}, w.categories(), "the definition is somebody else's")
	op.stop()

	old := w.definition()
	delete(old.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"].Properties, "statefulSetGeneration")
	w.redefine(old)
	require.ErrorContains(t, Run(t.Context(), w.options), "definition postgresqls.acid.zalan.do is too old")
	w.removeDefinition("postgresqls.acid.zalan.do")
	require.ErrorContains(t, Run(t.Context(), w.options), `"postgresqls.acid.zalan.do" not found`)
	strict.ResourceVersion, strict.UID = "", ""
	w.create(strict.DeepCopy())
}
