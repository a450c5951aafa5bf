package volumes_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"

	"postgres-operator/volumes"
)

var quantity = resource.MustParse

// state is a cluster with one member, whose claim of 10Gi lies on an EBS volume; it shall have 20Gi.
func state(mode volumes.Mode) volumes.State {
	return volumes.State{Mode: mode, Wanted: volumes.Wanted{Size: quantity("20Gi")}, Claims: []volumes.Claim{{
		Name: "pgdata-c-0", Used: true, Bound: true, Requested: quantity("10Gi"), Capacity: quantity("10Gi"),
		Class: &volumes.Class{Name: "gp3", Expandable: true},
		Volume: &volumes.Volume{Name: "pv-0", Capacity: quantity("10Gi"), DiskID: "vol-0",
			Disk: &volumes.Disk{ID: "vol-0", SizeGiB: 10, IOPS: 3000, Throughput: 125, Type: "gp3"}},
	}}}
}

type change func(*volumes.State)

func claim(edit func(*volumes.Claim)) change { return func(s *volumes.State) { edit(&s.Claims[0]) } }

func size(text string) change {
	return func(s *volumes.State) { s.Wanted.Size = quantity(text) }
}

func disk(edit func(*volumes.Disk)) change {
	return claim(func(c *volumes.Claim) { edit(c.Volume.Disk) })
}

// requested is a claim whose request has been raised.
func requested(text string, growth volumes.Growth) change {
	return claim(func(c *volumes.Claim) { c.Requested, c.Growth = quantity(text), growth })
}

func tuned(iops, throughput int32, kind string) change {
	return func(s *volumes.State) { s.Wanted.IOPS, s.Wanted.Throughput, s.Wanted.Type = iops, throughput, kind }
}

// told is a decision in lines.
func told(d volumes.Decision) []string {
	var lines []string
	for _, s := range d.Steps {
		lines = append(lines, fmt.Sprintf("%s %s: %s", s.Kind, s.Claim, s.Reason))
	}
	return append(lines, fmt.Sprintf("%s: %s", d.Worst(), d.Message()))
}

func TestDecide(t *testing.T) {
	const nothing = "Resized: every volume is as the manifest asks"
	unbound := claim(func(c *volumes.Claim) { c.Bound, c.Capacity = false, resource.Quantity{} })
	unused := claim(func(c *volumes.Claim) { c.Used = false })
	noDisk := claim(func(c *volumes.Claim) { c.Volume.DiskID, c.Volume.Disk = "", nil })
	volumeHas := func(text string) change {
		return claim(func(c *volumes.Claim) { c.Volume.Capacity = quantity(text) })
	}
	for name, tc := range map[string]struct {
		mode    volumes.Mode
		changes []change
		want    []string
	}{
		"as wanted":                    {volumes.PVC, []change{size("10Gi")}, []string{nothing}},
		"as wanted, written otherwise": {volumes.PVC, []change{size("10240Mi")}, []string{nothing}},
		"grow":                         {volumes.PVC, nil, []string{"Request pgdata-c-0: grows from 10Gi to 20Gi", "Resizing: claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"grow by less than a GiB":      {volumes.PVC, []change{size("10250Mi")}, []string{"Request pgdata-c-0: grows from 10Gi to 10250Mi", "Resizing: claim pgdata-c-0: it grows from 10Gi to 10250Mi"}},
		"grow one nobody uses":         {volumes.PVC, []change{unused}, []string{"Request pgdata-c-0: grows from 10Gi to 20Gi", "Resizing: claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"class unknown":                {volumes.PVC, []change{claim(func(c *volumes.Claim) { c.Class = nil })}, []string{"Request pgdata-c-0: grows from 10Gi to 20Gi", "Resizing: claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"class without expansion":      {volumes.PVC, []change{claim(func(c *volumes.Claim) { c.Class.Expandable = false })}, []string{"NotExpandable: claim pgdata-c-0: it cannot grow to 20Gi: the storage class gp3 has no allowVolumeExpansion"}},
		"class is gone":                {volumes.PVC, []change{claim(func(c *volumes.Claim) { c.Class.Missing = true })}, []string{"NotExpandable: claim pgdata-c-0: it cannot grow to 20Gi: its storage class gp3 does not exist"}},
		"no class":                     {volumes.PVC, []change{claim(func(c *volumes.Claim) { c.Class = &volumes.Class{} })}, []string{"NotExpandable: claim pgdata-c-0: it cannot grow to 20Gi: it has no storage class, and volumes made by hand are resized by hand"}},
		"not bound":                    {volumes.PVC, []change{unbound}, []string{"NotBound: claim pgdata-c-0: it has no volume yet; until it has, it keeps its request of 10Gi"}},
		"requested":                    {volumes.PVC, []change{requested("20Gi", "")}, []string{"Resizing: claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"growing":                      {volumes.PVC, []change{requested("20Gi", volumes.Growing)}, []string{"Resizing: claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"file system pending":          {volumes.PVC, []change{requested("20Gi", volumes.FileSystemPending)}, []string{"FileSystemResizePending: claim pgdata-c-0: its disk has 20Gi, the file system in the pod follows"}},
		"file system pending, unused":  {volumes.PVC, []change{requested("20Gi", volumes.FileSystemPending), unused}, []string{nothing}},
		"infeasible": {volumes.PVC, []change{requested("20Gi", volumes.Infeasible), claim(func(c *volumes.Claim) { c.Message = "quota exceeded" })},
			[]string{"Infeasible: claim pgdata-c-0: the storage cannot give it 20Gi: quota exceeded. Ask for less in spec.volume.size, but more than 10Gi"}},
		"taken back":             {volumes.PVC, []change{requested("90Gi", volumes.Infeasible)}, []string{"Request pgdata-c-0: takes back a growth from 90Gi to 20Gi", "Resizing: claim pgdata-c-0: it has not grown to 90Gi and is to have 20Gi now"}},
		"shrink":                 {volumes.PVC, []change{size("5Gi")}, []string{"ShrinkRefused: claim pgdata-c-0: it keeps 10Gi: volumes do not shrink. Ask for that size in spec.volume.size again, or clone the cluster to one with 5Gi"}},
		"back to what it has":    {volumes.PVC, []change{size("10Gi"), requested("20Gi", "")}, []string{"ShrinkRefused: claim pgdata-c-0: it keeps 20Gi: volumes do not shrink. Ask for that size in spec.volume.size again, or clone the cluster to one with 10Gi"}},
		"an unknown mode is pvc": {"on", nil, []string{"Request pgdata-c-0: grows from 10Gi to 20Gi", "Resizing: claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"iops in mode pvc":       {volumes.PVC, []change{size("10Gi"), tuned(5000, 0, "io2")}, []string{nothing}},
		"annotate": {volumes.Off, []change{size("10Gi"), func(s *volumes.State) { s.Wanted.Annotations = map[string]string{"a": "1", "b": "2"} },
			claim(func(c *volumes.Claim) { c.Annotations = map[string]string{"a": "1", "c": "3"} })}, []string{"Annotate pgdata-c-0: the manifest has other annotations: b", nothing}},
		"off":            {volumes.Off, nil, []string{"Off: claim pgdata-c-0: it keeps 10Gi, the manifest asks for 20Gi; storage_resize_mode is off"}},
		"off, as wanted": {volumes.Off, []change{size("10Gi")}, []string{nothing}},

		"mixed": {volumes.Mixed, nil, []string{"Modify pgdata-c-0: becomes 20 GiB", "Request pgdata-c-0: grows from 10Gi to 20Gi",
			"Resizing: claim pgdata-c-0: its disk vol-0 becomes 20 GiB; claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"mixed, everything": {volumes.Mixed, []change{size("10Gi"), tuned(4000, 250, "io2")}, []string{"Modify pgdata-c-0: becomes io2, 4000 iops, 250 MiB/s",
			"Resizing: claim pgdata-c-0: its disk vol-0 becomes io2, 4000 iops, 250 MiB/s"}},
		"mixed, too little to count": {volumes.Mixed, []change{size("10Gi"), tuned(2999, 124, "gp3")}, []string{nothing}},
		"mixed, as wanted":           {volumes.Mixed, []change{size("10Gi"), tuned(3000, 125, "gp3")}, []string{nothing}},
		"mixed, modifying": {volumes.Mixed, []change{requested("20Gi", ""), disk(func(d *volumes.Disk) { d.Change = "modifying" })},
			[]string{"Resizing: claim pgdata-c-0: EC2 is modifying vol-0; claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"mixed, optimizing": {volumes.Mixed, []change{size("10Gi"), tuned(4000, 0, ""), disk(func(d *volumes.Disk) { d.Change = "optimizing" })},
			[]string{"Resizing: claim pgdata-c-0: EC2 still optimizes vol-0 after an earlier change, then it becomes 4000 iops"}},
		"mixed, failed": {volumes.Mixed, []change{size("10Gi"), tuned(4000, 0, ""), disk(func(d *volumes.Disk) { d.Change = "failed" })},
			[]string{"Modify pgdata-c-0: becomes 4000 iops", "Resizing: claim pgdata-c-0: its disk vol-0 becomes 4000 iops again, as an earlier change failed"}},
		"mixed, not EBS":           {volumes.Mixed, []change{noDisk}, []string{"Request pgdata-c-0: grows from 10Gi to 20Gi", "Resizing: claim pgdata-c-0: it grows from 10Gi to 20Gi"}},
		"mixed, not EBS but tuned": {volumes.Mixed, []change{size("10Gi"), noDisk, tuned(4000, 0, "")}, []string{"NotEBS: claim pgdata-c-0: its volume pv-0 is not an EBS volume: iops, throughput and type have no effect"}},
		"mixed, unknown to EC2":    {volumes.Mixed, []change{size("10Gi"), claim(func(c *volumes.Claim) { c.Volume.Disk = nil })}, []string{"DiskChangeFailed: claim pgdata-c-0: EC2 knows no volume vol-0 in aws_region"}},
		"mixed, the disk does not grow for a claim that cannot": {volumes.Mixed, []change{claim(func(c *volumes.Claim) { c.Class.Expandable = false })},
			[]string{"NotExpandable: claim pgdata-c-0: it cannot grow to 20Gi: the storage class gp3 has no allowVolumeExpansion"}},

		"ebs":                {volumes.EBS, nil, []string{"Modify pgdata-c-0: becomes 20 GiB", "Resizing: claim pgdata-c-0: its disk vol-0 becomes 20 GiB"}},
		"ebs, part of a GiB": {volumes.EBS, []change{size("10250Mi")}, []string{"Modify pgdata-c-0: becomes 11 GiB", "Resizing: claim pgdata-c-0: its disk vol-0 becomes 11 GiB"}},
		"ebs, no iops":       {volumes.EBS, []change{size("10Gi"), tuned(4000, 0, "")}, []string{nothing}},
		"ebs, modifying":     {volumes.EBS, []change{disk(func(d *volumes.Disk) { d.SizeGiB, d.Change = 20, "modifying" })}, []string{"Resizing: claim pgdata-c-0: EC2 is modifying vol-0"}},
		"ebs, optimizing": {volumes.EBS, []change{disk(func(d *volumes.Disk) { d.SizeGiB, d.Change = 20, "optimizing" })},
			[]string{"GrowFileSystem pgdata-c-0: disk vol-0 has 20 GiB", "Resizing: claim pgdata-c-0: its disk vol-0 has grown, the file system in the pod follows"}},
		"ebs, done":           {volumes.EBS, []change{volumeHas("20Gi")}, []string{nothing}},
		"ebs, shrink":         {volumes.EBS, []change{volumeHas("30Gi")}, []string{"ShrinkRefused: claim pgdata-c-0: its volume keeps 30Gi: volumes do not shrink. Ask for that size in spec.volume.size again, or clone the cluster to one with 20Gi"}},
		"ebs, not EBS":        {volumes.EBS, []change{noDisk}, []string{"NotEBS: claim pgdata-c-0: its volume pv-0 is not an EBS volume: storage_resize_mode ebs cannot give it 20Gi, pvc may"}},
		"ebs, unknown to EC2": {volumes.EBS, []change{claim(func(c *volumes.Claim) { c.Volume.Disk = nil })}, []string{"DiskChangeFailed: claim pgdata-c-0: EC2 knows no volume vol-0 in aws_region"}},
		"ebs, nobody uses it": {volumes.EBS, []change{unused, claim(func(c *volumes.Claim) { c.Volume = nil })}, []string{nothing}},
	} {
		t.Run(name, func(t *testing.T) {
			s := state(tc.mode)
			for _, c := range tc.changes {
				c(&s)
			}
			require.Equal(t, tc.want, told(volumes.Decide(s)))
		})
	}
}

// Of several claims each is decided for itself, in the order of their names, and the worst names the reason.
func TestSeveralClaims(t *testing.T) {
	s := state(volumes.PVC)
	other := s.Claims[0]
	other.Name, other.Class = "pgdata-c-1", &volumes.Class{Name: "gp2"}
	s.Claims = []volumes.Claim{other, s.Claims[0]}
	require.Equal(t, []string{
		"Request pgdata-c-0: grows from 10Gi to 20Gi",
		"NotExpandable: claim pgdata-c-0: it grows from 10Gi to 20Gi; claim pgdata-c-1: it cannot grow to 20Gi: the storage class gp2 has no allowVolumeExpansion",
	}, told(volumes.Decide(s)))
}

// What a decision does not need is not asked for: an idle cluster costs nothing.
func TestWhatHasToBeKnown(t *testing.T) {
	for _, tc := range []struct {
		mode          volumes.Mode
		changes       []change
		class, volume bool
	}{
		{volumes.PVC, []change{size("10Gi")}, false, false},
		{volumes.PVC, nil, true, false},
		{volumes.Mixed, []change{size("10Gi")}, false, true},
		{volumes.Mixed, nil, true, true},
		{volumes.EBS, nil, false, true},
		{volumes.EBS, []change{claim(func(c *volumes.Claim) { c.Used = false })}, false, false},
		{volumes.EBS, []change{claim(func(c *volumes.Claim) { c.Bound = false })}, false, false},
		{volumes.Off, nil, false, false},
	} {
		s := state(tc.mode)
		for _, c := range tc.changes {
			c(&s)
		}
		require.Equal(t, tc.class, s.WantsClass(s.Claims[0]), "class in mode %s", tc.mode)
		require.Equal(t, tc.volume, s.WantsVolume(s.Claims[0]), "volume in mode %s", tc.mode)
	}
}
