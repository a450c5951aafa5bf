package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/config"
	"postgres-operator/controller"
	"postgres-operator/overlay"
	"postgres-operator/render"
)

// scene is what there is to plan for: objects, and the operator that looks after them.
type scene struct {
	config            config.Config
	controllerID      string
	operatorNamespace string
	objects           *controller.Snapshot
	overlays          overlay.Set   // to render with
	live              client.Reader // nil for saved objects
}

// previewer decides as the operator of the scene would, with the renderer that it has.
func (s scene) previewer(ctx context.Context, f planFlags) (*controller.Previewer, *render.Renderer, error) {
	renderer, err := render.New(s.overlays...)
	if err != nil {
		return nil, nil, err
	}
	previewer, err := controller.NewPreviewer(ctx, controller.PreviewOptions{
		Config: s.config, ControllerID: s.controllerID, OperatorNamespace: s.operatorNamespace, Version: version,
		Renderer: renderer, Overlays: s.overlays.Digest(),
		Objects: s.objects, Live: s.live, Now: time.Now, AskPatroni: f.patroni, AskDatabases: f.sql,
	})
	return previewer, renderer, err
}

// look reads the objects of a cluster, or saved ones.
func (f planFlags) look(ctx context.Context, stderr io.Writer) (scene, error) {
	if f.from != "" {
		return f.lookAtSaved(ctx, stderr)
	}
	server, err := kubeconfig(f.kubeconfig)
	if err != nil {
		return scene{}, err
	}
	s := scene{}
	if s.live, err = controller.NewReader(server); err != nil {
		return s, err
	}
	found, err := f.findOperator(ctx, s.live)
	if err != nil {
		return s, err
	}
	if err := f.configure(ctx, &s, found, s.live, stderr); err != nil {
		return s, err
	}
	inForce, kinds, err := controller.OverlaysInForce(ctx, s.live, found.source.OperatorNamespace, s.controllerID)
	if err != nil {
		return s, err
	}
	if s.overlays, err = f.overlays(inForce); err != nil {
		return s, err
	}
	namespaces := s.config.WatchedNamespaces(found.source.OperatorNamespace)
	if f.namespace != "" {
		namespaces = []string{f.namespace}
	}
	s.objects, err = controller.ReadSnapshot(ctx, s.live, s.config, namespaces, kinds...)
	return s, err
}

// lookAtSaved takes files for the cluster.
func (f planFlags) lookAtSaved(ctx context.Context, stderr io.Writer) (scene, error) {
	objects, err := readSaved(f.from)
	if err != nil {
		return scene{}, err
	}
	anyLabel, err := controller.NewSnapshot(config.Default().ClusterNameLabel, objects)
	if err != nil {
		return scene{}, err
	}
	found, err := f.findOperator(ctx, anyLabel)
	if err != nil {
		return scene{}, err
	}
	var s scene
	if err := f.configure(ctx, &s, found, anyLabel, stderr); err != nil {
		return s, err
	}
	inForce, _, err := controller.OverlaysInForce(ctx, anyLabel, found.source.OperatorNamespace, s.controllerID)
	if err != nil {
		return s, err
	}
	if s.overlays, err = f.overlays(inForce); err != nil {
		return s, err
	}
	s.objects, err = controller.NewSnapshot(s.config.ClusterNameLabel, objects)
	return s, err
}

// overlays are those in force or, with -overlay, those of its directory in their place. Of the ones in force
// those of ConfigMaps stay, but for the ones that a folder of the same name stands for.
func (f planFlags) overlays(inForce overlay.Set) (overlay.Set, error) {
	if f.overlay == "" {
		return inForce, nil
	}
	set, err := overlay.Directory(f.overlay)
	if err != nil {
		return nil, err
	}
	for _, o := range inForce {
		replaced := slices.ContainsFunc(set, func(own overlay.Overlay) bool { return path.Base(own.Name) == o.Name })
		if strings.HasPrefix(o.Source, "ConfigMap ") && !replaced {
			set = append(set, o)
		}
	}
	return set, set.Check()
}

// configure takes the configuration of -config, or the one that the operator reads.
func (f planFlags) configure(ctx context.Context, s *scene, found foundOperator, reader client.Reader, stderr io.Writer) (err error) {
	s.controllerID, s.operatorNamespace = found.controllerID, found.source.OperatorNamespace
	if f.controllerID != "" {
		s.controllerID = f.controllerID
	}
	switch {
	case f.config != "":
		if s.config, err = readConfigIn(f.config, found.source.OperatorNamespace, stderr); err == nil {
			s.config, err = found.source.Override(s.config)
		}
	case found.known || f.from == "":
		s.config, err = found.source.Load(ctx, reader)
	default:
		fmt.Fprintln(stderr, "warning: the saved objects hold no operator, so the configuration is that of defaults; -config names one")
		s.config = config.Default()
	}
	if err != nil {
		return fmt.Errorf("operator configuration: %w", err)
	}
	return nil
}

// foundOperator is where an operator has its configuration.
type foundOperator struct {
	source       controller.ConfigSource
	controllerID string
	known        bool
}

// findOperator takes the environment for the operator's, where it names a configuration; else it looks for
// the operator's Deployment.
func (f planFlags) findOperator(ctx context.Context, reader client.Reader) (foundOperator, error) {
	if os.Getenv("CONFIG_MAP_NAME") != "" || os.Getenv("POSTGRES_OPERATOR_CONFIGURATION_OBJECT") != "" {
		return operatorOf(f.namespaceOr(os.Getenv("OPERATOR_NAMESPACE")), os.LookupEnv, true), nil
	}
	var list appsv1.DeploymentList
	err := reader.List(ctx, &list, client.InNamespace(f.operatorNamespace), client.MatchingLabels{"name": "postgres-operator"})
	if err != nil {
		return foundOperator{}, fmt.Errorf("look for the operator: %w", err)
	}
	var deployments []appsv1.Deployment
	for _, d := range list.Items {
		if f.controllerID == "" || environmentOf(d)["CONTROLLER_ID"] == f.controllerID {
			deployments = append(deployments, d)
		}
	}
	switch {
	case len(deployments) > 1:
		return foundOperator{}, errors.New("there are several operators: choose by -operator-namespace or -controller-id")
	case len(deployments) == 1:
		environment := environmentOf(deployments[0])
		lookup := func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
		return operatorOf(deployments[0].Namespace, lookup, true), nil
	case f.from == "" && f.config == "":
		return foundOperator{}, errors.New("no Deployment with the label name=postgres-operator tells the configuration: name one with -config")
	}
	none := func(string) (string, bool) { return "", false }
	return operatorOf(f.namespaceOr(""), none, false), nil
}

func (f planFlags) namespaceOr(otherwise string) string {
	for _, namespace := range []string{f.operatorNamespace, otherwise} {
		if namespace != "" {
			return namespace
		}
	}
	return offlineNamespace
}

// operatorOf is the operator with these environment variables.
func operatorOf(namespace string, lookup func(string) (string, bool), known bool) foundOperator {
	get := func(name string) string { value, _ := lookup(name); return value }
	return foundOperator{
		source: controller.ConfigSource{
			OperatorNamespace: namespace, ConfigMap: get("CONFIG_MAP_NAME"), ConfigurationObject: get("POSTGRES_OPERATOR_CONFIGURATION_OBJECT"),
			Override: func(c config.Config) (config.Config, error) { return c.WithEnvironment(lookup) },
		},
		controllerID: get("CONTROLLER_ID"),
		known:        known,
	}
}

// environmentOf are the variables of an operator's container that are written out.
func environmentOf(d appsv1.Deployment) map[string]string {
	environment := map[string]string{}
	for _, container := range d.Spec.Template.Spec.Containers {
		for _, variable := range container.Env {
			environment[variable.Name] = variable.Value
		}
	}
	return environment
}

// kubeconfig finds the way to a cluster as kubectl does.
func kubeconfig(path string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	c, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	return c, nil
}
