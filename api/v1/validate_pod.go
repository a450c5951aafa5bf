package v1

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validatePod checks settings of the database pods that are not about containers.
func validatePod(spec *PostgresSpec, path *field.Path) field.ErrorList {
	errs := apivalidation.ValidateAnnotations(spec.PodAnnotations, path.Child("podAnnotations"))
	errs = append(errs, dnsSubdomain(spec.PodPriorityClassName, path.Child("podPriorityClassName"))...)
	if spec.SchedulerName != nil {
		errs = append(errs, dnsSubdomain(*spec.SchedulerName, path.Child("schedulerName"))...)
	}
	errs = append(errs, between(spec.SpiloRunAsUser, 0, math.MaxInt32, path.Child("spiloRunAsUser"))...)
	errs = append(errs, between(spec.SpiloRunAsGroup, 0, math.MaxInt32, path.Child("spiloRunAsGroup"))...)
	errs = append(errs, between(spec.SpiloFSGroup, 0, math.MaxInt32, path.Child("spiloFSGroup"))...)
	return append(errs, validateProbe(spec.LivenessProbe, path.Child("livenessProbe"))...)
}

func validateProbe(probe *corev1.Probe, path *field.Path) field.ErrorList {
	if probe == nil {
		return nil
	}
	errs := oneSource(probe.ProbeHandler, path, "exec, httpGet, tcpSocket or grpc")
	for _, n := range []struct {
		name  string
		value int32
	}{
		{"failureThreshold", probe.FailureThreshold}, {"initialDelaySeconds", probe.InitialDelaySeconds},
		{"periodSeconds", probe.PeriodSeconds}, {"timeoutSeconds", probe.TimeoutSeconds},
	} {
		errs = append(errs, between(&n.value, 0, math.MaxInt32, path.Child(n.name))...)
	}
	if probe.SuccessThreshold != 0 && probe.SuccessThreshold != 1 {
		errs = append(errs, field.Invalid(path.Child("successThreshold"), probe.SuccessThreshold, "must be 1 for a liveness probe"))
	}
	return errs
}

func validateAdditionalVolume(volume *AdditionalVolume, path *field.Path) field.ErrorList {
	errs := dnsLabel(volume.Name, path.Child("name"))
	switch {
	case volume.MountPath == "":
		errs = append(errs, field.Required(path.Child("mountPath"), ""))
	case strings.Contains(volume.MountPath, ":"):
		errs = append(errs, field.Invalid(path.Child("mountPath"), volume.MountPath, `must not contain ":"`))
	}
	errs = append(errs, validateSubPath(volume.SubPath, path.Child("subPath"))...)
	return append(errs, validateVolumeSource(volume, path.Child("volumeSource"))...)
}

// validateVolumeSource wants an object that Kubernetes can read, with one source at most. None is an
// emptyDir. Sources that are newer than this operator pass.
func validateVolumeSource(volume *AdditionalVolume, path *field.Path) field.ErrorList {
	text := volume.VolumeSource.Raw
	if len(text) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var sources map[string]json.RawMessage
	if json.Unmarshal(text, &sources) != nil || sources == nil {
		return field.ErrorList{field.Invalid(path, string(text), "want an object, such as {emptyDir: {}}")}
	}
	maps.DeleteFunc(sources, func(_ string, source json.RawMessage) bool { return string(source) == "null" })
	if len(sources) > 1 {
		names := slices.Sorted(maps.Keys(sources))
		return field.ErrorList{field.Invalid(path, strings.Join(names, ", "), "want only one source")}
	}
	if err := json.Unmarshal(text, &corev1.VolumeSource{}); err != nil {
		return field.ErrorList{field.Invalid(path, string(text), fmt.Sprintf("is not what Kubernetes wants: %s", decodeReason(err)))}
	}
	return nil
}
