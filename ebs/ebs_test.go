package ebs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/ebs"
	"postgres-operator/testenv/ec2"
	"postgres-operator/volumes"
)

func TestDisksAndTheirModification(t *testing.T) {
	server := ec2.Start(t, ec2.Volume{ID: "vol-0", SizeGiB: 10, IOPS: 3000, Throughput: 125, Type: "gp3"}, ec2.Volume{ID: "vol-1", SizeGiB: 5, Type: "gp2"})
	c, err := ebs.New(t.Context(), "eu-central-1")
	require.NoError(t, err)

	disks, err := c.Disks(t.Context(), []string{"vol-0", "vol-1", "vol-gone"})
	require.NoError(t, err)
	require.Equal(t, map[string]volumes.Disk{
		"vol-0": {ID: "vol-0", SizeGiB: 10, IOPS: 3000, Throughput: 125, Type: "gp3"},
		"vol-1": {ID: "vol-1", SizeGiB: 5, Type: "gp2"},
	}, disks, "one that does not exist is no error for the others")

	require.NoError(t, c.Modify(t.Context(), "vol-0", volumes.Change{SizeGiB: 20, IOPS: 4000}))
	disks, err = c.Disks(t.Context(), []string{"vol-0"})
	require.NoError(t, err)
	require.Equal(t, volumes.Disk{ID: "vol-0", SizeGiB: 20, IOPS: 4000, Throughput: 125, Type: "gp3", Change: "modifying"}, disks["vol-0"])

	require.ErrorContains(t, c.Modify(t.Context(), "vol-0", volumes.Change{Type: "io2"}), "IncorrectModificationState")
	server.Settle("vol-0", "completed")
	require.NoError(t, c.Modify(t.Context(), "vol-0", volumes.Change{Type: "io2", Throughput: 250}))
	require.Equal(t, ec2.Volume{ID: "vol-0", SizeGiB: 20, IOPS: 4000, Throughput: 250, Type: "io2", State: "modifying"}, server.Volume("vol-0"))
}

func TestNothingIsAskedAboutNoDisks(t *testing.T) {
	server := ec2.Start(t)
	c, err := ebs.New(t.Context(), "eu-central-1")
	require.NoError(t, err)
	disks, err := c.Disks(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, disks)
	require.Empty(t, server.Calls())
}

func TestRefusals(t *testing.T) {
	server := ec2.Start(t, ec2.Volume{ID: "vol-0", SizeGiB: 10, Type: "gp3"})
	c, err := ebs.New(t.Context(), "eu-central-1")
	require.NoError(t, err)
	require.ErrorContains(t, c.Modify(t.Context(), "vol-9", volumes.Change{SizeGiB: 20}), "InvalidVolume.NotFound")
	server.Refuse("VolumeModificationRateExceeded")
	require.ErrorContains(t, c.Modify(t.Context(), "vol-0", volumes.Change{SizeGiB: 20}), "VolumeModificationRateExceeded")
	require.Equal(t, 10, server.Volume("vol-0").SizeGiB)
}
