package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Each file of testdata/explain holds questions, one a line of args, and what is answered.
func TestExplain(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/explain/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			require.NoError(t, err)
			got := explainAll(t, archive)
			require.NotContains(t, got, "top-secret")
			last := len(archive.Files) - 1
			if *update {
				if archive.Files[last].Name != "expect" {
					archive.Files = append(archive.Files, txtar.File{Name: "expect"})
					last++
				}
				archive.Files[last].Data = []byte(got)
				require.NoError(t, os.WriteFile(path, txtar.Format(archive), 0o644))
			}
			require.Equal(t, "expect", archive.Files[last].Name)
			require.Equal(t, string(archive.Files[last].Data), got)
		})
	}
}

// explainAll answers the questions of a file, from its manifest, configuration and overlays.
func explainAll(t *testing.T, archive *txtar.Archive) string {
	directory := t.TempDir()
	flags := map[string]string{"-f": minimal}
	var questions []string
	for _, f := range archive.Files {
		place := filepath.Join(directory, f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(place), 0o755))
		require.NoError(t, os.WriteFile(place, f.Data, 0o600))
		switch {
		case f.Name == "args":
			questions = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		case f.Name == "manifest.yaml":
			flags["-f"] = place
		case f.Name == "config.yaml":
			flags["-config"] = place
		case strings.HasPrefix(f.Name, "overlay/"):
			flags["-overlay"] = filepath.Dir(place)
		}
	}
	args := []string{"explain"}
	for name, value := range flags {
		args = append(args, name, value)
	}
	var out bytes.Buffer
	for _, question := range questions {
		if err := dispatch(context.Background(), append(args, strings.Fields(question)...), &out, &out); err != nil {
			out.WriteString("error: " + err.Error() + "\n")
		}
	}
	return strings.ReplaceAll(out.String(), directory+"/", "")
}

// A live object tells what is there now, and who has set it.
func TestExplainSaved(t *testing.T) {
	t.Setenv("CONFIG_MAP_NAME", "")
	content, err := os.ReadFile(savedCluster(t, running))
	require.NoError(t, err)
	documents := strings.Split(string(content), "\n---\n")
	for i, document := range documents {
		set := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(document), &set.Object))
		if set.GetKind() != "StatefulSet" {
			continue
		}
		require.NoError(t, unstructured.SetNestedField(set.Object, int64(7), "spec", "replicas"))
		require.NoError(t, unstructured.SetNestedField(set.Object, int64(10), "spec", "revisionHistoryLimit"))
		fields := metav1.NewFieldsV1
		set.SetManagedFields([]metav1.ManagedFieldsEntry{
			{Manager: "operator", Operation: "Apply", APIVersion: "apps/v1", FieldsType: "FieldsV1",
				FieldsV1: fields(`{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"postgres\"}":{".":{},"f:image":{}}}}}}}`)},
			{Manager: "autoscaler", Operation: "Update", Subresource: "scale", APIVersion: "apps/v1", FieldsType: "FieldsV1",
				FieldsV1: fields(`{"f:spec":{"f:replicas":{}}}`)},
		})
		text, err := yaml.Marshal(set.Object)
		require.NoError(t, err)
		documents[i] = string(text)
	}
	saved := file(t, "saved.yaml", strings.Join(documents, "\n---\n"))
	ask := func(path string) string {
		out, stderr, err := run(t, "explain", "-from", saved, "-config", file(t, "config.yaml", running), "acid-minimal-cluster", "statefulset", path)
		require.NoError(t, err, stderr)
		return out
	}
	out := ask("spec.template.spec.containers[postgres].image")
	require.Regexp(t, `configuration +docker_image: "example.org/spilo:1"\n`, out)
	require.Regexp(t, `live +the same\n +field manager +operator \(Apply\)\n$`, out)
	require.Regexp(t, `live +7\n +field manager +autoscaler \(Update of scale\)\n$`, ask("spec.replicas"))
	require.Regexp(t, `^statefulset spec.revisionHistoryLimit\n +live +10, which the operator does not set\n +field manager +none`, ask("spec.revisionHistoryLimit"))
	require.Regexp(t, `field manager +operator \(Apply for a part\)\n`, ask("spec.template.spec.containers[postgres]"))

	_, _, err = run(t, "explain", "-from", saved, "acid-minimal-cluster", "statefulset", "spec.replica")
	require.ErrorContains(t, err, "did you mean replicas?")
	_, _, err = run(t, "explain", "-from", saved, "acid-other", "statefulset", "spec.replicas")
	require.ErrorContains(t, err, "acid-other")
	_, _, err = run(t, "explain", "-f", minimal, "statefulset")
	require.ErrorContains(t, err, "want an object and a path")
}
