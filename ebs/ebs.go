// Package ebs reads and modifies EBS volumes through EC2's API. Credentials come from where the AWS SDK looks for
// them: the environment, the web identity of the pod's service account, or the instance.
package ebs

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postgres-operator/volumes"
)

// Client speaks to EC2 in one region.
type Client struct{ ec2 *ec2.Client }

// New returns a client for a region. An empty one is that of the environment.
func New(ctx context.Context, region string) (*Client, error) {
	var options []func(*config.LoadOptions) error
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("configure the AWS SDK: %w", err)
	}
	return &Client{ec2.NewFromConfig(c)}, nil
}

// Disks returns those of the volumes that exist, by id, each with the state of its newest modification.
func (c *Client) Disks(ctx context.Context, ids []string) (map[string]volumes.Disk, error) {
	disks := map[string]volumes.Disk{}
	if len(ids) == 0 {
		return disks, nil
	}
	// By filter, and not by id: of ids, one that does not exist is an error for all.
	only := []types.Filter{{Name: aws.String("volume-id"), Values: ids}}
	pages := ec2.NewDescribeVolumesPaginator(c.ec2, &ec2.DescribeVolumesInput{Filters: only})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe EBS volumes %s: %w", strings.Join(ids, ", "), err)
		}
		for _, v := range page.Volumes {
			id := aws.ToString(v.VolumeId)
			disks[id] = volumes.Disk{
				ID: id, SizeGiB: aws.ToInt32(v.Size), IOPS: aws.ToInt32(v.Iops), Throughput: aws.ToInt32(v.Throughput), Type: string(v.VolumeType),
			}
		}
	}
	return disks, c.modifications(ctx, only, disks)
}

func (c *Client) modifications(ctx context.Context, only []types.Filter, disks map[string]volumes.Disk) error {
	pages := ec2.NewDescribeVolumesModificationsPaginator(c.ec2, &ec2.DescribeVolumesModificationsInput{Filters: only})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe modifications of EBS volumes: %w", err)
		}
		for _, m := range page.VolumesModifications {
			id := aws.ToString(m.VolumeId)
			if disk, ok := disks[id]; ok {
				disk.Change = string(m.ModificationState)
				disks[id] = disk
			}
		}
	}
	return nil
}

// Modify asks for a change, which goes on when this returns.
func (c *Client) Modify(ctx context.Context, id string, change volumes.Change) error {
	input := &ec2.ModifyVolumeInput{VolumeId: aws.String(id), VolumeType: types.VolumeType(change.Type)}
	if change.SizeGiB > 0 {
		input.Size = aws.Int32(change.SizeGiB)
	}
	if change.IOPS > 0 {
		input.Iops = aws.Int32(change.IOPS)
	}
	if change.Throughput > 0 {
		input.Throughput = aws.Int32(change.Throughput)
	}
	if _, err := c.ec2.ModifyVolume(ctx, input); err != nil {
		return fmt.Errorf("modify EBS volume %s: %w", id, err)
	}
	return nil
}
