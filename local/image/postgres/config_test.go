package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each scenario holds the environment, the facts of the machine where they
// differ from the usual, and the configuration or the error that follows.
func TestPatroniConfig(t *testing.T) {
	scenarios, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, scenarios)
	for _, path := range scenarios {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			require.NoError(t, err)
			files := map[string][]byte{}
			for _, f := range archive.Files {
				files[f.Name] = f.Data
			}
			env := environment{}
			require.NoError(t, json.Unmarshal(files["env.json"], &env))
			var own struct{ DataVersion string }
			if files["facts.json"] != nil {
				require.NoError(t, json.Unmarshal(files["facts.json"], &own))
			}
			config, err := patroniConfig(env, facts{
				hostname:    "acid-minimal-cluster-0",
				memory:      500 << 20,
				installed:   []string{"17", "18"},
				dataVersion: own.DataVersion,
			})
			golden := txtar.File{Name: "postgres.yml"}
			if err != nil {
				golden = txtar.File{Name: "error", Data: []byte(err.Error() + "\n")}
			} else {
				golden.Data, err = json.MarshalIndent(config, "", "  ")
				require.NoError(t, err)
				golden.Data = append(golden.Data, '\n')
			}
			if *update {
				kept := archive.Files[:0]
				for _, f := range archive.Files {
					if f.Name != "postgres.yml" && f.Name != "error" {
						kept = append(kept, f)
					}
				}
				kept = append(kept, golden)
				archive.Files = kept
				require.NoError(t, os.WriteFile(path, txtar.Format(archive), 0o644))
				return
			}
			require.Equal(t, string(files[golden.Name]), string(golden.Data))
		})
	}
}

func TestChildEnvironmentHidesPasswords(t *testing.T) {
	got := childEnvironment(environment{
		"PATH": "/bin", "POD_IP": "10.0.0.1", "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443",
		"PGPASSWORD_SUPERUSER": "secret", "CLONE_PASSWORD": "secret", "SPILO_CONFIGURATION": "{}", "KUBERNETES_LABELS": "{}",
	})
	require.Equal(t, []string{"HOME=/home/postgres", "KUBERNETES_SERVICE_HOST=10.96.0.1", "KUBERNETES_SERVICE_PORT=443", "PATH=/bin", "POD_IP=10.0.0.1", "PYTHONWARNINGS=ignore::FutureWarning"}, got)
}

func TestEscapePass(t *testing.T) {
	require.Equal(t, `a\:b\\c`, escapePass(`a:b\c`))
}
