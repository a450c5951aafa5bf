package render

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"postgres-operator/names"
)

// rule is one thing that Patroni or the operator depends on, whichever way an
// overlay takes. Rules are checked on finished objects, against the View.
type rule struct {
	path string // of the field
	want any    // equal to it; for maps, every entry of it has to be there
	why  string
}

// check tells of the first rule that an object breaks. at gives a place to
// a path.
func (o *objectSet) check(object Object, at func(path string) []string) error {
	rules, builtIn := o.rules(object.ID)
	if !builtIn {
		return o.checkAdded(object, at)
	}
	for _, r := range rules {
		if have := valueAt(object.Object, r.path); !holds(have, r.want) {
			return &TemplateError{
				Object: object.ID, Field: r.path, Positions: at(r.path),
				Cause: fmt.Sprintf("it has to be %s: %s", describe(r.want), r.why),
			}
		}
	}
	return nil
}

const (
	whyFound    = "the operator finds its objects by this"
	whyMembers  = "members of the cluster are found by this"
	whyPatroni  = "Patroni depends on it"
	whyRollout  = "the operator replaces pods itself, one at a time"
	whyPassword = "the operator has set this password in the database"
)

// rules are those for a built-in object; ok is false for objects of overlays.
func (o *objectSet) rules(id string) (rules []rule, ok bool) {
	group, rest, _ := strings.Cut(id, "/")
	view := o.view
	switch group {
	case "serviceaccount":
		return []rule{{"metadata.name", view.ServiceAccount.Name, whyPatroni}}, true
	case "rolebinding":
		return []rule{{"metadata.name", view.RoleBinding.Name, whyPatroni}, {"roleRef", view.RoleBinding.RoleRef, whyPatroni}}, true
	case "statefulset":
		return o.statefulSetRules(), true
	case "service":
		service, ok := view.Services[rest]
		return serviceRules(service, whyMembers), ok
	case "endpoints":
		endpoints, ok := view.Endpoints[rest]
		return []rule{
			{"metadata.name", endpoints.Name, whyPatroni}, {"metadata.labels", endpoints.Labels, whyPatroni},
			{"subsets", nil, "Patroni keeps the addresses"},
		}, ok
	case "secret":
		secret, ok := view.Secrets[rest]
		return []rule{
			{"metadata.name", secret.Name, whyFound}, {"metadata.namespace", secret.Namespace, whyFound},
			{"metadata.labels", secret.Labels, whyFound}, {"data", secretMap(secret.Data), whyPassword},
		}, ok
	case "pdb":
		return o.budgetRules(rest)
	case "pooler":
		return o.poolerRules(rest)
	case "cronjob":
		if view.Backup == nil {
			return nil, false
		}
		return []rule{{"metadata.name", view.Backup.Name, whyFound}, {"metadata.labels", view.Backup.Labels, whyFound}}, true
	case "fabriceventstream":
		stream, ok := view.Streams[rest]
		return []rule{{"metadata.name", stream.Name, whyFound}, {"metadata.labels", view.Labels, whyFound}}, ok
	}
	return nil, false
}

// statefulSetRules are about members: which pods they are, where their data
// lies, and how Patroni finds its place.
func (o *objectSet) statefulSetRules() []rule {
	view := o.view
	const postgres = "spec.template.spec.containers[postgres]"
	rules := []rule{
		{"metadata.name", view.Name, whyFound},
		{"metadata.namespace", view.Namespace, whyFound},
		{"metadata.labels", view.Labels, whyFound},
		{"spec.selector.matchLabels", view.Selector, whyMembers},
		{"spec.selector.matchExpressions", nil, whyMembers},
		{"spec.serviceName", view.Name, whyPatroni},
		{"spec.podManagementPolicy", view.StatefulSet.PodManagementPolicy, "it cannot change while the cluster lives"},
		{"spec.updateStrategy.type", "OnDelete", whyRollout},
		{"spec.ordinals", nil, "the operator counts members from 0"},
		{"spec.persistentVolumeClaimRetentionPolicy", map[string]string{
			"whenDeleted": view.StatefulSet.WhenDeleted, "whenScaled": view.StatefulSet.WhenScaled,
		}, "data would be lost"},
		{"spec.volumeClaimTemplates[" + names.DataVolume + "].metadata.name", names.DataVolume, "it holds the data"},
		{"spec.volumeClaimTemplates[" + names.DataVolume + "].metadata.labels", view.Labels, whyFound},
		{"spec.template.metadata.labels", view.Labels, whyMembers},
		{postgres, present{}, "it is the database"},
		{postgres + ".ports[8008].containerPort", int64(8008), whyPatroni},
		{postgres + ".ports[5432].containerPort", int64(5432), "clients and the operator connect there"},
	}
	for _, mount := range view.Postgres.VolumeMounts {
		if mount.Content["name"] == names.DataVolume {
			path := postgres + ".volumeMounts[" + mount.Key + "]"
			rules = append(rules, rule{path + ".name", names.DataVolume, "the data lies there"}, rule{path + ".subPath", mount.Content["subPath"], "the data lies there"},
				rule{path + ".readOnly", mount.Content["readOnly"], "the data lies there"})
		}
	}
	for _, variable := range view.Postgres.Env {
		if essential(variable.Key) {
			rules = append(rules, rule{postgres + ".env[" + variable.Key + "]", variable.Content, whyPatroni})
		}
	}
	return rules
}

// essential tells whether the cluster stops working with another value of a variable.
func essential(variable string) bool {
	for _, prefix := range []string{"KUBERNETES_", "PGUSER_", "PGPASSWORD_", "PGROOT", "PGVERSION"} {
		if strings.HasPrefix(variable, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"SCOPE", "POD_IP", "POD_NAMESPACE", "DCS_ENABLE_KUBERNETES_API", "ETCD_HOST", "SPILO_CONFIGURATION"}, variable)
}

func serviceRules(service ServiceView, why string) []rule {
	rules := []rule{
		{"metadata.name", service.Name, whyFound},
		{"metadata.labels", service.Labels, whyFound},
		{"spec.ports[5432].port", int64(5432), "clients connect there"},
		{"spec.ports[5432].targetPort", int64(5432), "clients connect there"},
		{"spec.externalName", nil, why},
	}
	if service.Selector == nil {
		return append(rules, rule{"spec.selector", nil, "Patroni itself says where the primary is"})
	}
	return append(rules, rule{"spec.selector", exactMap(service.Selector), why})
}

func (o *objectSet) budgetRules(which string) ([]rule, bool) {
	budgets := o.view.Budgets
	switch which {
	case "primary":
		return []rule{{"metadata.name", budgets.Primary.Name, whyFound}, {"spec.selector.matchLabels", exactMap(budgets.Primary.Selector), whyMembers}}, true
	case "critical-op":
		return []rule{{"metadata.name", budgets.Critical.Name, whyFound}, {"spec.selector.matchLabels", exactMap(budgets.Critical.Selector), whyMembers}}, true
	}
	return nil, false
}

func (o *objectSet) poolerRules(which string) ([]rule, bool) {
	role, object, _ := strings.Cut(which, "/")
	pooler, ok := o.view.Poolers[role]
	const container = "spec.template.spec.containers[" + names.PoolerContainer + "]"
	switch object {
	case "deployment":
		return []rule{
			{"metadata.name", pooler.Name, whyFound},
			{"metadata.labels", pooler.Labels, whyFound},
			{"spec.selector.matchLabels", exactMap(pooler.Selector), "it cannot change while the pooler lives"},
			{"spec.template.metadata.labels", pooler.Labels, "the pooler's pods are found by this"},
			{container, present{}, "it is the pooler"},
			{container + ".ports[5432].containerPort", int64(5432), "clients connect there"},
		}, ok
	case "service":
		return serviceRules(pooler.Service, "the pooler's pods are found by this"), ok
	case "secret":
		return []rule{{"metadata.name", pooler.Secret.Name, whyFound}, {"data", secretMap(pooler.Secret.Data), whyPassword}}, ok
	}
	return nil, false
}

// exactMap is a map that has to be there with these entries and no others.
type exactMap map[string]string

// secretMap is a map whose values are not for people.
type secretMap map[string]string

// present wants any value.
type present struct{}

// holds compares a value with what a rule wants.
func holds(have, want any) bool {
	switch want := want.(type) {
	case nil:
		return have == nil || have == false || have == ""
	case present:
		return have != nil
	case secretMap:
		return holds(have, map[string]string(want))
	case exactMap:
		m, _ := have.(map[string]any)
		return len(m) == len(want) && holds(have, map[string]string(want))
	case map[string]string:
		m, _ := have.(map[string]any)
		for key, value := range want {
			if m[key] != value {
				return false
			}
		}
		return true
	case map[string]any:
		m, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for key, value := range want {
			if !holds(m[key], value) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(have, want)
}

// describe puts a value into words, but never one that may be secret.
func describe(want any) string {
	switch want := want.(type) {
	case nil:
		return "absent"
	case present:
		return "there"
	case exactMap:
		return "exactly " + pairs(want)
	case map[string]string:
		return pairs(want)
	case string:
		return fmt.Sprintf("%q", want)
	case int64:
		return fmt.Sprint(want)
	}
	return "as the operator has it"
}

func pairs(m map[string]string) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		words = append(words, key+"="+m[key])
	}
	return strings.Join(words, ",")
}

// valueAt finds the value at a path such as spec.ports[5432].port. The item of
// a list is that with the key as name, mount path or number of a port.
func valueAt(content any, path string) any {
	for _, key := range steps(path) {
		switch at := content.(type) {
		case map[string]any:
			content = at[key]
		case []any:
			content = itemAt(at, key)
		default:
			return nil
		}
	}
	return content
}

func itemAt(list []any, key string) any {
	for _, item := range list {
		fields, _ := item.(map[string]any)
		for _, field := range []string{"name", "mountPath", "containerPort", "port"} {
			if value, ok := fields[field]; ok && fmt.Sprint(value) == key {
				return item
			}
		}
		if name, _, _ := unstructured.NestedString(fields, "metadata", "name"); name == key {
			return item
		}
	}
	return nil
}
