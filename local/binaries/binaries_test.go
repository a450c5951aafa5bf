package binaries

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program prints the name it is called by, as the Kubernetes binary picks its
// component.
const program = `package main

import (
	"os"
	"path/filepath"
)

func main() { os.Stdout.WriteString(filepath.Base(os.Args[0])) }
`

func writeModules(t *testing.T, main string) string {
	t.Helper()
	source := t.TempDir()
	for _, name := range modules {
		dir := filepath.Join(source, name)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		for file, content := range map[string]string{
			"go.mod": "module test/" + name + "\n\ngo 1.26.0\n", "go.sum": "", "main.go": main,
		} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644))
		}
	}
	return source
}

func TestBuild(t *testing.T) {
	source, cache := writeModules(t, program), t.TempDir()
	var steps []string
	run := func(ctx context.Context, name string, step func(context.Context) error) error {
		steps = append(steps, name)
		return step(ctx)
	}
	dir, err := Build(t.Context(), source, cache, run)
	require.NoError(t, err)
	require.Len(t, steps, len(modules))
	for _, name := range append([]string{"etcd", "coredns"}, kubernetesNames...) {
		output, err := exec.CommandContext(t.Context(), filepath.Join(dir, name)).Output()
		require.NoError(t, err)
		require.Equal(t, name, string(output))
	}

	steps = nil
	again, err := Build(t.Context(), source, cache, run)
	require.NoError(t, err)
	require.Equal(t, dir, again)
	require.Empty(t, steps, "all is in the cache")

	require.NoError(t, os.Remove(filepath.Join(dir, "etcd")))
	_, err = Build(t.Context(), source, cache, run)
	require.NoError(t, err)
	require.Equal(t, []string{"building etcd from source"}, steps, "only what is missing")
}

func TestDirFollowsTheSources(t *testing.T) {
	source := writeModules(t, program)
	before, err := Dir(source, "/cache")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(source, "etcd", "go.sum"), []byte("x"), 0o644))
	after, err := Dir(source, "/cache")
	require.NoError(t, err)
	require.NotEqual(t, before, after)
}

func TestBuildShowsTheCompilersWords(t *testing.T) {
	source := writeModules(t, strings.Replace(program, "os.Args", "os.Oops", 1))
	run := func(ctx context.Context, _ string, step func(context.Context) error) error { return step(ctx) }
	_, err := Build(t.Context(), source, t.TempDir(), run)
	require.ErrorContains(t, err, "undefined: os.Oops")
}

func TestLdflags(t *testing.T) {
	tests := []struct{ name, mod, want string }{
		{"kubernetes", "module x\n\nrequire (\n\tk8s.io/kubernetes v1.36.3\n)\n",
			"-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3" +
				" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"},
		{"one line", "module x\n\nrequire k8s.io/kubernetes v1.36.3\n",
			"-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3" +
				" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"},
		{"other", "module x\n\nrequire go.etcd.io/etcd/server/v3 v3.6.8\n", "-s -w"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "go.mod")
			require.NoError(t, os.WriteFile(file, []byte(test.mod), 0o644))
			got, err := ldflags(file)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}
