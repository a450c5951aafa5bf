package v1

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// postgresContainer is the name of the container that the operator brings.
const postgresContainer = "postgres"

// validateContainers checks what goes into the pod beside the postgres container, and its environment.
func validateContainers(spec *PostgresSpec, path *field.Path) field.ErrorList {
	errs := validateEnv(spec.Env, path.Child("env"))
	for i, source := range spec.EnvFrom {
		errs = append(errs, oneSource(source, path.Child("envFrom").Index(i), "configMapRef or secretRef")...)
	}
	taken := map[string]string{postgresContainer: "the container that the operator brings"}
	for i := range spec.Sidecars {
		errs = append(errs, validateSidecar(&spec.Sidecars[i], i, taken, path.Child("sidecars").Index(i))...)
	}
	for i := range spec.InitContainers {
		container, path := &spec.InitContainers[i], path.Child("initContainers").Index(i)
		errs = append(errs, dnsLabel(container.Name, path.Child("name"))...)
		errs = append(errs, requireImage(container.Image, path.Child("image"))...)
		errs = append(errs, validateEnv(container.Env, path.Child("env"))...)
		errs = append(errs, saneQuantities(container.Resources.Requests, path.Child("resources", "requests"))...)
		errs = append(errs, saneQuantities(container.Resources.Limits, path.Child("resources", "limits"))...)
		if other := taken[container.Name]; other != "" {
			errs = append(errs, field.Invalid(path.Child("name"), container.Name, "is the name of "+other))
		}
		taken[container.Name] = path.String()
	}
	return errs
}

// validateSidecar lets two sidecars have one name: the first one wins.
func validateSidecar(sidecar *Sidecar, index int, taken map[string]string, path *field.Path) field.ErrorList {
	errs := requireImage(sidecar.DockerImage, path.Child("image"))
	name := sidecar.Name
	if name == "" {
		name = fmt.Sprintf("sidecar-%d", index)
	}
	errs = append(errs, dnsLabel(name, path.Child("name"))...)
	if name == postgresContainer {
		errs = append(errs, field.Invalid(path.Child("name"), name, "is the name of "+taken[name]))
	} else {
		taken[name] = path.String()
	}
	errs = append(errs, validateResources(sidecar.Resources, path.Child("resources"))...)
	errs = append(errs, validateEnv(sidecar.Env, path.Child("env"))...)
	for i, port := range sidecar.Ports {
		path := path.Child("ports").Index(i)
		errs = append(errs, between(&port.ContainerPort, 1, 65535, path.Child("containerPort"))...)
		errs = append(errs, between(&port.HostPort, 0, 65535, path.Child("hostPort"))...)
		errs = append(errs, oneOf(port.Protocol, path.Child("protocol"), corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)...)
		if port.Name != "" {
			errs = append(errs, problems(port.Name, path.Child("name"), validation.IsValidPortName(port.Name))...)
		}
	}
	return errs
}

func validateEnv(env []corev1.EnvVar, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, variable := range env {
		path := path.Index(i)
		if variable.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), ""))
		} else {
			errs = append(errs, problems(variable.Name, path.Child("name"), validation.IsRelaxedEnvVarName(variable.Name))...)
		}
		if variable.ValueFrom == nil {
			continue
		}
		if variable.Value != "" {
			errs = append(errs, field.Forbidden(path.Child("valueFrom"), "value and valueFrom exclude each other"))
		}
		errs = append(errs, oneSource(*variable.ValueFrom, path.Child("valueFrom"),
			"configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef or fileKeyRef")...)
	}
	return errs
}

// oneSource wants exactly one of the pointers of a struct to be set, as in all unions of Kubernetes.
func oneSource(union any, path *field.Path, allowed string) field.ErrorList {
	value, set := reflect.ValueOf(union), 0
	for i := range value.NumField() {
		if f := value.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			set++
		}
	}
	if set == 1 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, fmt.Sprintf("%d sources", set), "want exactly one of "+allowed)}
}

func requireImage(image string, path *field.Path) field.ErrorList {
	if image == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return validateImage(image, path)
}

func validateImage(image string, path *field.Path) field.ErrorList {
	if image != strings.TrimSpace(image) {
		return field.ErrorList{field.Invalid(path, image, "must not have spaces around it")}
	}
	return nil
}

// validateAdditionalVolumes follows the operator in what it skips: mounts on the data directory, and on
// a path that an earlier volume has.
func validateAdditionalVolumes(spec *PostgresSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	mounted := []string{"/home/postgres/pgdata"}
	names := map[string]bool{}
	for i := range spec.AdditionalVolumes {
		volume, path := &spec.AdditionalVolumes[i], path.Child("additionalVolumes").Index(i)
		errs = append(errs, validateAdditionalVolume(volume, path)...)
		if slices.Contains(mounted, volume.MountPath) {
			continue
		}
		mounted = append(mounted, volume.MountPath)
		if names[volume.Name] {
			errs = append(errs, field.Duplicate(path.Child("name"), volume.Name))
		}
		names[volume.Name] = true
	}
	return errs
}
