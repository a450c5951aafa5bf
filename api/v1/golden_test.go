package v1_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

const scenarios = "../../testdata/api/*.txtar"

// Each scenario is a manifest and what is said about it: offline.txt by DecodeStrict and Validate,
// api-server.txt by the API server. A scenario that is called ok-* is accepted by both.
func TestManifests(t *testing.T) {
	a := newAdmission(t, apiv1.KindPostgresql)
	files, err := filepath.Glob(scenarios)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			manifest := section(archive, "manifest.yaml")
			got := map[string]string{"offline.txt": offline(manifest), "api-server.txt": online(t, a, manifest)}
			if *update {
				archive.Files = []txtar.File{{Name: "manifest.yaml", Data: manifest},
					{Name: "offline.txt", Data: []byte(got["offline.txt"])}, {Name: "api-server.txt", Data: []byte(got["api-server.txt"])}}
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
			for name, text := range got {
				require.Equal(t, string(section(archive, name)), text, name)
			}
			require.Equal(t, strings.HasPrefix(name, "ok-"), got["offline.txt"] == accepted, "a scenario is named by its outcome")
			if strings.HasPrefix(name, "ok-") {
				require.Equal(t, accepted, got["api-server.txt"])
			}
		})
	}
}

const accepted = "accepted\n"

func section(archive *txtar.Archive, name string) []byte {
	for _, file := range archive.Files {
		if file.Name == name {
			return file.Data
		}
	}
	return nil
}

// offline is what a user without an API server is told.
func offline(manifest []byte) string {
	pg, err := apiv1.DecodeStrict(manifest)
	if err != nil {
		return err.Error() + "\n"
	}
	return lines(apiv1.Validate(pg))
}

// online is what the API server says with strict field validation.
func online(t *testing.T, a admission, manifest []byte) string {
	text, err := yaml.YAMLToJSON(manifest)
	require.NoError(t, err)
	_, unknown, errs := a.create(fromJSON(text))
	slices.Sort(unknown)
	var b strings.Builder
	for _, path := range unknown {
		fmt.Fprintf(&b, "unknown field %q\n", path)
	}
	if len(errs) > 0 {
		b.WriteString(lines(errs))
	}
	if b.Len() == 0 {
		return accepted
	}
	return b.String()
}

func lines(errs field.ErrorList) string {
	if len(errs) == 0 {
		return accepted
	}
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error()+"\n")
	}
	slices.Sort(texts)
	return strings.Join(texts, "")
}
