package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/controller"
)

// changesFound is the exit code of a plan that is not empty, as diff and terraform have it.
const changesFound exitCode = 2

type planFlags struct {
	manifest   string
	config     string
	overlay    string
	from       string
	kubeconfig string
	namespace  string
	output     string
	color      string
	sql        bool
	patroni    bool

	operatorNamespace string
	controllerID      string
}

func parsePlanFlags(args []string, stderr io.Writer) (planFlags, error) {
	var f planFlags
	set := flag.NewFlagSet("plan", flag.ContinueOnError)
	set.StringVar(&f.manifest, "f", "", "manifest of the one cluster to plan for, - for standard input; without it, every cluster")
	set.StringVar(&f.config, "config", "", "operator configuration to plan with, in place of the one in force")
	set.StringVar(&f.overlay, "overlay", "", "directory with overlays to plan with, in place of the operator's directory or artifact, and of ConfigMaps of the same names")
	set.StringVar(&f.from, "from", "", "file or directory with saved objects (kubectl get -o yaml --show-managed-fields), in place of a cluster")
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file; KUBECONFIG and the pod's account count without it")
	set.StringVar(&f.namespace, "n", "", "namespace of the clusters; without it, every namespace that the operator watches")
	set.StringVar(&f.output, "o", "text", "output: text, json, or markdown")
	set.StringVar(&f.color, "color", "auto", "colours: auto, always, or never")
	set.BoolVar(&f.sql, "sql", false, "compare roles and databases, too: connects to each primary, read-only")
	set.BoolVar(&f.patroni, "patroni", false, "ask members by Patroni's REST API; else what Patroni has recorded in Kubernetes counts")
	set.StringVar(&f.operatorNamespace, "operator-namespace", "", "namespace of the operator, to find its configuration")
	set.StringVar(&f.controllerID, "controller-id", "", "plan as the operator with this id")
	if err := parse(set, args, stderr); err != nil {
		return f, err
	}
	if !slices.Contains([]string{"text", "json", "markdown"}, f.output) {
		return f, fmt.Errorf("plan: -o is %q: want text, json, or markdown", f.output)
	}
	if !slices.Contains([]string{"auto", "always", "never"}, f.color) {
		return f, fmt.Errorf("plan: -color is %q: want auto, always, or never", f.color)
	}
	if f.from != "" && (f.sql || f.patroni) {
		return f, errors.New("plan: saved objects answer neither -sql nor -patroni")
	}
	return f, nil
}

// planCommand prints what the operator would do, and why. It writes nothing, anywhere but to stdout.
func planCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parsePlanFlags(args, stderr)
	if err != nil {
		return err
	}
	scene, err := f.look(ctx, stderr)
	if err != nil {
		return err
	}
	previewer, _, err := scene.previewer(ctx, f)
	if err != nil {
		return err
	}
	clusters, err := f.clusters(ctx, scene, previewer)
	if err != nil {
		return err
	}
	report := reportOf(previewAll(ctx, previewer, clusters))
	if err := report.print(stdout, f.output, f.colored(stdout)); err != nil {
		return err
	}
	switch {
	case report.Summary.Failed > 0:
		return fmt.Errorf("plan: %d of %d clusters cannot be planned for", report.Summary.Failed, report.Summary.Clusters)
	case report.Summary.Changed > 0:
		return changesFound
	}
	return nil
}

// clusters are those to plan for: the one of -f, or all that the operator serves.
func (f planFlags) clusters(ctx context.Context, s scene, previewer *controller.Previewer) ([]*apiv1.Postgresql, error) {
	if f.manifest != "" {
		given, err := readManifestIn(f.manifest, f.namespace)
		if err != nil {
			return nil, err
		}
		stored, err := previewer.Manifest(ctx, given)
		if err != nil {
			return nil, err
		}
		if !previewer.Serves(stored) {
			return nil, fmt.Errorf("plan: cluster %s is not this operator's, or is being deleted", client.ObjectKeyFromObject(stored))
		}
		return []*apiv1.Postgresql{stored}, nil
	}
	all, err := s.objects.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	var served []*apiv1.Postgresql
	for i := range all {
		if previewer.Serves(&all[i]) && (f.namespace == "" || all[i].Namespace == f.namespace) {
			served = append(served, &all[i])
		}
	}
	return served, nil
}

// previewAll previews several clusters at once; the answers are in the order of the clusters.
func previewAll(ctx context.Context, p *controller.Previewer, clusters []*apiv1.Postgresql) []controller.Preview {
	previews := make([]controller.Preview, len(clusters))
	var group errgroup.Group
	group.SetLimit(4 * runtime.GOMAXPROCS(0)) // some of them wait for the API server
	for i, pg := range clusters {
		group.Go(func() error {
			previews[i] = p.Preview(ctx, pg)
			return nil
		})
	}
	_ = group.Wait() // a preview carries its error
	return previews
}

// colored tells whether to write for eyes: asked for, or on a terminal that NO_COLOR does not forbid it on.
func (f planFlags) colored(w io.Writer) bool {
	if f.color != "auto" {
		return f.color == "always"
	}
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
