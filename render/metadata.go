package render

import (
	"maps"
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"postgres-operator/names"
)

// lastApplied repeats the whole manifest and changes with every kubectl apply.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// checkName refuses names from which no valid Kubernetes name can be made, and
// those that do not follow the team where the configuration demands it.
func (p *policy) checkName() {
	name := p.manifest.Name
	if problems := validation.IsDNS1035Label(names.Service(name, names.RoleReplica)); len(problems) > 0 {
		p.invalid("metadata.name", name, "it names services, with -repl behind it: %s", problems[0])
	}
	if !p.config.EnableTeamIdClusternamePrefix {
		return
	}
	if p.spec.TeamID == "" {
		p.invalid("spec.teamId", nil, "names of clusters have to start with their team, so there has to be one")
		return
	}
	if _, ok := names.WithoutTeam(name, p.spec.TeamID); !ok {
		p.invalid("metadata.name", name, "it has to start with %q, the team, have something behind that, and be at most 58 lower-case letters, digits and dashes",
			p.spec.TeamID+"-")
	}
}

// plainManifest is the manifest without what changes by itself.
func (p *policy) plainManifest() Manifest {
	annotations := maps.Clone(p.manifest.Annotations)
	delete(annotations, lastApplied)
	return Manifest{
		Metadata: ManifestMetadata{
			Name:        p.manifest.Name,
			Namespace:   p.manifest.Namespace,
			UID:         string(p.manifest.UID),
			Labels:      p.manifest.Labels,
			Annotations: annotations,
		},
		Spec: *p.spec,
	}
}

// annotations gives own annotations of an object, overlaid with those that
// it inherits from the manifest; nil when there are none.
func (p *policy) annotations(own map[string]string) map[string]string {
	return overlaid(own, names.Pick(p.config.InheritedAnnotations, p.manifest.Annotations))
}

// workloadAnnotations are the annotations of an object that a downscaler may
// stop: those whose key matches one of the configured expressions come along.
func (p *policy) workloadAnnotations() map[string]string { return p.downscaled(p.annotations(nil)) }

// downscaled adds what a downscaler reads.
func (p *policy) downscaled(annotations map[string]string) map[string]string {
	for _, expression := range p.config.DownscalerAnnotations {
		matcher, err := regexp.Compile(expression)
		if err != nil { // the configuration was checked when it was read
			p.warn("Configuration", "downscaler_annotations: %v", err)
			continue
		}
		for key, value := range p.manifest.Annotations {
			if matcher.MatchString(key) {
				annotations = overlaid(annotations, map[string]string{key: value})
			}
		}
	}
	return annotations
}

// podAnnotations are the annotations of a pod template.
func (p *policy) podAnnotations() map[string]string {
	return p.annotations(overlaid(p.config.CustomPodAnnotations, p.spec.PodAnnotations))
}

// overlaid merges maps into a new one, the later ones winning; nil when there
// is nothing in them.
func overlaid(layers ...map[string]string) map[string]string {
	merged := map[string]string{}
	for _, layer := range layers {
		maps.Copy(merged, layer)
	}
	if len(merged) == 0 {
		return nil
	}
	return merged
}

// ownerReferences gives the owners of the manifest and, where configured, the
// manifest itself, so that Kubernetes deletes the objects with it.
func (p *policy) ownerReferences() []metav1.OwnerReference {
	owners := slices.Clone(p.manifest.OwnerReferences)
	if !p.config.EnableOwnerReferences {
		return owners
	}
	isManifest := func(o metav1.OwnerReference) bool { return o.UID == p.manifest.UID }
	if slices.ContainsFunc(owners, isManifest) {
		return owners
	}
	controller := true
	return append(owners, metav1.OwnerReference{
		APIVersion: names.APIVersion,
		Kind:       names.Kind,
		Name:       p.manifest.Name,
		UID:        p.manifest.UID,
		Controller: &controller,
	})
}
