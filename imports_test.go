package postgresoperator

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// law says what one of our packages may import of ours, and which imports it must never have.
type law struct {
	may   []string
	never map[string]string // import path prefix: why
}

const (
	pure      = "it is pure: the same input must give the same output, with no server asked"
	noClients = "it must be usable and testable without an API server"
	noSQL     = "SQL lives in roles alone"
)

// The import law: data flows one way, so imports do too (docs/architecture.md). A package that
// is not listed has no law yet and fails the test.
var laws = map[string]law{
	"window": {never: map[string]string{"k8s.io/": "it is about time and nothing else"}},
	"api/v1": {may: []string{"window"}, never: map[string]string{
		"k8s.io/client-go":               noClients,
		"sigs.k8s.io/controller-runtime": noClients,
		"database/sql":                   noSQL,
	}},
	"config": {may: []string{"window"}, never: map[string]string{
		"k8s.io/client-go":               noClients,
		"sigs.k8s.io/controller-runtime": noClients,
		"os":                             "the environment is an argument, so that a test can write it down",
	}},
	"names":     {may: []string{"api/v1"}, never: map[string]string{"k8s.io/client-go": noClients}},
	"templates": {never: map[string]string{"cuelang.org/go": "it only embeds the files"}},
	"schema":    {never: map[string]string{"k8s.io/client-go": noClients, "sigs.k8s.io/controller-runtime": noClients}},
	"overlay": {never: map[string]string{
		"k8s.io/client-go":               noClients,
		"sigs.k8s.io/controller-runtime": noClients,
		"cuelang.org/go":                 "what the files mean is for render to know",
	}},
	"render": {may: []string{"api/v1", "config", "names", "overlay", "schema", "templates", "window"}, never: map[string]string{
		"k8s.io/client-go":               pure,
		"sigs.k8s.io/controller-runtime": pure,
		"database/sql":                   pure,
		"net/http":                       pure,
		"crypto/rand":                    pure,
		"math/rand":                      pure,
	}},
	"registry": {may: []string{"overlay"}, never: map[string]string{
		"k8s.io/":        "it is about registries, whoever asks",
		"cuelang.org/go": "what the files mean is for render to know",
	}},
	"trial": {may: []string{"overlay", "render"}, never: map[string]string{
		"k8s.io/client-go":               noClients,
		"sigs.k8s.io/controller-runtime": noClients,
	}},
	"apply":   {may: []string{"schema"}, never: map[string]string{"database/sql": noSQL}},
	"patroni": {never: map[string]string{"k8s.io/": "Patroni's API is plain HTTP", "database/sql": noSQL}},
	"web": {never: map[string]string{
		"k8s.io/api/":  "it serves plain values, whoever makes them",
		"database/sql": noSQL,
	}},
	"pgbouncer": {never: map[string]string{"k8s.io/": "the console is reached by address, whatever runs PgBouncer"}},
	"rollout": {may: []string{"names", "patroni"}, never: map[string]string{
		"k8s.io/client-go":               pure,
		"sigs.k8s.io/controller-runtime": pure,
		"database/sql":                   pure,
	}},
	"volumes": {never: map[string]string{
		"k8s.io/api/":                    "it decides; what it knows of Kubernetes is told to it",
		"k8s.io/client-go":               pure,
		"sigs.k8s.io/controller-runtime": pure,
		"github.com/aws":                 pure,
		"database/sql":                   pure,
	}},
	"ebs": {may: []string{"volumes"}, never: map[string]string{"k8s.io/": "it knows EC2, not Kubernetes", "sigs.k8s.io/controller-runtime": "it knows EC2, not Kubernetes"}},
	"upgrade": {may: []string{"patroni"}, never: map[string]string{
		"k8s.io/":                        "it decides; what it knows of Kubernetes is told to it",
		"sigs.k8s.io/controller-runtime": pure,
		"database/sql":                   pure,
		"time":                           "whether a window is open is told to it",
	}},
	"hold": {may: []string{"rollout"}, never: map[string]string{
		"k8s.io/client-go":               pure,
		"sigs.k8s.io/controller-runtime": pure,
	}},
	"waves": {never: map[string]string{"k8s.io/": "it is about names and time"}},
	"roles": {may: []string{"api/v1", "config", "names"}, never: map[string]string{
		"k8s.io/client-go":               "the role syncer knows Postgres, not Kubernetes",
		"sigs.k8s.io/controller-runtime": "the role syncer knows Postgres, not Kubernetes",
	}},
	"teams": {may: []string{"api/v1"}, never: map[string]string{
		"k8s.io/client-go":               noClients,
		"sigs.k8s.io/controller-runtime": noClients,
		"database/sql":                   noSQL,
	}},
	"rotation": {may: []string{"api/v1", "config", "roles"}, never: map[string]string{
		"k8s.io/client-go":               pure,
		"sigs.k8s.io/controller-runtime": pure,
		"database/sql":                   pure,
		"crypto/rand":                    pure,
		"math/rand":                      pure,
	}},
	"controller": {may: []string{"api/v1", "apply", "config", "ebs", "hold", "names", "overlay", "patroni", "pgbouncer", "registry", "render", "roles", "rollout", "rotation", "schema", "teams", "templates", "trial", "upgrade", "volumes", "waves", "web", "window"},
		never: map[string]string{"database/sql": noSQL, "github.com/lib/pq": noSQL}},
}

// free are packages outside the law: programs, generators and test equipment.
var free = []string{"", "cmd/postgres-operator", "testenv", "e2e", "generate"}

func TestImportLaw(t *testing.T) {
	const module = "postgres-operator"
	for _, pkg := range listPackages(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(pkg.ImportPath, module), "/")
		rules, ok := laws[path]
		if !ok {
			require.True(t, isFree(path), "package %q is not in the import law: add it with its reasons", path)
			continue
		}
		for _, imported := range pkg.Imports {
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
				require.Contains(t, rules.may, ours, "%s imports %s against the direction of the data", path, ours)
			}
			for prefix, why := range rules.never {
				banned := imported == prefix || strings.HasPrefix(imported, strings.TrimSuffix(prefix, "/")+"/")
				require.False(t, banned, "%s imports %s: %s", path, imported, why)
			}
		}
	}
}

func isFree(path string) bool {
	for _, f := range free {
		if path == f || (f != "" && strings.HasPrefix(path, f+"/")) {
			return true
		}
	}
	return false
}

type listed struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}
