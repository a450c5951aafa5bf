package volumes

import "k8s.io/apimachinery/pkg/api/resource"

// Kind is what a Step does.
type Kind string

// The kinds of steps.
const (
	// Annotate a claim with what it inherits from the manifest.
	Annotate Kind = "Annotate"

	// Request another size in a claim.
	Request Kind = "Request"

	// Modify a disk through EC2.
	Modify Kind = "Modify"

	// GrowFileSystem in the pod of a claim whose disk has grown, then note the capacity on the volume.
	GrowFileSystem Kind = "GrowFileSystem"
)

// Step is one thing to do. Steps of different claims do not depend on one another.
type Step struct {
	Kind   Kind
	Claim  string
	Reason string

	Annotations map[string]string // Annotate
	Size        resource.Quantity // Request, GrowFileSystem
	Volume      string            // GrowFileSystem
	Disk        string            // Modify
	Change      Change            // Modify
}

// Change is what of a disk is to change; zero values stay as they are.
type Change struct {
	SizeGiB          int32
	IOPS, Throughput int32
	Type             string
}

// Reason is what a finding is about, in one word.
type Reason string

// The reasons, from what needs no attention to what needs it most.
const (
	Resized        Reason = "Resized"
	SwitchedOff    Reason = "Off"
	NotBound       Reason = "NotBound"
	Resizing       Reason = "Resizing"
	FileSystem     Reason = "FileSystemResizePending"
	NotEBS         Reason = "NotEBS"
	ShrinkRefused  Reason = "ShrinkRefused"
	NotFeasible    Reason = "Infeasible"
	NotExpandable  Reason = "NotExpandable"
	DiskChangeFail Reason = "DiskChangeFailed"
)

// weight orders the reasons.
func (r Reason) weight() int {
	for i, each := range []Reason{Resized, SwitchedOff, NotBound, Resizing, FileSystem, NotEBS, ShrinkRefused, NotFeasible, NotExpandable, DiskChangeFail} {
		if r == each {
			return i
		}
	}
	return 0
}

// NeedsPerson tells whether nothing will change until somebody changes something.
func (r Reason) NeedsPerson() bool { return r.weight() >= NotEBS.weight() }

// Moves tells whether the state will change by itself, so that one has to look again.
func (r Reason) Moves() bool { return r == Resizing || r == FileSystem }

// Finding is what a person may have to know of a claim. Its text is stable.
type Finding struct {
	Reason  Reason
	Message string
}
