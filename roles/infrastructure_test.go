package roles

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"postgres-operator/config"
)

// Each scenario is a configuration with the Secrets and ConfigMaps that it names. roles.txt is what is
// read out of them, set.txt what becomes of it in a cluster without anything else.
func TestInfrastructureRoles(t *testing.T) {
	files, err := filepath.Glob("../testdata/infrastructure/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			sections := map[string]*txtar.File{}
			for i := range archive.Files {
				sections[archive.Files[i].Name] = &archive.Files[i]
			}
			c, read := infrastructureFrom(t, sections)
			set := Desired(parse(t, "metadata: {name: acid-test}"), c, Extra{Infrastructure: read.Roles, Problems: read.Problems})
			for name, text := range map[string]string{"roles.txt": describeInfrastructure(read), "set.txt": describeSet(set)} {
				if *update {
					sections[name].Data = []byte(text)
					continue
				}
				require.Equal(t, string(sections[name].Data), text)
			}
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", read, read, set), "clear-", "a password is printed")
			if *update {
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
		})
	}
}

func infrastructureFrom(t *testing.T, sections map[string]*txtar.File) (config.Config, InfrastructureRoles) {
	t.Helper()
	var configuration map[string]any
	var secrets, configMaps map[string]map[string]string
	require.NoError(t, yaml.UnmarshalStrict(sections["configuration.yaml"].Data, &configuration))
	require.NoError(t, yaml.UnmarshalStrict(sections["secrets.yaml"].Data, &secrets))
	require.NoError(t, yaml.UnmarshalStrict(sections["configmaps.yaml"].Data, &configMaps))
	c, err := config.FromObject(configuration, "default")
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	sources := InfrastructureSources(c)
	for i := range sources {
		name := sources[i].SecretName.String()
		sources[i].Descriptions = configMaps[name]
		for key, value := range secrets[name] {
			if sources[i].Data == nil {
				sources[i].Data = map[string][]byte{}
			}
			sources[i].Data[key] = []byte(value)
		}
	}
	return c, ReadInfrastructure(sources)
}

func describeInfrastructure(read InfrastructureRoles) string {
	var b strings.Builder
	for _, role := range read.Roles {
		fmt.Fprintf(&b, "%s from %s: %s\n", role.Name, role.Source, read.Passwords.Clear[role.Name])
	}
	for _, problem := range read.Problems {
		fmt.Fprintf(&b, "problem: %s\n", problem.Error())
	}
	return b.String()
}
