package volumes

import "k8s.io/apimachinery/pkg/api/resource"

// Mode is a value of the option storage_resize_mode.
type Mode string

// The modes.
const (
	PVC   Mode = "pvc"
	EBS   Mode = "ebs"
	Mixed Mode = "mixed"
	Off   Mode = "off"
)

// State is everything that the decision rests on.
type State struct {
	Mode   Mode
	Wanted Wanted
	Claims []Claim
}

// Wanted is what the manifest asks for. Zero values ask for nothing.
type Wanted struct {
	Size resource.Quantity

	// Of EBS volumes: operations and MiB per second, and the type, such as gp3.
	IOPS, Throughput int32
	Type             string

	// Annotations that claims have in common with the manifest.
	Annotations map[string]string
}

// Claim is the claim of a member's data volume.
type Claim struct {
	Name string

	// Used tells whether a pod has it. A claim without one belongs to a member that was scaled in.
	Used bool

	// Bound claims have a volume. Kubernetes lets no other claim be changed.
	Bound bool

	// Requested is what the claim asks for, Capacity what it has.
	Requested, Capacity resource.Quantity
	Annotations         map[string]string

	// Class is the storage class, nil where it need not be known.
	Class *Class

	// Growth is what Kubernetes says of a growth under way.
	Growth  Growth
	Message string // of a growth that fails

	// Volume is nil where it need not be known.
	Volume *Volume
}

// Class is a storage class.
type Class struct {
	Name       string // empty where the claim has none
	Missing    bool   // there is none of this name
	Expandable bool
}

// Growth is how far Kubernetes has come with a claim that grows.
type Growth string

// What Kubernetes may say of a claim that grows; nothing where it has not looked yet.
const (
	Growing           Growth = "growing"
	FileSystemPending Growth = "file system pending"
	Infeasible        Growth = "infeasible"
)

// Volume is the persistent volume of a claim.
type Volume struct {
	Name     string
	Capacity resource.Quantity

	// DiskID is the id of the EBS volume; empty for volumes of other kinds. Disk is nil where EC2 was not
	// asked, or knows of none.
	DiskID string
	Disk   *Disk
}

// Disk is an EBS volume.
type Disk struct {
	ID               string
	SizeGiB          int32
	IOPS, Throughput int32
	Type             string

	// Change is the state of its newest modification: modifying, optimizing, completed, failed; or empty.
	Change string
}

// WantsClass tells whether a decision about a claim needs its storage class.
func (s State) WantsClass(c Claim) bool {
	return (s.Mode == PVC || s.Mode == Mixed) && c.Bound && c.Requested.Cmp(s.Wanted.Size) < 0
}

// WantsVolume tells whether a decision about a claim needs its volume, and what EC2 knows of it.
func (s State) WantsVolume(c Claim) bool {
	return c.Bound && (s.Mode == EBS && c.Used || s.Mode == Mixed)
}
