package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	minimal       = "../../manifests/minimal-postgres-manifest.yaml"
	complete      = "../../manifests/complete-postgres-manifest.yaml"
	configMap     = "../../manifests/configmap.yaml"
	configuration = "../../manifests/postgresql-operator-default-configuration.yaml"
)

// run calls a command as main does.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = dispatch(context.Background(), args, &out, &errs)
	return out.String(), errs.String(), err
}

// file writes a file for one test and returns its path.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestRenderPrintsTheSameBytesEachTime(t *testing.T) {
	for _, config := range []string{configMap, configuration} {
		first, _, err := run(t, "render", "-f", complete, "--config", config)
		require.NoError(t, err)
		second, _, err := run(t, "render", "-f", complete, "--config", config)
		require.NoError(t, err)
		require.Equal(t, first, second)
		require.Contains(t, first, "kind: StatefulSet")
	}
}

func TestRenderMasksSecrets(t *testing.T) {
	masked, _, err := run(t, "render", "-f", minimal)
	require.NoError(t, err)
	require.Contains(t, masked, "password: '********'")

	shown, _, err := run(t, "render", "-f", minimal, "--show-secrets")
	require.NoError(t, err)
	require.NotContains(t, shown, "********")
	require.Contains(t, shown, "cGFzc3dvcmQtb2YtcG9zdGdyZXM=", "the placeholder of the superuser's password")
}

func TestRenderTakesConfigurationInEachForm(t *testing.T) {
	forms := map[string]string{
		"flat":                  "docker_image: example.org/spilo:1\nenable_shm_volume: true\n",
		"ConfigMap":             "kind: ConfigMap\ndata: {docker_image: example.org/spilo:1}\n",
		"OperatorConfiguration": "kind: OperatorConfiguration\nconfiguration: {docker_image: example.org/spilo:1}\n",
	}
	for name, content := range forms {
		t.Run(name, func(t *testing.T) {
			out, _, err := run(t, "render", "-f", minimal, "--config", file(t, "config.yaml", content))
			require.NoError(t, err)
			require.Contains(t, out, "image: example.org/spilo:1")
		})
	}
}

func TestRenderReadsWhatTheConfigurationRefersTo(t *testing.T) {
	config := file(t, "config.yaml", "pod_environment_configmap: environment\npod_environment_secret: keys\n")
	_, _, err := run(t, "render", "-f", minimal, "--config", config)
	require.ErrorContains(t, err, "default/environment")
	require.ErrorContains(t, err, "default/keys")

	objects := file(t, "objects.yaml", `
kind: ConfigMap
metadata: {name: environment}
data: {COLOUR: green}
---
kind: Secret
metadata: {name: keys, namespace: default}
stringData: {KEY: not shown}
---
`)
	out, _, err := run(t, "render", "-f", minimal, "--config", config, "--with", objects)
	require.NoError(t, err)
	require.Contains(t, out, "- name: COLOUR\n          value: green")
	require.Contains(t, out, "- name: KEY\n          valueFrom:")
	require.NotContains(t, out, "not shown")

	_, _, err = run(t, "render", "-f", minimal, "--with", minimal)
	require.ErrorContains(t, err, "neither ConfigMap nor Secret")
}

// The first change that README shows.
func TestRenderWithTheOverlayOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "```cue\n")
	require.True(t, found, "README.md shows an overlay")
	overlay, _, _ := strings.Cut(after, "```")
	out, _, err := run(t, "render", "-f", minimal, "--overlay", filepath.Dir(file(t, "label.cue", overlay)))
	require.NoError(t, err)
	require.Contains(t, out, "cost-center: databases")
}

func TestRenderErrorsSayWhatIsWrong(t *testing.T) {
	const bad = `
apiVersion: acid.zalan.do/v1
kind: postgresql
metadata: {name: acid-demo}
spec: {teamId: acid, numberOfInstances: 1, volume: {size: 1Gi}, postgresql: {version: "9"}}
`
	dir := filepath.Dir(file(t, "ports.cue", `package templates
pod: spec: containers: postgres: ports: "5432/TCP": containerPort: 5433`))
	cases := []struct {
		name string
		args []string
		want []string
	}{
		{"no manifest", []string{"render"}, []string{"-f MANIFEST is required"}},
		{"surplus argument", []string{"render", "-f", minimal, "more"}, []string{`unexpected argument "more"`}},
		{"no such file", []string{"render", "-f", "absent.yaml"}, []string{"absent.yaml", "no such file"}},
		{"bad version", []string{"render", "-f", file(t, "bad.yaml", bad)}, []string{"spec.postgresql.version", `"9"`, `"18"`}},
		{"unknown field", []string{"render", "-f", file(t, "typo.yaml", strings.Replace(bad, "teamId", "teamID", 1))}, []string{"spec.teamID"}},
		{"bad option", []string{"render", "-f", minimal, "--config", file(t, "c.yaml", "resync_period: often\n")}, []string{"resync_period", `"often"`}},
		{"wrong kind", []string{"render", "-f", minimal, "--config", file(t, "c.yaml", "kind: Secret\n")}, []string{`"Secret"`, "ConfigMap"}},
		{"nested value", []string{"render", "-f", minimal, "--config", file(t, "c.yaml", "cluster_labels: {a: b}\n")}, []string{"cluster_labels"}},
		{"no directory", []string{"render", "-f", minimal, "--overlay", minimal}, []string{"is not a directory"}},
		{"contradiction", []string{"render", "-f", minimal, "--overlay", dir}, []string{"containerPort", "ports.cue:2", "pod.cue"}},
		{"no such command", []string{"rendre"}, []string{`no command "rendre"`}},
		{"no such flag", []string{"run", "-nope"}, []string{"-nope"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := run(t, c.args...)
			require.Error(t, err)
			require.Empty(t, out)
			for _, part := range c.want {
				require.ErrorContains(t, err, part)
			}
		})
	}
}

func TestRunOutsideOfAPodSaysHowTo(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, _, err := run(t)
	require.ErrorContains(t, err, "-outofcluster")
}

func TestVersionAndHelp(t *testing.T) {
	out, _, err := run(t, "version")
	require.NoError(t, err)
	require.Equal(t, "dev\n", out)

	_, usage, err := run(t, "help")
	require.NoError(t, err)
	for _, c := range commands() {
		if c.summary != "" { // others are none for people
			require.Contains(t, usage, c.name)
		}
	}
}
