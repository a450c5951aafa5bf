package config

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestScenarios loads the input of each scenario. `defaults` holds both forms
// in full, every other one what differs from its form without any option.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("../testdata/config/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			require.NoError(t, err)
			want := string(txtar.Format(a))
			a.Files = inputs(a)
			for _, in := range inputs(a) {
				a.Files = append(a.Files, results(t, in, strings.Contains(file, "defaults"))...)
			}
			if *update {
				require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
				return
			}
			require.Equal(t, want, string(txtar.Format(a)), "run with -update and read the difference")
		})
	}
}

func inputs(a *txtar.Archive) []txtar.File {
	var list []txtar.File
	for _, f := range a.Files {
		if !strings.HasPrefix(f.Name, "out/") {
			list = append(list, f)
		}
	}
	return list
}

func results(t *testing.T, in txtar.File, full bool) []txtar.File {
	var c, base Config
	var err error
	if strings.HasPrefix(in.Name, "configmap") {
		var data map[string]string
		require.NoError(t, yaml.UnmarshalStrict(in.Data, &data))
		base, _ = FromConfigMap(nil, "op")
		c, err = FromConfigMap(data, "op")
	} else {
		var object map[string]any
		require.NoError(t, yaml.UnmarshalStrict(in.Data, &object))
		base, _ = FromObject(nil, "op")
		c, err = FromObject(object, "op")
	}
	var list []txtar.File
	add := func(name, text string) {
		if text != "" {
			name = "out/" + strings.TrimSuffix(in.Name, ".yaml") + "." + name
			list = append(list, txtar.File{Name: name, Data: []byte(strings.TrimSuffix(text, "\n") + "\n")})
		}
	}
	add("warnings", strings.Join(c.Warnings, "\n"))
	switch {
	case err != nil:
		add("errors", err.Error())
	case full:
		for _, f := range fields(&c) {
			add("all", "")
			list = appendLine(list, "out/"+strings.TrimSuffix(in.Name, ".yaml")+".all", f.Key+": "+f.text())
		}
	default:
		add("diff", strings.Join(Diff(base, c), "\n"))
	}
	return list
}

func appendLine(list []txtar.File, name, line string) []txtar.File {
	if len(list) == 0 || list[len(list)-1].Name != name {
		list = append(list, txtar.File{Name: name})
	}
	last := &list[len(list)-1]
	last.Data = append(last.Data, line+"\n"...)
	return list
}

// TestKeyErrors gives each option of a kind a value that it cannot have.
func TestKeyErrors(t *testing.T) {
	for _, test := range []struct{ key, value, allowed string }{
		{"resync_period", "30", "a duration"},
		{"resync_period", "-5m", "a duration"},
		{"workers", "0", "at least 1"},
		{"workers", "5000000000", "at least 1"},
		{"workers", "many", "a whole number"},
		{"min_instances", "-2", "at least -1"},
		{"max_instances", "3000000000", "a whole number"},
		{"api_port", "70000", "at most 65535"},
		{"spilo_fsgroup", "root", "a whole number"},
		{"debug_logging", "yes", "true or false"},
		{"spilo_allow_privilege_escalation", "maybe", "true or false"},
		{"pod_management_policy", "serial", "one of ordered_ready, parallel"},
		{"storage_resize_mode", "PVC", "one of ebs, mixed, pvc, off"},
		{"connection_pooler_number_of_instances", "0", "at least 1"},
		{"default_cpu_request", "much", "a quantity"},
		{"max_memory_request", "-1Gi", "a quantity"},
		{"logical_backup_schedule", "daily", "a cron schedule"},
		{"target_major_version", "latest", "a major version"},
		{"downscaler_annotations", "a[", "regular expressions"},
		{"cluster_labels", "application", "key:value pairs"},
		{"cluster_labels", "", "not empty"},
		{"cluster_labels", "a b:c", "labels"},
		{"cluster_name_label", "a b", "a label key"},
		{"pod_role_label", "", "not empty"},
		{"super_username", "", "not empty"},
		{"secret_name_template", "{username}.{namespace}", "{username}, {cluster}"},
		{"toleration", "keys:a", "the keys effect, key, operator, value"},
		{"toleration", "key:a,operator:Is", "operator as one of Exists, Equal"},
		{"persistent_volume_claim_retention_policy", "when_deleted:keep", "delete, retain"},
		{"maintenance_windows", "Sam:01:00-02:00", "HH:MM-HH:MM"},
		{"maintenance_windows", "25:00-01:00", "HH:MM-HH:MM"},
		{"maintenance_windows", "23:00-24:00", "HH:MM-HH:MM"},
		{"pod_environment_configmap", "a/b/c", "a name or namespace/name"},
		{"pod_environment_configmap", "/b", "a name or namespace/name"},
		{"infrastructure_roles_secrets", "secretname", "key:value pairs"},
		{"infrastructure_roles_secrets", "secretname:a,template:perhaps", "true or false for template"},
		{"watched_namespace", "a,B_", "names of namespaces"},
		{"watched_namespace", ",", "names of namespaces"},
		{"pod_service_account_name", "A", "a name of a Kubernetes object"},
		{"pod_service_account_definition", "kind: Pod", "an object of kind ServiceAccount"},
		{"pod_service_account_definition", "kind: [", "JSON or YAML of a ServiceAccount"},
		{"pod_service_account_role_binding_definition", "{kind: RoleBinding, rolRef: {}}", "a valid RoleBinding"},
		{"sidecars", "name:image", "a YAML list of containers"},
		{"sidecars", "[{image: a}]", "a list of containers with a name"},
		{"connection_pooler_user", "postgres", "another role than super_username"},
	} {
		t.Run(test.key+"="+test.value, func(t *testing.T) {
			_, err := FromConfigMap(map[string]string{test.key: test.value}, "op")
			var bad *KeyError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, test.key, bad.Key)
			require.Equal(t, test.value, bad.Value)
			require.Contains(t, bad.Allowed, test.allowed)
		})
	}
}

func TestWrongTypesInObject(t *testing.T) {
	for _, test := range []struct {
		group, key string
		value      any
		allowed    string
	}{
		{"", "docker_image", 5.0, "a text"},
		{"", "workers", "8", "a whole number"},
		{"", "workers", 1.5, "a whole number"},
		{"", "resync_period", int64(30), "a duration"},
		{"", "maintenance_windows", "Sat:01:00-02:00", "a list of texts"},
		{"", "sidecars", map[string]any{"a": "b"}, "valid as"},
		{"debug", "debug_logging", "true", "true or false"},
		{"kubernetes", "inherited_labels", []any{"a", 1.0}, "a list of texts; 1 is none"},
		{"kubernetes", "cluster_labels", "a:b", "an object with texts"},
		{"kubernetes", "cluster_labels", map[string]any{"a": true}, "that of a is none"},
		{"kubernetes", "liveness_probe", map[string]any{"tcp": "x"}, "unknown field"},
		{"kubernetes", "infrastructure_roles_secrets", []any{"secret"}, "a list of objects"},
		{"kubernetes", "infrastructure_roles_secrets", "secret", "a list of objects"},
	} {
		t.Run(test.key, func(t *testing.T) {
			object := map[string]any{test.key: test.value}
			path := test.key
			if test.group != "" {
				object, path = map[string]any{test.group: object}, test.group+"."+test.key
			}
			_, err := FromObject(object, "op")
			var bad *KeyError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, path, bad.Key)
			require.Contains(t, bad.Allowed, test.allowed)
		})
	}
}

func TestErrorsAreJoinedAndMasked(t *testing.T) {
	_, err := FromObject(map[string]any{
		"scalyr":     map[string]any{"scalyr_api_key": []any{"hunter2"}},
		"kubernetes": "none", "workers": true,
	}, "op")
	require.EqualError(t, err, strings.Join([]string{
		`kubernetes: "none" is not allowed: must be an object with the options of this group`,
		`scalyr.scalyr_api_key: "***" is not allowed: must be a text`,
		`workers: "true" is not allowed: must be a whole number of at least 1`,
	}, "\n"))
}

func TestNothingPrintsSecrets(t *testing.T) {
	data := map[string]string{}
	for _, o := range Options() {
		if o.Secret {
			data[o.Key] = "hunter2"
		}
	}
	require.Len(t, data, 4)
	c, err := FromConfigMap(data, "op")
	require.NoError(t, err)
	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	require.Contains(t, string(encoded), `"ScalyrAPIKey":"***"`)
	for _, text := range []string{string(encoded), c.String(), fmt.Sprintf("%v %+v %#v %s", c, c, c, c), strings.Join(Diff(Default(), c), "\n")} {
		require.NotContains(t, text, "hunter2")
	}
	require.Contains(t, Diff(Default(), c), "scalyr_api_key: changed")
	require.NotEqual(t, Default().Digest(), c.Digest())
}

func TestDiffAndRestart(t *testing.T) {
	before, err := FromConfigMap(nil, "op")
	require.NoError(t, err)
	after, err := FromConfigMap(map[string]string{"workers": "2", "resync_period": "1m", "docker_image": "x"}, "op")
	require.NoError(t, err)
	require.Equal(t, []string{
		`resync_period: "30m0s" -> "1m0s"`,
		`docker_image: "ghcr.io/zalando/spilo-18:4.1-p2" -> "x"`,
		`workers: 8 -> 2`,
	}, Diff(before, after))
	require.Equal(t, []string{"workers"}, NeedsRestart(before, after))
	require.Empty(t, Diff(before, before))

	same, err := FromConfigMap(map[string]string{"workers": "8", "resync_period": "30m0s", "unknown": "x"}, "op")
	require.NoError(t, err)
	require.Equal(t, before.Digest(), same.Digest(), "what has no effect changes no digest")
	require.Equal(t, []string{"unknown key unknown"}, same.Warnings)
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{"WATCHED_NAMESPACE": "b, a,b", "SCALYR_API_KEY": "k"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	c, err := Default().WithEnvironment(lookup)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, c.WatchedNamespaces("op"))
	require.Equal(t, "k", c.ScalyrAPIKey)

	env = map[string]string{"WATCHED_NAMESPACE": "*"}
	c, err = Default().WithEnvironment(lookup)
	require.NoError(t, err)
	require.Nil(t, c.WatchedNamespaces("op"))
	require.Equal(t, []string{"op"}, Default().WatchedNamespaces("op"))

	env = map[string]string{"WATCHED_NAMESPACE": "No_Name"}
	_, err = Default().WithEnvironment(lookup)
	var bad *KeyError
	require.True(t, errors.As(err, &bad))
	require.Equal(t, "WATCHED_NAMESPACE", bad.Key)
}

func TestTemplateFormat(t *testing.T) {
	c := Default()
	require.Equal(t, "u.c.credentials.postgresql.acid.zalan.do",
		c.SecretNameTemplate.Format("username", "u", "cluster", "c", "tprkind", "postgresql", "tprgroup", "acid.zalan.do"))
	require.Equal(t, "{other}", Template("{other}").Format("cluster", "c"))
}
