package render

import (
	"errors"
	"fmt"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
)

// policy decides. It holds the facts by shorter names, and collects what is
// wrong with them, so that a user learns of all mistakes at once.
type policy struct {
	in       Input
	manifest *apiv1.Postgresql
	spec     *apiv1.PostgresSpec
	config   *config.Config
	scheme   names.Scheme
	owner    names.Owner

	errs     []error
	warnings []Warning
}

// NewView takes every decision about the objects of a cluster. Errors are
// joined: one *InputError for each field and one *MissingError for each object
// that keeps the cluster from being rendered.
func NewView(in Input) (View, error) {
	p := newPolicy(in)
	p.checkName()
	view := View{
		Version:         ContractVersion,
		Manifest:        p.plainManifest(),
		Name:            p.manifest.Name,
		Namespace:       p.manifest.Namespace,
		Labels:          p.scheme.Object(p.owner),
		Selector:        p.scheme.Selector(p.manifest.Name),
		Annotations:     p.annotations(nil),
		OwnerReferences: p.ownerReferences(),
		StatefulSet:     p.statefulSet(),
		Volume:          p.volume(),
		Services:        p.services(),
		Endpoints:       p.endpoints(),
		Secrets:         p.secrets(),
		Budgets:         p.budgets(),
		Poolers:         p.poolers(),
		ServiceAccount:  p.serviceAccount(),
		RoleBinding:     p.roleBinding(),
	}
	view.Pod, view.Postgres = p.pod()
	view.Streams = p.streams()
	view.Backup = p.backup(view.StatefulSet.Replicas)
	view.Warnings = p.warnings
	return view, errors.Join(p.errs...)
}

func newPolicy(in Input) *policy {
	p := &policy{in: in, manifest: in.Manifest, spec: &in.Manifest.Spec, config: &in.Config}
	p.scheme = names.Scheme{
		Static:  p.config.ClusterLabels,
		NameKey: p.config.ClusterNameLabel,
		RoleKey: p.config.PodRoleLabel,
	}
	p.owner = names.Owner{
		Cluster:   p.manifest.Name,
		Team:      p.spec.TeamID,
		Inherited: names.Pick(p.config.InheritedLabels, p.manifest.Labels),
	}
	return p
}

// invalid notes what is wrong with a field of the manifest.
func (p *policy) invalid(field string, value any, format string, args ...any) {
	p.errs = append(p.errs, &InputError{Field: field, Value: value, Reason: fmt.Sprintf(format, args...)})
}

// warn notes what has no or not the expected effect.
func (p *policy) warn(reason, format string, args ...any) {
	p.warnings = append(p.warnings, Warning{Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// configMaps tells whether Patroni keeps its state in ConfigMaps. In any other
// mode it also keeps the Endpoints of the primary, which is why the service of
// the primary then has no selector.
func (p *policy) configMaps() bool {
	return p.config.EtcdHost == "" && p.config.KubernetesUseConfigMaps
}

// annotated tells whether the manifest carries an annotation with the value
// true; an empty key is an option that is not set.
func (p *policy) annotated(key string) bool {
	return key != "" && p.manifest.Annotations[key] == "true"
}

// secretName is the name of the Secret of a role of this or another cluster.
func (p *policy) secretName(role, cluster string) string {
	return names.Secret(string(p.config.SecretNameTemplate), role, cluster)
}
