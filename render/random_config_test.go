package render_test

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"postgres-operator/config"
)

// configuration is a valid configuration. Density is the share of options that
// it sets.
func (r *random) configuration(density float64) (map[string]string, config.Config) {
	for {
		data := map[string]string{}
		for _, o := range config.Options() {
			if o.Only != "crd" && r.often(density) {
				data[o.Key] = r.option(o)
			}
		}
		c, err := config.FromConfigMap(data, "default")
		if err != nil {
			continue // options that contradict each other, such as min_instances and max_instances
		}
		if r.often(density) {
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(5432)}}}
		}
		return data, c
	}
}

// option is a valid value of an option, in the notation of the ConfigMap.
func (r *random) option(o config.Option) string {
	if text := r.special(o.Key); text != "" {
		return text
	}
	switch {
	case len(o.Allowed) > 0:
		return r.one(o.Allowed...)
	case o.Format == "cpu":
		return r.one("250m", "2", "0.5", "0")
	case o.Format == "memory":
		return r.one("3Gi", "128Mi", "1G", "0")
	case o.Format == "version":
		return r.one("14", "15", "16", "17", "18")
	case o.Format == "cron":
		return r.one("15 3 * * *", "*/5 * * * *")
	}
	switch o.Type {
	case "bool":
		return r.one("true", "false")
	case "integer", "unsigned integer":
		return fmt.Sprint(1 + r.IntN(100))
	case "duration":
		return r.one("17s", "3m", "2h")
	case "list of text":
		return strings.Join(r.some("a", "b", "c"), ",")
	case "map of text":
		return r.one("a:b", "c:d,e:f")
	case "name or namespace/name":
		return r.one("plain", "other/name")
	case "text":
		return r.one("x-1", "y-2")
	}
	panic(fmt.Sprintf("no random value for %s of type %s", o.Key, o.Type))
}

// special is a value of an option that has a form of its own.
func (r *random) special(key string) string {
	switch key {
	case "max_instances":
		return r.one("-1", "0", "3", "5")
	case "min_instances":
		return r.one("-1", "0", "2")
	case "toleration":
		return r.one("key:postgres,operator:Exists,effect:NoSchedule", "key:db,operator:Equal,value:yes,effect:NoExecute")
	case "persistent_volume_claim_retention_policy":
		return r.one("when_deleted:delete,when_scaled:retain", "when_deleted:retain,when_scaled:delete")
	case "sidecars":
		return `[{name: exporter, image: "exporter:1", ports: [{containerPort: 9187}], resources: {limits: {cpu: 1000m}}}, {name: shipper, image: "s:2", env: [{name: A, value: b}]}]`
	case "sidecar_docker_images":
		return r.one("agent:agent/1", "agent:agent/2,exporter:other")
	case "maintenance_windows":
		return "Sat:01:00-02:30,3:0-4:59"
	case "infrastructure_roles_secrets":
		return "secretname: x/roles, userkey: u, passwordkey: p"
	case "fleet_wave_size":
		return r.one("5", "10%")
	case "secret_name_template":
		return r.one("{username}.{cluster}.credentials", "{cluster}-{username}.{tprkind}.{tprgroup}")
	case "pod_service_account_definition":
		return `{apiVersion: v1, kind: ServiceAccount, metadata: {name: x, labels: {a: b}, annotations: {c: d}}, automountServiceAccountToken: true}`
	case "pod_service_account_role_binding_definition":
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: binding, labels: {a: b}}, ` +
			`roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: own}, subjects: [{kind: ServiceAccount, name: x}]}`
	case "additional_pod_capabilities":
		return strings.Join(r.some("SYS_NICE", "net_admin"), ",")
	case "inherited_labels":
		return strings.Join(r.some("tier", "owner"), ",")
	case "inherited_annotations":
		return "owned-by"
	case "downscaler_annotations":
		return "downscaler/.*"
	case "ignore_instance_limits_annotation_key", "ignore_resources_limits_annotation_key":
		return "unbounded"
	case "cluster_labels":
		return r.one("application:spilo", "application:pg,env:prod")
	case "watched_namespace":
		return r.one("*", "default,team-a")
	case "pdb_name_format":
		return "pdb-{cluster}"
	case "master_dns_name_format", "replica_dns_name_format":
		return r.one("{cluster}.{team}.{hostedzone}", "{cluster}-x.{namespace}.{hostedzone}")
	case "master_legacy_dns_name_format", "replica_legacy_dns_name_format":
		return "{cluster}.old.{team}.{hostedzone}"
	case "additional_secret_mount_path":
		return "/meta/secrets"
	case "super_username", "replication_username", "connection_pooler_user":
		return key + "-x"
	case "db_hosted_zone", "cluster_domain":
		return r.one("example.org", "k8s.local")
	}
	return ""
}
