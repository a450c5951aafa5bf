package render

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"postgres-operator/names"
)

// defaultGracePeriod is what a pod gets to stop when the configuration has no
// sensible value: Postgres writes a checkpoint before it stops.
const defaultGracePeriod = 300

// patroniPort is that of Patroni's REST API.
const patroniPort = 8008

// pod decides about the pod of a member.
func (p *policy) pod() (PodView, PostgresView) {
	mounts := p.mounts()
	pod := PodView{
		Annotations:                   p.spiloAnnotations(),
		ServiceAccountName:            p.config.PodServiceAccountName,
		TerminationGracePeriodSeconds: p.gracePeriod(),
		Affinity:                      p.affinity(),
		Tolerations:                   p.tolerations(),
		PriorityClassName:             p.priorityClass(),
		SecurityContext:               p.podSecurity(),
		TopologySpreadConstraints:     p.spec.TopologySpreadConstraints,
		Volumes:                       volumes(mounts),
		InitContainers:                p.initContainers(),
		Sidecars:                      p.sidecars(mounts),
	}
	if p.spec.SchedulerName != nil {
		pod.SchedulerName = *p.spec.SchedulerName
	}
	return pod, p.postgres(mounts)
}

// postgres decides about the container of the database.
func (p *policy) postgres(mounts []mount) PostgresView {
	c := p.config
	container := PostgresView{
		Image:                    c.DockerImage,
		Env:                      envEntries(p.postgresEnv()),
		EnvFrom:                  p.spec.EnvFrom,
		VolumeMounts:             mountEntries(mountsOf(names.PostgresContainer, nil, mounts)),
		Resources:                p.postgresResources(),
		AllowPrivilegeEscalation: c.SpiloAllowPrivilegeEscalation,
		Privileged:               c.SpiloPrivileged,
		LivenessProbe:            c.LivenessProbe,
	}
	if p.spec.DockerImage != "" {
		container.Image = p.spec.DockerImage
	}
	for _, capability := range c.AdditionalPodCapabilities {
		container.Capabilities = append(container.Capabilities, strings.ToUpper(capability))
	}
	if p.spec.LivenessProbe != nil {
		container.LivenessProbe = p.spec.LivenessProbe
	}
	if c.EnableReadinessProbe {
		container.ReadinessProbe = readinessProbe()
	}
	return container
}

// readinessProbe asks Patroni, which knows whether a member may be read from.
func readinessProbe() *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: "/readiness", Port: intstr.FromInt32(patroniPort), Scheme: corev1.URISchemeHTTP},
		},
		InitialDelaySeconds: 6,
		PeriodSeconds:       10,
		TimeoutSeconds:      5,
		SuccessThreshold:    1,
		FailureThreshold:    3,
	}
}

// spiloAnnotations are those of pods that may reach AWS by a role.
func (p *policy) spiloAnnotations() map[string]string {
	annotations := p.podAnnotations()
	if role := p.config.KubeIAMRole; role != "" {
		annotations = overlaid(annotations, map[string]string{names.KubeIAMRole: role})
	}
	return annotations
}

func (p *policy) gracePeriod() int64 {
	seconds := int64(p.config.PodTerminateGracePeriod.Seconds())
	if seconds <= 0 {
		return defaultGracePeriod
	}
	return seconds
}

func (p *policy) priorityClass() string {
	if p.spec.PodPriorityClassName != "" {
		return p.spec.PodPriorityClassName
	}
	return p.config.PodPriorityClassName
}

// podSecurity takes each id from the manifest, else from the configuration.
func (p *policy) podSecurity() *PodSecurityView {
	context := PodSecurityView{
		RunAsUser:  firstGiven(p.spec.SpiloRunAsUser, p.config.SpiloRunAsUser),
		RunAsGroup: firstGiven(p.spec.SpiloRunAsGroup, p.config.SpiloRunAsGroup),
		FSGroup:    firstGiven(p.spec.SpiloFSGroup, p.config.SpiloFSGroup),
	}
	if context == (PodSecurityView{}) {
		return nil
	}
	return &context
}

func firstGiven(ids ...*int64) *int64 {
	for _, id := range ids {
		if id != nil {
			return id
		}
	}
	return nil
}
