package render_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/render"
	"postgres-operator/roles"
)

// sample is all clusters, or a few for what is not expected to change any.
func sample(clusters []*cluster, where string) []*cluster {
	if where == "" {
		return clusters
	}
	var few []*cluster
	for i := 0; i < len(clusters); i += 8 {
		few = append(few, clusters[i])
	}
	return few
}

// cluster is what a change is tried on.
type cluster struct {
	render.Input
	data  map[string]string   // the configuration as in a ConfigMap
	extra []render.Credential // beside those that manifest and configuration ask for
	outcome
}

// clusters are random ones, which have a bit of everything, and the golden
// scenarios without an overlay, of which each has what takes more than chance.
func clusters(t *testing.T) []*cluster {
	t.Helper()
	list := completeClusters(t)
	for seed := range *trials {
		in, data := randomInput(uint64(seed))
		in.Manifest = newRandom(uint64(seed)).manifest(0.5) // many fields work only beside others
		list = append(list, &cluster{Input: in, data: data})
	}
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	paths, err := filepath.Glob(filepath.Join(scenarios, "*.txtar"))
	require.NoError(t, err)
	for _, path := range paths {
		s := readScenario(t, path)
		if s.file("object.yaml") != nil || s.file("overlay.cue") != nil {
			continue
		}
		data := map[string]string{}
		require.NoError(t, yaml.Unmarshal(base.file("config.yaml"), &data))
		require.NoError(t, yaml.Unmarshal(s.file("config.yaml"), &data))
		in := s.input(t, base)
		list = append(list, &cluster{Input: in, data: data, extra: in.Credentials})
	}
	for _, c := range list {
		c.outcome = c.with(c.Manifest, c.Config)
	}
	return list
}

// completeClusters have every kind of object.
func completeClusters(t *testing.T) []*cluster {
	t.Helper()
	var list []*cluster
	for seed := range uint64(4) {
		in, _ := randomInput(seed)
		in.Manifest = newRandom(seed).manifest(1 - 0.2*float64(seed))
		in.Manifest.Spec.NumberOfInstances, in.Manifest.Spec.EnableLogicalBackup = 3, true
		in.Manifest.Spec.EnableConnectionPooler, in.Manifest.Spec.EnableReplicaConnectionPooler = new(true), new(true)
		var err error
		data := map[string]string{"kubernetes_use_configmaps": fmt.Sprint(seed%2 == 0)}
		in.Config, err = config.FromConfigMap(data, "default")
		require.NoError(t, err)
		list = append(list, &cluster{Input: in, data: data})
	}
	return list
}

// with gives the outcome for another manifest or configuration.
func (c *cluster) with(m *apiv1.Postgresql, configuration config.Config) outcome {
	in := c.Input
	in.Manifest, in.Config = m, configuration
	desired := roles.Desired(m, configuration, roles.Extra{Streams: true})
	in.Credentials = append(slices.Clone(c.extra), credentialsOf(desired)...)
	return outcomeOf(in, desired)
}

// outcome is what comes of an input, before it is rendered.
type outcome struct {
	view    render.View
	refused string
	roles   roles.Set
	patroni map[string]any
	objects map[string]string // when it was rendered
}

func outcomeOf(in render.Input, desired roles.Set) outcome {
	view, err := render.NewView(in)
	view.Manifest = render.Manifest{} // what nobody decided about counts for nothing
	o := outcome{view: view, refused: fmt.Sprint(err), patroni: render.DynamicConfiguration(in)}
	for _, w := range view.Warnings {
		o.refused += w.Message
	}
	o.view.Warnings = nil
	o.roles = desired
	return o
}

// compare lists what differs between two outcomes.
func (o *outcome) compare(t *testing.T, r *render.Renderer, other outcome) []string {
	t.Helper()
	var differ []string
	add := func(thing string, differs bool) {
		if differs {
			differ = append(differ, thing)
		}
	}
	add("roles", !reflect.DeepEqual(o.roles, other.roles))
	add("Patroni", !reflect.DeepEqual(o.patroni, other.patroni))
	add("refusals", o.refused != other.refused && (strings.HasPrefix(o.refused, "<nil>") != strings.HasPrefix(other.refused, "<nil>")))
	if reflect.DeepEqual(o.view, other.view) || !strings.HasPrefix(o.refused, "<nil>") || !strings.HasPrefix(other.refused, "<nil>") {
		return differ
	}
	if o.objects == nil {
		o.objects = rendered(t, r, o.view)
	}
	objects := rendered(t, r, other.view)
	for _, thing := range slices.Sorted(maps.Keys(merged(o.objects, objects))) {
		add(thing, o.objects[thing] != objects[thing])
	}
	return differ
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// rendered gives the text of all objects by what they are called in the
// reference. Pods and volumes are told from the StatefulSet that has them.
func rendered(t *testing.T, r *render.Renderer, view render.View) map[string]string {
	t.Helper()
	objects, err := r.Render(view)
	require.NoError(t, err)
	texts := map[string]string{}
	for _, object := range objects {
		if object.ID == "statefulset" {
			for thing, field := range map[string]string{"pods": "template", "volumes": "volumeClaimTemplates"} {
				part, _, err := unstructured.NestedFieldNoCopy(object.Object, "spec", field)
				require.NoError(t, err)
				texts[thing] = textOf(t, part)
				unstructured.RemoveNestedField(object.Object, "spec", field)
			}
		}
		texts[called(object.ID)] += textOf(t, object)
	}
	return texts
}

func textOf(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// called is what the reference calls an object.
func called(id string) string {
	group, rest, _ := strings.Cut(id, "/")
	switch group {
	case "statefulset":
		return "StatefulSet"
	case "service":
		return "Services"
	case "endpoints":
		return "Endpoints"
	case "secret":
		return "Secrets"
	case "pdb":
		return "budgets"
	case "serviceaccount":
		return "ServiceAccount"
	case "rolebinding":
		return "RoleBinding"
	case "cronjob":
		return "backup job"
	case "fabriceventstream":
		return "event streams"
	case "pooler":
		_, kind, _ := strings.Cut(rest, "/")
		return "pooler " + map[string]string{"deployment": "Deployment", "service": "Services", "secret": "Secrets"}[kind]
	}
	return id
}
