package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/config"
	"postgres-operator/render"
	"postgres-operator/schema"
)

type explainFlags struct {
	planFlags
	objects               string
	cluster, object, path string
}

func parseExplainFlags(args []string, stderr io.Writer) (explainFlags, error) {
	var f explainFlags
	set := flag.NewFlagSet("explain", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprint(stderr, "Usage: postgres-operator explain -f MANIFEST [flags] OBJECT PATH\n"+
			"       postgres-operator explain [-n NAMESPACE] [flags] CLUSTER OBJECT PATH\n")
		set.PrintDefaults()
	}
	set.StringVar(&f.manifest, "f", "", "manifest of a cluster, - for standard input: no Kubernetes is asked")
	set.StringVar(&f.config, "config", "", "operator configuration, in place of the one in force")
	set.StringVar(&f.overlay, "overlay", "", "directory with overlays")
	set.StringVar(&f.objects, "with", "", "with -f: file with ConfigMaps and Secrets that the configuration refers to")
	set.StringVar(&f.from, "from", "", "file or directory with saved objects (kubectl get -o yaml --show-managed-fields), in place of a cluster")
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file; KUBECONFIG and the pod's account count without it")
	set.StringVar(&f.namespace, "n", "default", "namespace of the cluster, unless the manifest says")
	set.StringVar(&f.operatorNamespace, "operator-namespace", "", "namespace of the operator, to find its configuration")
	set.StringVar(&f.controllerID, "controller-id", "", "explain as the operator with this id")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	words := set.Args()
	if f.manifest == "" && len(words) > 0 {
		f.cluster, words = words[0], words[1:]
	}
	if len(words) != 2 {
		set.Usage()
		return f, errors.New("explain: want an object and a path in it, such as: statefulset spec.replicas")
	}
	f.object, f.path = words[0], words[1]
	return f, nil
}

// explainCommand prints where a value comes from. It writes nothing, anywhere but to stdout.
func explainCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parseExplainFlags(args, stderr)
	if err != nil {
		return err
	}
	if f.manifest != "" {
		return f.offline(stdout, stderr)
	}
	return f.live(ctx, stdout, stderr)
}

func (f explainFlags) offline(stdout, stderr io.Writer) error {
	conf, err := readConfig(f.config, stderr)
	if err != nil {
		return err
	}
	pg, err := readManifestIn(f.manifest, f.namespace)
	if err != nil {
		return err
	}
	renderer, err := newRenderer(f.overlay)
	if err != nil {
		return err
	}
	given, err := readObjects(f.objects)
	if err != nil {
		return err
	}
	inputOf := func(warnings io.Writer) func(*apiv1.Postgresql, config.Config) render.Input {
		return func(pg *apiv1.Postgresql, c config.Config) render.Input {
			input := offlineInput(pg, c, warnings)
			input.Observed = given.observed(c, pg.Namespace)
			return input
		}
	}
	found, err := renderer.Explain(render.Question{
		Input: inputOf(stderr)(pg, conf), Object: f.object, Path: f.path, With: inputOf(io.Discard),
	})
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	return printExplanation(stdout, found, nil)
}

// live explains a value of a cluster that runs, and says who set what is there now.
func (f explainFlags) live(ctx context.Context, stdout, stderr io.Writer) error {
	scene, err := f.look(ctx, stderr)
	if err != nil {
		return err
	}
	previewer, renderer, err := scene.previewer(ctx, f.planFlags)
	if err != nil {
		return err
	}
	pg := &apiv1.Postgresql{}
	if err := scene.objects.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: f.cluster}, pg); err != nil {
		return fmt.Errorf("explain: read the manifest of %s/%s: %w", f.namespace, f.cluster, err)
	}
	input, err := previewer.Input(ctx, pg)
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	found, err := renderer.Explain(render.Question{Input: input, Object: f.object, Path: f.path})
	if err != nil && !errors.Is(err, schema.ErrNoSuchPlace) {
		return fmt.Errorf("explain: %w", err)
	}
	notRendered := err
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(found.Rendered.GroupVersionKind())
	var reader client.Reader = scene.objects
	if scene.live != nil {
		reader = scene.live
	}
	if err := reader.Get(ctx, client.ObjectKeyFromObject(found.Rendered), object); err != nil {
		return fmt.Errorf("explain: read %s as it is: %w", f.object, err)
	}
	now, err := lookAt(object, found.Object, f.path)
	switch {
	case err != nil && notRendered != nil:
		return fmt.Errorf("explain: %w", notRendered)
	case errors.Is(err, schema.ErrNoSuchPlace):
		return printExplanation(stdout, found, &liveValue{absent: true})
	case err != nil:
		return fmt.Errorf("explain: %w", err)
	case notRendered != nil:
		found.Path = now.path
	}
	return printExplanation(stdout, found, &now)
}

// liveValue is a value as an API server has it.
type liveValue struct {
	absent bool
	path   string
	value  any // as it may be shown
	owners []apply.Owner
}

func lookAt(object *unstructured.Unstructured, id, path string) (liveValue, error) {
	place, err := schema.Locate(object, path)
	if err != nil {
		return liveValue{}, fmt.Errorf("%s: %w", id, err)
	}
	shown, err := schema.Locate(render.Masked(object), path)
	if err != nil {
		return liveValue{}, fmt.Errorf("%s: %w", id, err)
	}
	owners, err := apply.Owners(object, place.Owned)
	return liveValue{path: place.Path.String(), value: shown.Value, owners: owners}, err
}
