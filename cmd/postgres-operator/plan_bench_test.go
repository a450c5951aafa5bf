package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/overlay"
	"postgres-operator/render"
	"postgres-operator/testenv"
)

var server = testenv.Server{CRDs: []string{"../../manifests"}}

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(server.Run(m))
}

// fleet makes n clusters as the operator leaves them, in an API server without nodes, with pods that
// nobody runs, and returns a kubeconfig.
func fleet(b testing.TB, n int) (kubeconfig string) {
	b.Helper()
	env := server.Env(b)
	c, err := client.New(rest.CopyConfig(env.Config), client.Options{})
	require.NoError(b, err)
	renderer, err := render.New()
	require.NoError(b, err)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			pg, err := apiv1.DecodeStrict(fmt.Appendf(nil, fleetManifest, i))
			if err != nil {
				return err
			}
			pg.Namespace = env.Namespace
			return makeCluster(b.Context(), c, renderer, pg)
		})
	}
	require.NoError(b, group.Wait())
	return kubeconfigOf(b, env.Config)
}

const fleetManifest = `
apiVersion: acid.zalan.do/v1
kind: postgresql
metadata: {name: acid-fleet-%04d}
spec: {teamId: acid, numberOfInstances: 2, volume: {size: 1Gi}, postgresql: {version: "18"}, users: {app: []}, databases: {app: app}}
`

func makeCluster(ctx context.Context, c client.Client, renderer *render.Renderer, pg *apiv1.Postgresql) error {
	manifest := &unstructured.Unstructured{}
	text, err := yaml.Marshal(pg)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, &manifest.Object); err != nil {
		return err
	}
	unstructured.RemoveNestedField(manifest.Object, "status")
	if err := c.Create(ctx, manifest); err != nil {
		return err
	}
	pg.UID = manifest.GetUID()
	view, err := render.NewView(offlineInput(pg, config.Default(), &bytes.Buffer{}))
	if err != nil {
		return err
	}
	objects, err := renderer.Render(view)
	if err != nil {
		return err
	}
	for _, o := range objects {
		shared := o.GetKind() == "ServiceAccount" || o.GetKind() == "RoleBinding"
		err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.Unstructured), client.FieldOwner(names.ManagerCluster), client.ForceOwnership)
		if err != nil && !shared { // which many make at once
			return fmt.Errorf("%s: %w", o.ID, err)
		}
		if o.ID != "statefulset" {
			continue
		}
		for ordinal, role := range []string{"master", "replica"} {
			if err := c.Create(ctx, podOf(o.Unstructured, ordinal, role)); err != nil {
				return err
			}
		}
	}
	return nil
}

// podOf is a pod as the StatefulSet controller makes it and Patroni labels it.
func podOf(set *unstructured.Unstructured, ordinal int, role string) *unstructured.Unstructured {
	template, _, _ := unstructured.NestedMap(set.Object, "spec", "template")
	pod := &unstructured.Unstructured{Object: template}
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	pod.SetNamespace(set.GetNamespace())
	pod.SetName(fmt.Sprintf("%s-%d", set.GetName(), ordinal))
	labels := pod.GetLabels()
	labels["spilo-role"], labels["controller-revision-hash"] = role, "old"
	pod.SetLabels(labels)
	unstructured.RemoveNestedField(pod.Object, "spec", "serviceAccountName") // admission asks for it
	volumes, _, _ := unstructured.NestedSlice(pod.Object, "spec", "volumes")
	claim := map[string]any{"name": "pgdata", "persistentVolumeClaim": map[string]any{"claimName": "pgdata-" + pod.GetName()}}
	_ = unstructured.SetNestedSlice(pod.Object, append(volumes, claim), "spec", "volumes")
	return pod
}

// kubeconfigOf writes down how to reach an API server.
func kubeconfigOf(b testing.TB, c *rest.Config) string {
	b.Helper()
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{"cluster": "test", "user": "test"}}},
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{"server": c.Host, "certificate-authority-data": c.CAData}}},
		"users":    []any{map[string]any{"name": "test", "user": map[string]any{"client-certificate-data": c.CertData, "client-key-data": c.KeyData}}},
	})
	require.NoError(b, err)
	path := filepath.Join(b.TempDir(), "kubeconfig")
	require.NoError(b, os.WriteFile(path, text, 0o600))
	return path
}

// A fleet of a thousand clusters and an overlay that concerns all of them. Making the fleet takes minutes:
//
//	go test ./cmd/postgres-operator -run '^$' -bench Fleet -benchtime 1x
func BenchmarkPlanOfAFleet(b *testing.B) {
	const clusters = 1000
	kubeconfig := fleet(b, clusters)
	dir := filepath.Dir(fileIn(b, "label.cue", "package templates\n\npod: metadata: labels: \"cost-center\": \"databases\"\n"))
	_, err := overlay.Directory(dir)
	require.NoError(b, err)
	config := fileIn(b, "config.yaml", "watched_namespace: \"*\"\n")
	for b.Loop() {
		var out, errs bytes.Buffer
		begin, used := time.Now(), cpuSeconds(b)
		err := dispatch(b.Context(), []string{"plan", "--kubeconfig", kubeconfig, "--config", config, "--overlay", dir}, &out, &errs)
		var code exitCode
		require.True(b, errors.As(err, &code) && code == changesFound, "%v\n%s", err, errs.String())
		b.Logf("%s in %s", out.String(), time.Since(begin))
		b.ReportMetric(time.Since(begin).Seconds(), "s/plan")
		b.ReportMetric(cpuSeconds(b)-used, "cpu-s/plan") // without the API server's
	}
}

// cpuSeconds is what this process has used of the processors.
func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// fileIn is file for any kind of test.
func fileIn(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
