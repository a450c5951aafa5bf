package volumes

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// States of the newest modification of a disk.
// https://docs.aws.amazon.com/ebs/latest/userguide/monitoring-volume-modifications.html
const (
	modifying  = "modifying"
	optimizing = "optimizing"
	failed     = "failed"
)

// Below these, values of a manifest are not meant for gp3 volumes; they have been ignored always.
const (
	leastIOPS       = 3000
	leastThroughput = 125
)

// disk brings the volume of a claim to the wanted size by EC2 and the file system in the pod. The claim
// stays as it is.
func (d *Decision) disk(s State, c Claim) {
	v, wanted := c.Volume, s.Wanted.Size
	if v == nil {
		return // nothing uses it, or it is not bound: a new pod comes as an event
	}
	switch order := v.Capacity.Cmp(wanted); {
	case order > 0:
		d.find(ShrinkRefused, c.Name, "its volume keeps %s: volumes do not shrink. Ask for that size in spec.volume.size again, or clone the cluster to one with %s",
			v.Capacity.String(), wanted.String())
		return
	case order == 0:
		return
	case v.DiskID == "":
		d.find(NotEBS, c.Name, "its volume %s is not an EBS volume: storage_resize_mode ebs cannot give it %s, pvc may", v.Name, wanted.String())
		return
	case v.Disk == nil:
		d.find(DiskChangeFail, c.Name, "EC2 knows no volume %s in aws_region", v.DiskID)
		return
	}
	if v.Disk.Change == modifying {
		d.find(Resizing, c.Name, "EC2 is modifying %s", v.DiskID)
		return
	}
	if v.Disk.SizeGiB < gib(wanted) {
		d.change(c, Change{SizeGiB: gib(wanted)})
		return
	}
	d.do(Step{Kind: GrowFileSystem, Claim: c.Name, Volume: v.Name, Size: wanted, Reason: fmt.Sprintf("disk %s has %d GiB", v.DiskID, v.Disk.SizeGiB)})
	d.find(Resizing, c.Name, "its disk %s has grown, the file system in the pod follows", v.DiskID)
}

// modify brings a disk to the wanted size and performance; its claim then does the rest.
func (d *Decision) modify(s State, c Claim) {
	v, w := c.Volume, s.Wanted
	tuned := w.IOPS >= leastIOPS || w.Throughput >= leastThroughput || w.Type != ""
	switch {
	case v == nil:
		return
	case v.DiskID == "":
		if tuned {
			d.find(NotEBS, c.Name, "its volume %s is not an EBS volume: iops, throughput and type have no effect", v.Name)
		}
		return
	case v.Disk == nil:
		d.find(DiskChangeFail, c.Name, "EC2 knows no volume %s in aws_region", v.DiskID)
		return
	}
	var change Change
	if v.Disk.SizeGiB < gib(w.Size) && c.Class.refuses() == "" {
		change.SizeGiB = gib(w.Size)
	}
	if w.IOPS >= leastIOPS && w.IOPS != v.Disk.IOPS {
		change.IOPS = w.IOPS
	}
	if w.Throughput >= leastThroughput && w.Throughput != v.Disk.Throughput {
		change.Throughput = w.Throughput
	}
	if w.Type != "" && w.Type != v.Disk.Type {
		change.Type = w.Type
	}
	switch {
	case v.Disk.Change == modifying:
		d.find(Resizing, c.Name, "EC2 is modifying %s", v.DiskID)
	case change != Change{}:
		d.change(c, change)
	}
}

// change asks EC2 for a modification, which it refuses while an earlier one is not over.
func (d *Decision) change(c Claim, change Change) {
	disk := c.Volume.Disk
	if disk.Change == optimizing {
		d.find(Resizing, c.Name, "EC2 still optimizes %s after an earlier change, then it becomes %s", disk.ID, change)
		return
	}
	after := ""
	if disk.Change == failed {
		after = " again, as an earlier change failed"
	}
	d.do(Step{Kind: Modify, Claim: c.Name, Disk: disk.ID, Change: change, Reason: "becomes " + change.String()})
	d.find(Resizing, c.Name, "its disk %s becomes %s%s", disk.ID, change, after)
}

// String is the change in words.
func (c Change) String() string {
	var parts []string
	if c.SizeGiB > 0 {
		parts = append(parts, fmt.Sprintf("%d GiB", c.SizeGiB))
	}
	if c.Type != "" {
		parts = append(parts, c.Type)
	}
	if c.IOPS > 0 {
		parts = append(parts, fmt.Sprintf("%d iops", c.IOPS))
	}
	if c.Throughput > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB/s", c.Throughput))
	}
	return strings.Join(parts, ", ")
}

// gib is a size in whole GiB, as EC2 counts, rounded up.
func gib(q resource.Quantity) int32 {
	const unit = 1 << 30
	return int32((q.Value() + unit - 1) / unit)
}
