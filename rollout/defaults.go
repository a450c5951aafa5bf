package rollout

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// normalised fills in what the API server would, so that a field written out is equal to one left out.
// https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/v1/defaults.go
func normalised(in corev1.PodSpec) corev1.PodSpec {
	spec := *in.DeepCopy()
	spec.RestartPolicy = cmp.Or(spec.RestartPolicy, corev1.RestartPolicyAlways)
	spec.DNSPolicy = cmp.Or(spec.DNSPolicy, corev1.DNSClusterFirst)
	spec.SchedulerName = cmp.Or(spec.SchedulerName, corev1.DefaultSchedulerName)
	spec.DeprecatedServiceAccount = "" // the same as ServiceAccountName
	spec.SecurityContext = orNew(spec.SecurityContext)
	spec.TerminationGracePeriodSeconds = orValue(spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	spec.EnableServiceLinks = orValue(spec.EnableServiceLinks, corev1.DefaultEnableServiceLinks)
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			normaliseContainer(&containers[i])
		}
	}
	for i := range spec.Volumes {
		normaliseVolume(&spec.Volumes[i].VolumeSource)
	}
	return spec
}

func normaliseContainer(c *corev1.Container) {
	c.TerminationMessagePath = cmp.Or(c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	c.TerminationMessagePolicy = cmp.Or(c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	pull := corev1.PullIfNotPresent
	if tag := c.Image[strings.LastIndexByte(c.Image, '/')+1:]; strings.HasSuffix(tag, ":latest") || !strings.ContainsAny(tag, ":@") {
		pull = corev1.PullAlways
	}
	c.ImagePullPolicy = cmp.Or(c.ImagePullPolicy, pull)
	for i := range c.Ports {
		c.Ports[i].Protocol = cmp.Or(c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		if source := c.Env[i].ValueFrom; source != nil && source.FieldRef != nil {
			source.FieldRef.APIVersion = cmp.Or(source.FieldRef.APIVersion, "v1")
		}
	}
	for name, limit := range c.Resources.Limits { // a limit without a request is a request
		if _, ok := c.Resources.Requests[name]; !ok {
			if c.Resources.Requests == nil {
				c.Resources.Requests = corev1.ResourceList{}
			}
			c.Resources.Requests[name] = limit.DeepCopy()
		}
	}
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		normaliseProbe(probe)
	}
}

func normaliseProbe(p *corev1.Probe) {
	if p == nil {
		return
	}
	p.TimeoutSeconds = cmp.Or(p.TimeoutSeconds, 1)
	p.PeriodSeconds = cmp.Or(p.PeriodSeconds, 10)
	p.SuccessThreshold = cmp.Or(p.SuccessThreshold, 1)
	p.FailureThreshold = cmp.Or(p.FailureThreshold, 3)
	if get := p.HTTPGet; get != nil {
		get.Path = cmp.Or(get.Path, "/")
		get.Scheme = cmp.Or(get.Scheme, corev1.URISchemeHTTP)
		get.Port = portNumber(get.Port)
	}
}

// portNumber makes "8008" and 8008 one.
func portNumber(port intstr.IntOrString) intstr.IntOrString {
	return intstr.Parse(port.String())
}

func normaliseVolume(v *corev1.VolumeSource) {
	switch {
	case v.Secret != nil:
		v.Secret.DefaultMode = orValue(v.Secret.DefaultMode, corev1.SecretVolumeSourceDefaultMode)
	case v.ConfigMap != nil:
		v.ConfigMap.DefaultMode = orValue(v.ConfigMap.DefaultMode, corev1.ConfigMapVolumeSourceDefaultMode)
	case v.Projected != nil:
		v.Projected.DefaultMode = orValue(v.Projected.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode)
		for i := range v.Projected.Sources {
			if token := v.Projected.Sources[i].ServiceAccountToken; token != nil {
				token.ExpirationSeconds = orValue(token.ExpirationSeconds, 3600)
			}
		}
	case v.DownwardAPI != nil:
		v.DownwardAPI.DefaultMode = orValue(v.DownwardAPI.DefaultMode, corev1.DownwardAPIVolumeSourceDefaultMode)
	case v.HostPath != nil:
		v.HostPath.Type = orValue(v.HostPath.Type, corev1.HostPathUnset)
	}
}

func orValue[T any](value *T, otherwise T) *T {
	if value != nil {
		return value
	}
	return &otherwise
}

func orNew[T any](value *T) *T {
	if value != nil {
		return value
	}
	return new(T)
}
