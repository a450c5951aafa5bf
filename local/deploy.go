package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"postgres-operator/local/binaries"
	"postgres-operator/local/cluster"
	"postgres-operator/local/image"
	"postgres-operator/local/layout"
	"postgres-operator/local/progress"
)

const (
	operatorImage = "docker.io/library/postgres-operator:v0.1.0"

	// digestAnnotation on the operator's pod template restarts it when the image under the same name
	// has another content.
	digestAnnotation = "local/image-digest"

	firstCluster   = "acid-minimal-cluster"
	readyTimeout   = 3 * time.Minute
	tutorialSecret = "postgres." + firstCluster + ".credentials"
)

// buildOperatorImage makes the image of the operator's binary, with the same content as the Dockerfile's.
func buildOperatorImage(ctx context.Context, l layout.Layout, log *progress.Log, binary string) (image.Archive, error) {
	builder, err := image.New(l.Images(), log.Printf)
	if err != nil {
		return image.Archive{}, err
	}
	return builder.FromBinary(ctx, image.Binary{
		Name: operatorImage, Path: binary, Entrypoint: "/postgres-operator", User: "1000:1000", CertificateAuthorities: true,
	})
}

// writeImage leaves the operator's image as an archive that minikube and kind can load.
func writeImage(binary, output string) func(context.Context, layout.Layout, *progress.Log) error {
	return func(ctx context.Context, l layout.Layout, log *progress.Log) error {
		archive, err := buildOperatorImage(ctx, l, log, binary)
		if err != nil {
			return err
		}
		return copyFile(archive.Path, output)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copying the image: %w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("copying the image: %w", err)
	}
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("copying the image: %w", err)
	}
	return out.Close()
}

// deployment puts the operator, and optionally a first Postgres cluster, into the local Kubernetes.
type deployment struct {
	layout  layout.Layout
	log     *progress.Log
	kubectl string
}

// deploy returns a command that deploys the operator from its binary.
func deploy(binary string, withCluster bool) func(context.Context, *cluster.Cluster) error {
	return func(ctx context.Context, c *cluster.Cluster) error {
		l, log := c.Layout(), c.Log()
		archive, err := buildOperatorImage(ctx, l, log, binary)
		if err != nil {
			return err
		}
		if err := c.LoadArchives(ctx, []image.Archive{archive}); err != nil {
			return err
		}
		dir, err := binaries.Dir(filepath.Join(l.Repo, "local"), l.Cache)
		if err != nil {
			return err
		}
		d := deployment{layout: l, log: log, kubectl: filepath.Join(dir, "kubectl")}
		if err := d.operator(ctx, archive.Digest); err != nil {
			return err
		}
		if !withCluster {
			return nil
		}
		return d.firstCluster(ctx)
	}
}

func (d deployment) operator(ctx context.Context, digest string) error {
	return d.log.Step(ctx, "deploying the operator", func(ctx context.Context) error {
		patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{%q:%q}}}}}`, digestAnnotation, digest)
		for _, args := range [][]string{
			{"apply", "--server-side", "--force-conflicts", "-k", filepath.Join(d.layout.Repo, "manifests")},
			{"patch", "deployment", "postgres-operator", "--patch", patch},
			{"rollout", "status", "deployment/postgres-operator", "--timeout", readyTimeout.String()},
		} {
			if err := d.run(ctx, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// firstCluster applies the minimal manifest and waits for SQL to be answered.
func (d deployment) firstCluster(ctx context.Context) error {
	err := d.log.Step(ctx, "starting the Postgres cluster "+firstCluster, func(ctx context.Context) error {
		if err := d.run(ctx, "apply", "-f", filepath.Join(d.layout.Repo, "manifests", "minimal-postgres-manifest.yaml")); err != nil {
			return err
		}
		return d.run(ctx, "wait", "postgresql/"+firstCluster, "--for=condition=Ready", "--timeout", readyTimeout.String())
	})
	if err != nil {
		return err
	}
	fmt.Printf(`
Kubernetes, the operator and a Postgres cluster run. In this shell:

  eval "$(make -s env)"
  kubectl get postgresql,pods
  PGPASSWORD=$(kubectl get secret %s -o 'jsonpath={.data.password}' | base64 -d) \
    PGSSLMODE=require psql -h $(kubectl get service %s -o 'jsonpath={.spec.clusterIP}') -U postgres

`, tutorialSecret, firstCluster)
	return nil
}

// run calls kubectl and shows what it said only when it failed.
func (d deployment) run(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, d.kubectl, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+d.layout.AdminKubeconfig())
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", args[0], err, out)
	}
	return nil
}
