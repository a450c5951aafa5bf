package v1

import (
	"fmt"
	"net/netip"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateServices checks how a cluster is reached from outside.
func validateServices(spec *PostgresSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, text := range spec.AllowedSourceRanges {
		if prefix, err := netip.ParsePrefix(text); err != nil || prefix.Addr().Zone() != "" {
			errs = append(errs, field.Invalid(path.Child("allowedSourceRanges").Index(i), text,
				`want a network, such as "10.0.0.0/8" or "fd00::/8"`))
		}
	}
	errs = append(errs, apivalidation.ValidateAnnotations(spec.ServiceAnnotations, path.Child("serviceAnnotations"))...)
	errs = append(errs, apivalidation.ValidateAnnotations(spec.MasterServiceAnnotations, path.Child("masterServiceAnnotations"))...)
	errs = append(errs, apivalidation.ValidateAnnotations(spec.ReplicaServiceAnnotations, path.Child("replicaServiceAnnotations"))...)
	return append(errs, validateNodePorts(spec, path)...)
}

// validateNodePorts checks ports that are in force: those whose switch is on.
func validateNodePorts(spec *PostgresSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	taken := map[int32]string{}
	for _, p := range []struct {
		name string
		on   *bool
		port *int32
	}{
		{"masterNodePort", spec.EnableMasterNodePort, spec.MasterNodePort},
		{"replicaNodePort", spec.EnableReplicaNodePort, spec.ReplicaNodePort},
		{"masterPoolerNodePort", spec.EnableMasterPoolerNodePort, spec.MasterPoolerNodePort},
		{"replicaPoolerNodePort", spec.EnableReplicaPoolerNodePort, spec.ReplicaPoolerNodePort},
	} {
		if p.on == nil || !*p.on || p.port == nil || *p.port == 0 {
			continue
		}
		errs = append(errs, between(p.port, 1, 65535, path.Child(p.name))...)
		if other := taken[*p.port]; other != "" {
			errs = append(errs, field.Invalid(path.Child(p.name), *p.port, fmt.Sprintf("must differ from %s", other)))
		}
		taken[*p.port] = p.name
	}
	return errs
}

func validatePooler(spec *PostgresSpec, path *field.Path) field.ErrorList {
	pooler, path := spec.ConnectionPooler, path.Child("connectionPooler")
	if pooler == nil {
		return nil
	}
	var errs field.ErrorList
	if n := pooler.NumberOfInstances; n != nil && *n < 1 {
		errs = append(errs, field.Invalid(path.Child("numberOfInstances"), *n, "must be 1 or more"))
	}
	errs = append(errs, oneOf(pooler.Mode, path.Child("mode"), "session", "transaction")...)
	errs = append(errs, validateImage(pooler.DockerImage, path.Child("dockerImage"))...)
	return append(errs, validateResources(pooler.Resources, path.Child("resources"))...)
}

// validateTLS checks names that become those of volumes, which have no dots.
func validateTLS(spec *PostgresSpec, path *field.Path) field.ErrorList {
	tls, path := spec.TLS, path.Child("tls")
	if tls == nil || tls.SecretName == "" {
		return nil
	}
	errs := dnsLabel(tls.SecretName, path.Child("secretName"))
	if tls.CASecretName != "" && tls.CAFile != "" {
		errs = append(errs, dnsLabel(tls.CASecretName, path.Child("caSecretName"))...)
	}
	return errs
}
