package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// oneFormOnly are the options that one of the forms lacks. A new option
// belongs into both.
var oneFormOnly = map[string]string{
	"liveness_probe":       formObject,
	"enable_load_balancer": formConfigMap,
}

func TestTags(t *testing.T) {
	known := slices.Collect(maps.Keys(formats))
	known = slices.AppendSeq(known, maps.Keys(mapFormats))
	known = append(known, "", "labels", "ServiceAccount", "RoleBinding")
	keys := map[string]bool{}
	for _, o := range Options() {
		require.NotEmpty(t, o.Doc, o.Key)
		require.True(t, strings.HasSuffix(o.Doc, "."), "doc of %s is a sentence", o.Key)
		require.False(t, keys[o.Key], "%s stands twice", o.Key)
		keys[o.Key] = true
		require.Contains(t, known, o.Format, o.Key)
		require.Equal(t, oneFormOnly[o.Key], o.Only, o.Key)
		if len(o.Allowed) > 0 {
			require.Equal(t, "text", o.Type, "allowed is checked for texts only: %s", o.Key)
		}
		require.Equal(t, o.Type == "template", len(o.Holders) > 0, o.Key)
	}
}

// TestEveryOption sets each option to values in both notations and requires
// the same result, and that nothing else changes.
func TestEveryOption(t *testing.T) {
	for _, o := range Options() {
		t.Run(o.Key, func(t *testing.T) {
			changed := map[string]bool{}
			for _, s := range samples(t, o) {
				var results []any
				if o.Only != formObject {
					c, err := FromConfigMap(map[string]string{o.Key: s.text}, "op")
					require.NoError(t, err)
					results = append(results, fieldOf(c, o.Field))
					before, _ := FromConfigMap(nil, "op")
					requireOnly(t, o, Diff(before, c), changed, formConfigMap)
				}
				if o.Only != formConfigMap {
					c, err := FromObject(nested(o, s.value), "op")
					require.NoError(t, err)
					results = append(results, fieldOf(c, o.Field))
					before, _ := FromObject(nested(o, nil), "op")
					requireOnly(t, o, Diff(before, c), changed, formObject)
				}
				require.Equal(t, results[0], results[len(results)-1])
			}
			if o.Only == "" {
				require.Len(t, changed, 2, "no sample differs from the default of one form")
			}
		})
	}
}

func TestAllOptionsAtOnce(t *testing.T) {
	data, object := map[string]string{}, map[string]any{}
	for _, o := range Options() {
		s := samples(t, o)[0]
		data[o.Key] = s.text
		for key, value := range nested(o, s.value) {
			if group, ok := value.(map[string]any); ok && o.Group != "" && object[key] != nil {
				maps.Copy(object[key].(map[string]any), group)
				continue
			}
			object[key] = value
		}
	}
	delete(data, "liveness_probe")
	delete(object, "enable_load_balancer")

	flat, err := FromConfigMap(data, "op")
	require.NoError(t, err)
	require.Equal(t, []string{"obsolete key enable_load_balancer, use enable_master_load_balancer and enable_replica_load_balancer"}, flat.Warnings)
	grouped, err := FromObject(object, "op")
	require.NoError(t, err)
	require.Empty(t, grouped.Warnings)

	var differ []string
	for _, c := range changes(&flat, &grouped) {
		differ = append(differ, c.before.Key)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(oneFormOnly)), differ)
}

type sample struct {
	text  string
	value any
}

// special are samples of options whose values have a form of their own.
func special(o Option) []sample {
	switch o.Key {
	case "toleration":
		return []sample{{"key:postgres,operator:Exists,effect:NoSchedule", map[string]any{"key": "postgres", "operator": "Exists", "effect": "NoSchedule"}}}
	case "persistent_volume_claim_retention_policy":
		return []sample{{"when_deleted:delete,when_scaled:retain", map[string]any{"when_deleted": "delete", "when_scaled": "retain"}}}
	case "sidecars":
		return []sample{{"[{name: a, image: b}]", []any{map[string]any{"name": "a", "image": "b"}}}}
	case "liveness_probe":
		return []sample{{"", map[string]any{"tcpSocket": map[string]any{"port": int64(5432)}}}}
	case "infrastructure_roles_secrets":
		return []sample{{"secretname: x/roles, userkey: u, passwordkey: p, rolekey: r, defaultuservalue: du, defaultrolevalue: dr, details: d, template: true",
			[]any{map[string]any{"secretname": "x/roles", "userkey": "u", "passwordkey": "p", "rolekey": "r",
				"defaultuservalue": "du", "defaultrolevalue": "dr", "details": "d", "template": true}}}}
	case "maintenance_windows":
		return []sample{{"Sat:01:00-02:30, 3:0-4:59", []any{"Sat:01:00-02:30", "3:0-4:59"}}}
	case "secret_name_template":
		return []sample{{"{username}.{cluster}.credentials", "{username}.{cluster}.credentials"}}
	case "connection_pooler_number_of_instances":
		return []sample{{"3", int64(3)}}
	case "max_instances", "min_instances":
		return []sample{{"5", int64(5)}, {"0", int64(0)}}
	}
	return nil
}

// samples returns values of an option in both notations.
func samples(t *testing.T, o Option) []sample {
	if list := special(o); list != nil {
		return list
	}
	switch {
	case len(o.Allowed) > 0:
		var list []sample
		for _, text := range o.Allowed {
			list = append(list, sample{text, text})
		}
		return list
	case o.Format == "cpu":
		return []sample{{"250m", "250m"}}
	case o.Format == "memory":
		return []sample{{"3Gi", "3Gi"}}
	case o.Format == "wave":
		return []sample{{"5", "5"}, {"10%", "10%"}}
	case o.Format == "version":
		return []sample{{"16", "16"}}
	case o.Format == "cron":
		return []sample{{"15 3 * * *", "15 3 * * *"}}
	case o.Format == "ServiceAccount", o.Format == "RoleBinding":
		text := "{kind: " + o.Format + ", metadata: {name: x}}"
		return []sample{{text, text}}
	case o.Type == "bool":
		return []sample{{"true", true}, {"false", false}}
	case o.Type == "integer", o.Type == "unsigned integer":
		return []sample{{"77", int64(77)}, {"0x4e", float64(78)}}
	case o.Type == "duration":
		return []sample{{"17s", "17s"}}
	case o.Type == "list of text":
		return []sample{{"a, b", []any{"a", "b"}}}
	case o.Type == "map of text":
		return []sample{{"a:b, c : d", map[string]any{"a": "b", "c": "d"}}}
	case o.Type == "name or namespace/name":
		return []sample{{"plain", "plain"}, {"other/name", "other/name"}}
	case o.Type == "text", o.Type == "template":
		return []sample{{"x-" + strconv.Itoa(len(o.Key)), "x-" + strconv.Itoa(len(o.Key))}}
	}
	t.Fatalf("no sample for %s of type %s", o.Key, o.Type)
	return nil
}

// nested puts a value where the object form has it; nil leaves its group empty.
func nested(o Option, value any) map[string]any {
	inner := map[string]any{}
	if value != nil {
		inner[o.Key] = value
	}
	if o.Group == "" {
		return inner
	}
	return map[string]any{o.Group: inner}
}

func fieldOf(c Config, name string) any {
	for _, f := range fields(&c) {
		if f.Field == name {
			return f.at.Interface()
		}
	}
	return nil
}

// requireOnly requires that at most the option itself changed, and notes that
// it did.
func requireOnly(t *testing.T, o Option, diff []string, changed map[string]bool, form string) {
	for _, line := range diff {
		require.True(t, strings.HasPrefix(line, o.Key+": "), line)
		changed[form] = true
	}
}

func TestParsedTypes(t *testing.T) {
	c, err := FromConfigMap(map[string]string{
		"resync_period":                    "1h30m",
		"spilo_runasuser":                  "101",
		"spilo_allow_privilege_escalation": "",
		"pod_environment_configmap":        "env",
		"oauth_token_secret_name":          "sec/token",
		"inherited_labels":                 "a, b,,c",
		"custom_pod_annotations":           `k:v,url:http://h:80/x,q:"a,b"`,
		"toleration":                       "key:db,operator:Equal,value:yes,effect:NoExecute",
		"pod_service_account_definition":   "kind: ServiceAccount\nmetadata: {annotations: {a: b}}",
		"sidecars":                         `[{"name":"s","image":"i","ports":[{"containerPort":80}]}]`,
		"node_readiness_label_merge":       "",
		"enable_sidecars":                  "",
		"enable_secrets_deletion":          "",
		"storage_resize_mode":              "",
	}, "op")
	require.NoError(t, err)
	require.Equal(t, 90*time.Minute, c.ResyncPeriod)
	require.Equal(t, int64(101), *c.SpiloRunAsUser)
	require.Nil(t, c.SpiloAllowPrivilegeEscalation)
	require.Equal(t, NamespacedName{"op", "env"}, c.PodEnvironmentConfigMap)
	require.Equal(t, NamespacedName{"sec", "token"}, c.OAuthTokenSecretName)
	require.Equal(t, []string{"a", "b", "c"}, c.InheritedLabels)
	require.Equal(t, map[string]string{"k": "v", "url": "http://h:80/x", "q": `"a,b"`}, c.CustomPodAnnotations)
	require.Equal(t, []corev1.Toleration{{Key: "db", Operator: "Equal", Value: "yes", Effect: "NoExecute"}}, c.Tolerations())
	require.Equal(t, map[string]any{"annotations": map[string]any{"a": "b"}}, c.PodServiceAccountDefinition["metadata"])
	require.Equal(t, int32(80), c.SidecarContainers[0].Ports[0].ContainerPort)
	require.Empty(t, c.NodeReadinessLabelMerge)
	require.True(t, c.EnableSidecars, "not set means allowed")
	require.False(t, c.EnableSecretsDeletion, "not set deletes nothing")
	require.Equal(t, "pvc", c.StorageResizeMode)
}

func TestObjectValues(t *testing.T) {
	var configuration map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(`
max_instances: 0
crd_categories: []
kubernetes:
  pod_role_label: ""
  cluster_labels: {}
  infrastructure_roles_secrets:
  - {secretname: roles, userkey: u, passwordkey: p}
  - {secretname: half}
logical_backup:
  logical_backup_successful_jobs_history_limit: 0
connection_pooler:
  connection_pooler_number_of_instances: 1
scalyr:
  scalyr_server_url: ""
load_balancer: null
`), &configuration))
	c, err := FromObject(configuration, "op")
	require.NoError(t, err)
	require.Equal(t, int32(0), c.MaxInstances, "zero instances is a choice")
	require.Equal(t, []string{"all"}, c.CRDCategories)
	require.Equal(t, "spilo-role", c.PodRoleLabel)
	require.Equal(t, map[string]string{"application": "spilo"}, c.ClusterLabels)
	require.Equal(t, []InfrastructureRole{{SecretName: NamespacedName{"op", "roles"}, UserKey: "u", PasswordKey: "p"}}, c.InfrastructureRoles)
	require.Equal(t, int32(0), c.LogicalBackupSuccessfulJobsHistoryLimit)
	require.Equal(t, int32(2), c.ConnectionPoolerNumberOfInstances)
	require.Empty(t, c.ScalyrServerURL)
	require.Equal(t, 20*time.Minute, c.MasterPodMoveTimeout, "its group is there")
	require.Equal(t, uint32(180), c.PasswordRotationUserRetention, "its group is not")
	require.Equal(t, Template("{username}.{cluster}.credentials.{tprkind}.{tprgroup}"), c.SecretNameTemplate)
	require.Equal(t, []string{
		"connection_pooler.connection_pooler_number_of_instances raised to 2",
		"entry without effect in kubernetes.infrastructure_roles_secrets: needs secretname, passwordkey and one of userkey, defaultuservalue",
	}, c.Warnings)
}
