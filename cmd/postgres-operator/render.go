package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/overlay"
	"postgres-operator/render"
	"postgres-operator/roles"
)

type renderFlags struct {
	manifest    string
	config      string
	overlay     string
	objects     string
	showSecrets bool
}

func parseRenderFlags(args []string, stderr io.Writer) (renderFlags, error) {
	var f renderFlags
	set := flag.NewFlagSet("render", flag.ContinueOnError)
	set.StringVar(&f.manifest, "f", "", "manifest of a cluster, - for standard input (required)")
	set.StringVar(&f.config, "config", "", "operator configuration: a ConfigMap, an OperatorConfiguration, or just keys and values")
	set.StringVar(&f.overlay, "overlay", "", "directory with overlays of the templates")
	set.StringVar(&f.objects, "with", "", "file with ConfigMaps and Secrets that the configuration refers to")
	set.BoolVar(&f.showSecrets, "show-secrets", false, "print the values of Secrets; offline they are placeholders")
	if err := parse(set, args, stderr); err != nil {
		return f, err
	}
	if f.manifest == "" {
		return f, errors.New("render: -f MANIFEST is required")
	}
	return f, nil
}

// renderCommand prints what a manifest becomes, without a cluster. The same files give the same bytes.
func renderCommand(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parseRenderFlags(args, stderr)
	if err != nil {
		return err
	}
	conf, err := readConfig(f.config, stderr)
	if err != nil {
		return err
	}
	pg, err := readManifest(f.manifest)
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
	input := offlineInput(pg, conf, stderr)
	input.Observed = given.observed(conf, pg.Namespace)
	view, err := render.NewView(input)
	if err != nil {
		return err
	}
	for _, warning := range view.Warnings {
		fmt.Fprintf(stderr, "warning: %s: %s\n", warning.Reason, warning.Message)
	}
	objects, err := renderer.Render(view)
	if err != nil {
		return err
	}
	out, err := render.MarshalYAML(objects, render.Options{ShowSecrets: f.showSecrets})
	if err != nil {
		return err
	}
	_, err = stdout.Write(out)
	return err
}

func newRenderer(directory string) (*render.Renderer, error) {
	if directory == "" {
		return render.New()
	}
	set, err := overlay.Directory(directory)
	if err != nil {
		return nil, err
	}
	return render.New(set...)
}

func readManifest(path string) (*apiv1.Postgresql, error) { return readManifestIn(path, "") }

// readManifestIn reads a manifest; one that names no namespace goes into the one given.
func readManifestIn(path, namespace string) (*apiv1.Postgresql, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return decodeManifest(content, path, namespace)
}

func decodeManifest(content []byte, path, namespace string) (*apiv1.Postgresql, error) {
	pg, err := apiv1.DecodeStrict(content)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", path, err)
	}
	if pg.Namespace == "" {
		pg.Namespace = cmp.Or(namespace, "default")
	}
	if problems := apiv1.Validate(pg); len(problems) > 0 {
		return nil, fmt.Errorf("manifest %s: %w", path, problems.ToAggregate())
	}
	return pg, nil
}

func readFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path)
}

// readConfig reads an operator configuration in any of its forms; no path means the defaults.
func readConfig(path string, stderr io.Writer) (config.Config, error) {
	return readConfigIn(path, offlineNamespace, stderr)
}

// readConfigIn is readConfig for an operator in a namespace.
func readConfigIn(path, namespace string, stderr io.Writer) (config.Config, error) {
	if path == "" {
		return config.Default(), nil
	}
	content, err := readFile(path)
	if err != nil {
		return config.Config{}, err
	}
	c, err := parseConfig(content, namespace)
	if err != nil {
		return c, fmt.Errorf("configuration %s: %w", path, err)
	}
	for _, warning := range c.Warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	return c, nil
}

// offlineInput stands in for what a controller would observe: every credential is a placeholder.
func offlineInput(pg *apiv1.Postgresql, c config.Config, stderr io.Writer) render.Input {
	set := roles.Desired(pg, c, roles.Extra{})
	for _, problem := range set.Problems {
		fmt.Fprintln(stderr, "warning:", problem)
	}
	in := render.Input{Manifest: pg, Config: c, Now: time.Unix(0, 0).UTC()}
	for _, role := range set.Roles {
		if role.NeedsSecret() {
			in.Credentials = append(in.Credentials, render.Credential{
				Role: role.Name, Kind: string(role.Kind), Namespace: role.SecretNamespace, Username: role.Name, Password: "password-of-" + role.Name,
			})
		}
	}
	return in
}
