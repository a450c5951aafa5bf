package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"postgres-operator/names"
)

// sidecar is a container beside postgres. Its resources are kept apart, in
// their canonical form.
type sidecar struct {
	corev1.Container
	resources *ResourcesView
	origin    string // where it comes from, for messages
}

// sidecars lists the containers beside postgres: of the manifest, of the two
// options for all clusters, and the Scalyr agent. Of two with one name, the
// first stays.
func (p *policy) sidecars(mounts []mount) Entries {
	var all []sidecar
	all = append(all, p.manifestSidecars()...)
	all = append(all, p.configuredSidecars()...)
	all = append(all, p.imageSidecars()...)
	all = append(all, p.scalyrSidecar()...)

	list, seen := Entries{}, map[string]bool{names.PostgresContainer: true}
	for _, s := range all {
		switch {
		case s.Name == "" || s.Image == "":
			p.invalid(s.origin, s.Name, "a sidecar needs a name and an image")
		case s.Name == names.PostgresContainer:
			p.invalid(s.origin+".name", s.Name, "this is the name of the container of the database")
		case seen[s.Name]:
			p.warn("Sidecar", "%s is ignored: there is another sidecar %s", s.origin, s.Name)
		default:
			seen[s.Name] = true
			list = append(list, p.completed(s, mounts))
		}
	}
	return list
}

func (p *policy) manifestSidecars() []sidecar {
	if len(p.spec.Sidecars) > 0 && !p.config.EnableSidecars {
		p.switchedOff("spec.sidecars", "enable_sidecars")
	}
	var list []sidecar
	for i, given := range p.spec.Sidecars {
		origin := fmt.Sprintf("spec.sidecars[%d]", i)
		name := given.Name
		if name == "" {
			name = fmt.Sprintf("sidecar-%d", i)
		}
		list = append(list, sidecar{
			Container: corev1.Container{
				Name:            name,
				Image:           given.DockerImage,
				ImagePullPolicy: corev1.PullIfNotPresent,
				Command:         given.Command,
				Ports:           given.Ports,
				Env:             given.Env,
			},
			resources: p.containerResources(origin+".resources", given.Resources, p.podDefaults()),
			origin:    origin,
		})
	}
	return list
}

// switchedOff refuses a part of the manifest that the configuration forbids. A
// cluster that already runs is still cared for.
func (p *policy) switchedOff(field, option string) {
	if p.in.Observed.StatefulSetExists {
		p.warn("Forbidden", "%s: the option %s is off; new clusters are refused", field, option)
		return
	}
	p.invalid(field, nil, "the option %s is off", option)
}

// configuredSidecars are complete containers and stay as they are written.
func (p *policy) configuredSidecars() []sidecar {
	var list []sidecar
	for _, container := range p.config.SidecarContainers {
		list = append(list, sidecar{
			Container: *container.DeepCopy(),
			resources: canonicalResources(container.Resources),
			origin:    "the option sidecars, container " + container.Name,
		})
	}
	return list
}

func (p *policy) imageSidecars() []sidecar {
	var list []sidecar
	images := p.config.SidecarImages
	for _, name := range slices.Sorted(maps.Keys(images)) {
		list = append(list, sidecar{
			Container: corev1.Container{Name: name, Image: images[name], ImagePullPolicy: corev1.PullIfNotPresent},
			resources: p.containerResources("spec.resources", nil, p.podDefaults()),
			origin:    "the option sidecar_docker_images, container " + name,
		})
	}
	return list
}

// scalyrSidecar ships logs, where both its image and its key are configured.
func (p *policy) scalyrSidecar() []sidecar {
	c := p.config
	if c.ScalyrImage == "" || c.ScalyrAPIKey == "" {
		return nil
	}
	env := []corev1.EnvVar{value("SCALYR_API_KEY", c.ScalyrAPIKey), value("SCALYR_SERVER_HOST", p.manifest.Name)}
	if c.ScalyrServerURL != "" {
		env = append(env, value("SCALYR_SERVER_URL", c.ScalyrServerURL))
	}
	general := p.podDefaults()
	return []sidecar{{
		Container: corev1.Container{Name: names.ScalyrSidecar, Image: c.ScalyrImage, ImagePullPolicy: corev1.PullIfNotPresent, Env: env},
		resources: p.containerResources("spec.resources", nil, resourceDefaults{
			cpuRequest:    firstSet(c.ScalyrCPURequest, general.cpuRequest),
			memoryRequest: firstSet(c.ScalyrMemoryRequest, general.memoryRequest),
			cpuLimit:      firstSet(c.ScalyrCPULimit, general.cpuLimit),
			memoryLimit:   firstSet(c.ScalyrMemoryLimit, general.memoryLimit),
		}),
		origin: "the option scalyr_image",
	}}
}

// firstSet is the first quantity that is set.
func firstSet(quantities ...string) string {
	for _, quantity := range quantities {
		if !unset(quantity) {
			return quantity
		}
	}
	return ""
}

// completed gives a sidecar what every one gets: the volumes of the pod, and
// the coordinates and password of the database, which its own variables cannot
// change.
func (p *policy) completed(s sidecar, mounts []mount) Entry {
	superuser := p.config.SuperUsername
	env := newEnvironment()
	env.add(
		field("POD_NAME", "metadata.name"),
		field("POD_NAMESPACE", "metadata.namespace"),
		value("POSTGRES_USER", superuser),
		secretKey("POSTGRES_PASSWORD", p.secretName(superuser, p.manifest.Name), "password"),
	)
	if dropped := env.add(s.Env...); len(dropped) > 0 {
		p.warn("Environment", "%s: env: %s: set by the operator or listed twice, and ignored", s.origin, strings.Join(dropped, ", "))
	}
	s.Env = env.vars
	s.VolumeMounts = mountsOf(s.Name, s.VolumeMounts, mounts)
	s.Ports = withProtocol(s.Ports)
	return containerEntry(s.Container, s.resources)
}

// initContainers are passed on as they are written.
func (p *policy) initContainers() Entries {
	if len(p.spec.InitContainers) > 0 && !p.config.EnableInitContainers {
		p.switchedOff("spec.initContainers", "enable_init_containers")
	}
	var list Entries
	seen := map[string]bool{}
	for i, container := range p.spec.InitContainers {
		origin := fmt.Sprintf("spec.initContainers[%d]", i)
		if container.Name == "" || container.Image == "" {
			p.invalid(origin, container.Name, "an init container needs a name and an image")
			continue
		}
		if seen[container.Name] {
			p.invalid(origin+".name", container.Name, "there is another init container of that name")
			continue
		}
		seen[container.Name] = true
		container.Ports = withProtocol(container.Ports)
		list = append(list, containerEntry(container, canonicalResources(container.Resources)))
	}
	return list
}

// withProtocol states the protocol of ports, which is part of their identity.
func withProtocol(ports []corev1.ContainerPort) []corev1.ContainerPort {
	ports = slices.Clone(ports)
	for i := range ports {
		if ports[i].Protocol == "" {
			ports[i].Protocol = corev1.ProtocolTCP
		}
	}
	return ports
}

func canonicalResources(r corev1.ResourceRequirements) *ResourcesView {
	convert := func(list corev1.ResourceList) amounts {
		a := amounts{}
		for name, quantity := range list {
			a[string(name)] = quantity
		}
		return a
	}
	return resourcesView(convert(r.Requests), convert(r.Limits))
}
