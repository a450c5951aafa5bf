package rollout

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// Each scenario is a template, another one (or a pod made from it), and the differences between them.
func TestCompare(t *testing.T) {
	files, err := filepath.Glob("../testdata/rollout/compare-*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			got := compareSections(t, section(archive, "old.yaml"), section(archive, "new.yaml"), section(archive, "pod.yaml"))
			if *update {
				setSection(archive, "differences.txt", got)
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
				return
			}
			require.Equal(t, section(archive, "differences.txt"), got)
		})
	}
}

func compareSections(t *testing.T, oldText, newText, podText string) string {
	var old, next corev1.PodTemplateSpec
	require.NoError(t, yaml.UnmarshalStrict([]byte(newText), &next))
	if podText != "" {
		var pod corev1.Pod
		require.NoError(t, yaml.UnmarshalStrict([]byte(podText), &pod))
		old = asTemplate(Pod{Pod: pod}, next)
	} else {
		require.NoError(t, yaml.UnmarshalStrict([]byte(oldText), &old))
	}
	var lines []string
	for _, d := range compare(old, next) {
		line := d.text
		if d.image {
			line += " (image)"
		}
		lines = append(lines, line+"\n")
	}
	if len(lines) == 0 {
		return "none\n"
	}
	return strings.Join(lines, "")
}

func section(archive *txtar.Archive, name string) string {
	for _, file := range archive.Files {
		if file.Name == name {
			return string(file.Data)
		}
	}
	return ""
}

func setSection(archive *txtar.Archive, name, text string) {
	for i := range archive.Files {
		if archive.Files[i].Name == name {
			archive.Files[i].Data = []byte(text)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
}
