package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/hold"
	"postgres-operator/names"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata")

// savedCluster writes down what kubectl would save of the minimal cluster, as it runs after configuration:
// manifest, objects and two pods, of which the first leads.
func savedCluster(t *testing.T, config string) string {
	t.Helper()
	rendered, _, err := run(t, "render", "-f", minimal, "--config", file(t, "config.yaml", config), "--show-secrets")
	require.NoError(t, err)
	manifest, err := os.ReadFile(minimal)
	require.NoError(t, err)
	manifest = append(manifest, "\nstatus: {statefulSetGeneration: 1, conditions: [{type: Applied, status: 'True'}], rendered: {operator: dev, configuration: former}}"...)
	documents := []string{strings.Replace(string(manifest), "metadata:", "metadata:\n  namespace: default\n  uid: abc", 1)}
	for _, document := range strings.Split(rendered, "\n---\n") {
		set := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(document), &set.Object))
		if set.GetKind() != "StatefulSet" {
			documents = append(documents, document)
			continue
		}
		set.SetGeneration(1)
		set.SetAnnotations(map[string]string{names.RenderedFrom: recordOf(t, set)})
		require.NoError(t, unstructured.SetNestedMap(set.Object, map[string]any{"observedGeneration": int64(1), "updateRevision": "old"}, "status"))
		text, err := yaml.Marshal(set.Object)
		require.NoError(t, err)
		documents = append(documents, string(text))
		for ordinal, role := range []string{"master", "replica"} {
			pod := podOf(set.DeepCopy(), ordinal, role)
			require.NoError(t, unstructured.SetNestedField(pod.Object, "postgres-pod", "spec", "serviceAccountName"))
			conditions := []any{map[string]any{"type": "Ready", "status": "True"}}
			require.NoError(t, unstructured.SetNestedMap(pod.Object, map[string]any{"phase": "Running", "conditions": conditions}, "status"))
			text, err := yaml.Marshal(pod.Object)
			require.NoError(t, err)
			documents = append(documents, string(text))
		}
	}
	return file(t, "saved.yaml", strings.Join(documents, "\n---\n"))
}

// recordOf is the record that stands on a StatefulSet where something may be held.
func recordOf(t *testing.T, set *unstructured.Unstructured) string {
	t.Helper()
	content, err := os.ReadFile(minimal)
	require.NoError(t, err)
	pg, err := apiv1.DecodeStrict(content)
	require.NoError(t, err)
	manifest, err := hold.Plain(map[string]any{"labels": pg.Labels, "annotations": pg.Annotations, "spec": pg.Spec})
	require.NoError(t, err)
	template, _, err := unstructured.NestedMap(set.Object, "spec", "template")
	require.NoError(t, err)
	text, err := hold.Record{Manifest: manifest, Template: template}.Text("")
	require.NoError(t, err)
	return text
}

const running = "docker_image: example.org/spilo:1\nsecret_name_template: '{username}.{cluster}'\n"

// stable puts words in the place of what is another one each time, or with each change of a template.
func stable(out, window string) string {
	digest := regexp.MustCompile(`(fleet-change=|"change": ")[0-9a-f]{12}`)
	return digest.ReplaceAllString(strings.ReplaceAll(out, window, closed), "${1}DIGEST")
}

// closed stands in testdata for an hour that is far away from now.
const closed = "CLOSED"

// Each file of testdata/plan holds what is planned, and what is printed: as text, and in each other form
// that the file has already.
func TestPlan(t *testing.T) {
	t.Setenv("CONFIG_MAP_NAME", "")
	paths, err := filepath.Glob("../../testdata/plan/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			require.NoError(t, err)
			args := []string{"plan", "--from", savedCluster(t, running)}
			conf := running
			var results []txtar.File
			forms := []string{"text"}
			directory := "none"
			window := time.Now().UTC().Add(10*time.Hour).Format("15:00") + "-" + time.Now().UTC().Add(11*time.Hour).Format("15:00")
			for _, f := range archive.Files {
				switch {
				case f.Name == "config.yaml":
					conf += strings.ReplaceAll(string(f.Data), closed, window)
				case f.Name == "manifest.yaml":
					args = append(args, "-f", file(t, "manifest.yaml", string(f.Data)))
				case strings.HasPrefix(f.Name, "overlay"):
					directory = filepath.Dir(file(t, f.Name, string(f.Data)))
					args = append(args, "--overlay", directory)
				case f.Name == "out.markdown", f.Name == "out.json":
					forms = append(forms, strings.TrimPrefix(f.Name, "out."))
					continue
				default:
					continue
				}
				results = append(results, f)
			}
			args = append(args, "--config", file(t, "config.yaml", conf))
			for _, form := range forms {
				out, stderr, err := run(t, append(args, "-o", form)...)
				results = append(results, txtar.File{Name: "out." + form, Data: []byte(stable(out, window))})
				if form == "text" {
					results = append(results, txtar.File{Name: "exit", Data: []byte(strings.ReplaceAll(ending(err), directory, "overlay") + "\n" + stderr)})
				}
			}
			archive.Files = results
			if *update {
				require.NoError(t, os.WriteFile(path, txtar.Format(archive), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), string(txtar.Format(archive)), "read the difference, then -update")
		})
	}
}

// ending is how main ends the program.
func ending(err error) string {
	var code exitCode
	switch {
	case err == nil:
		return "0"
	case errors.As(err, &code):
		return string(rune('0' + int(code)))
	}
	return "1 " + err.Error()
}

// What is printed for eyes differs in colours alone, and JSON is JSON.
func TestPlanInColoursAndJSON(t *testing.T) {
	saved := savedCluster(t, running)
	args := []string{"plan", "--from", saved, "--config", file(t, "c.yaml", running+"pod_priority_class_name: high\n")}
	plain, _, err := run(t, args...)
	require.Equal(t, "2", ending(err))
	colored, _, _ := run(t, append(args, "-color", "always")...)
	require.Contains(t, colored, "\x1b[32m+ spec.template.spec.priorityClassName")
	require.Equal(t, plain, strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "").Replace(colored))
	text, _, _ := run(t, append(args, "-o", "json")...)
	var report planReport
	require.NoError(t, json.Unmarshal([]byte(text), &report))
	require.Equal(t, 1, report.Summary.Changed)
}

// No form shows what a Secret holds, be it read, drawn or given.
func TestPlanShowsNoSecret(t *testing.T) {
	saved := savedCluster(t, running)
	content, err := os.ReadFile(saved)
	require.NoError(t, err)
	changed := strings.ReplaceAll(string(content), "cGFzc3dvcmQtb2YtcG9zdGdyZXM=", "dG9wLXNlY3JldA==")
	manifest, err := os.ReadFile(minimal)
	require.NoError(t, err)
	more := strings.Replace(string(manifest), "users:", "users:\n    another: []", 1)
	for _, form := range []string{"text", "markdown", "json"} {
		out, stderr, err := run(t, "plan", "--from", file(t, "saved.yaml", changed), "-o", form, "-f", file(t, "m.yaml", more),
			"--config", file(t, "c.yaml", running+"inherited_labels: team\nconnection_pooler_image: x:2\n"))
		require.Equal(t, "2", ending(err))
		for _, secret := range []string{"top-secret", "dG9wLXNlY3JldA", "drawn", "ZHJhd24"} {
			require.NotContains(t, out+stderr, secret)
		}
	}
}

func TestPlanErrorsSayWhatIsWrong(t *testing.T) {
	t.Setenv("KUBECONFIG", file(t, "none", "apiVersion: v1\nkind: Config\n"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	cases := []struct {
		name string
		args []string
		want string
	}{
		{"form", []string{"-o", "html"}, `"html"`},
		{"colour", []string{"-color", "red"}, `"red"`},
		{"no cluster", nil, "read kubeconfig"},
		{"saved objects answer nothing", []string{"--from", "x", "--sql"}, "-sql"},
		{"nothing saved", []string{"--from", filepath.Dir(file(t, "x.txt", ""))}, "holds none"},
		{"no objects", []string{"--from", file(t, "x.yaml", "a: b\n")}, "x.yaml"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := run(t, append([]string{"plan"}, c.args...)...)
			require.ErrorContains(t, err, c.want)
			require.Empty(t, out)
			require.Equal(t, "1", ending(err)[:1])
		})
	}
}

// A plan against an API server reads it, and nothing else: the server says so itself. Changes that are alike
// are printed once, although what waits has a digest of its own in each cluster.
// Explain asks the same server, as the same operator.
func TestPlanOnlyReads(t *testing.T) {
	kubeconfig := fleet(t, 2)
	var out, errs bytes.Buffer
	configuration := file(t, "c.yaml", "watched_namespace: '*'\ndocker_image: x:2\nfleet_change_policy: approve\nfleet_wave_size: '1'\n")
	err := dispatch(context.Background(), []string{"plan", "--kubeconfig", kubeconfig, "--config", configuration}, &out, &errs)
	require.Equal(t, "2", ending(err), errs.String())
	require.Contains(t, out.String(), "the same for 1 more cluster:")
	require.Contains(t, out.String(), "under a digest of its own")
	require.Contains(t, out.String(), "2 of 2 clusters change")
	require.Contains(t, out.String(), "2 changes of pods are held")

	namespace := regexp.MustCompile(`cluster (\S+)/acid-fleet-0000`).FindStringSubmatch(out.String())[1]
	explained, stderr, err := run(t, "explain", "--kubeconfig", kubeconfig, "--config", configuration, "-n", namespace,
		"acid-fleet-0000", "statefulset", "spec.template.spec.containers[postgres].image")
	require.NoError(t, err, stderr)
	require.Regexp(t, `configuration +docker_image: "x:2"`, explained)
}
