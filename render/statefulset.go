package render

import (
	"strconv"

	"postgres-operator/names"
)

// statefulSet decides what the StatefulSet has beside its pods.
func (p *policy) statefulSet() StatefulSetView {
	replicas, annotations := p.replicas()
	return StatefulSetView{
		Replicas:            replicas,
		PodManagementPolicy: p.podManagementPolicy(),
		Annotations:         overlaid(p.workloadAnnotations(), annotations),
		WhenDeleted:         p.retention("when_deleted"),
		WhenScaled:          p.retention("when_scaled"),
	}
}

// replicas is the number of members, or, while the primary is one of those
// that would go, the number that there is: the annotation asks for a
// switchover first.
func (p *policy) replicas() (int32, map[string]string) {
	wanted, observed := p.instances(), p.in.Observed
	primary := observed.PrimaryOrdinal
	if wanted == 0 || wanted >= observed.Replicas || primary == nil || *primary < int(wanted) {
		return wanted, nil
	}
	return observed.Replicas, map[string]string{names.ScaleIn: strconv.Itoa(int(wanted))}
}

// instances is the number of members after the configured bounds. The lower
// bound wins over the upper one. A standby cluster of one member keeps it:
// it is a copy, and a second copy is not what the bound is for.
func (p *policy) instances() int32 {
	wanted := p.spec.NumberOfInstances
	if p.annotated(p.config.IgnoreInstanceLimitsAnnotationKey) {
		return wanted
	}
	if p.spec.StandbyCluster != nil {
		if wanted == 1 {
			return wanted
		}
		p.warn("Standby", "a standby cluster of more than one instance: each of them streams or restores on its own")
	}
	bounded := wanted
	if largest := p.config.MaxInstances; largest >= 0 {
		bounded = min(bounded, largest)
	}
	if smallest := p.config.MinInstances; smallest >= 0 {
		bounded = max(bounded, smallest)
	}
	return bounded
}

func (p *policy) podManagementPolicy() string {
	if p.config.PodManagementPolicy == "parallel" {
		return "Parallel"
	}
	return "OrderedReady"
}

// retention is what becomes of volume claims in a situation; anything that
// does not clearly ask for deletion keeps the data.
func (p *policy) retention(situation string) string {
	if p.config.PersistentVolumeClaimRetentionPolicy[situation] == "delete" {
		return "Delete"
	}
	return "Retain"
}

// volume decides about the claim of a member's data volume.
func (p *policy) volume() VolumeView {
	given := p.spec.Volume
	size, err := parseQuantity(given.Size)
	if err != nil || size.Sign() <= 0 {
		p.invalid("spec.volume.size", given.Size, "no size of a volume; an example is 10Gi")
	}
	return VolumeView{
		Size:         size.String(),
		StorageClass: given.StorageClass,
		Selector:     given.Selector,
	}
}
