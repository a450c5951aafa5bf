package controller

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
	"postgres-operator/volumes"
)

// observe collects the facts of the decision. Storage classes, volumes and EC2 are asked only where it depends on
// them. Without a state there is nothing to decide; an error beside one tells what of it is missing.
func (p *volumesPass) observe(ctx context.Context) (*volumes.State, error) {
	size, err := resource.ParseQuantity(p.pg.Spec.Volume.Size)
	if err != nil {
		return nil, nil // the manifest is invalid, and says so
	}
	wanted := p.pg.Spec.Volume
	s := &volumes.State{Mode: volumes.Mode(p.config.StorageResizeMode), Wanted: volumes.Wanted{
		Size: size, Type: wanted.VolumeType,
		Annotations: names.Pick(p.config.InheritedAnnotations, p.pg.Annotations),
	}}
	if wanted.Iops != nil {
		s.Wanted.IOPS = *wanted.Iops
	}
	if wanted.Throughput != nil {
		s.Wanted.Throughput = *wanted.Throughput
	}
	claims, err := p.claims(ctx)
	if err != nil {
		return nil, err
	}
	pods, err := observePods(ctx, p.client, p.config, p.key())
	if err != nil {
		return nil, err
	}
	for i := range claims {
		s.Claims = append(s.Claims, factsOfClaim(claims[i], pods))
	}
	if err := p.askForMore(ctx, s, claims); err != nil {
		return nil, err
	}
	return s, p.askEC2(ctx, s)
}

// claims are those of the data volumes of members, also of members that were scaled in.
func (p *volumesPass) claims(ctx context.Context) ([]corev1.PersistentVolumeClaim, error) {
	list := newList(volumeClaimKind)
	err := p.client.List(ctx, list, client.InNamespace(p.pg.Namespace), client.MatchingLabels(labelScheme(p.config).Selector(p.pg.Name)))
	if err != nil {
		return nil, fmt.Errorf("list volume claims of cluster %s: %w", p.key(), err)
	}
	var claims []corev1.PersistentVolumeClaim
	for _, item := range list.Items {
		var claim corev1.PersistentVolumeClaim
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &claim); err != nil {
			return nil, fmt.Errorf("decode volume claim %s/%s: %w", item.GetNamespace(), item.GetName(), err)
		}
		if claim.DeletionTimestamp == nil && strings.HasPrefix(claim.Name, claimPrefix) {
			claims = append(claims, claim)
		}
	}
	return claims, nil
}

// claimPrefix is in front of the name of a pod in the name of its claim.
const claimPrefix = names.DataVolume + "-"

func factsOfClaim(claim corev1.PersistentVolumeClaim, pods []corev1.Pod) volumes.Claim {
	c := volumes.Claim{
		Name: claim.Name, Annotations: claim.Annotations,
		Used:      podNamed(pods, strings.TrimPrefix(claim.Name, claimPrefix)) != nil,
		Bound:     claim.Status.Phase == corev1.ClaimBound,
		Requested: claim.Spec.Resources.Requests[corev1.ResourceStorage],
		Capacity:  claim.Status.Capacity[corev1.ResourceStorage],
	}
	for _, condition := range claim.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case corev1.PersistentVolumeClaimResizing:
			c.Growth = volumes.Growing
		case corev1.PersistentVolumeClaimFileSystemResizePending:
			c.Growth = volumes.FileSystemPending
		case corev1.PersistentVolumeClaimControllerResizeError, corev1.PersistentVolumeClaimNodeResizeError:
			c.Message = condition.Message
		}
	}
	switch claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage] {
	case corev1.PersistentVolumeClaimControllerResizeInfeasible, corev1.PersistentVolumeClaimNodeResizeInfeasible:
		c.Growth = volumes.Infeasible
	case corev1.PersistentVolumeClaimNodeResizePending:
		c.Growth = volumes.FileSystemPending
	}
	return c
}

// askForMore reads storage classes and volumes, from the API server itself: they are not in the cache, because most
// of them are of no concern here.
func (p *volumesPass) askForMore(ctx context.Context, s *volumes.State, claims []corev1.PersistentVolumeClaim) error {
	for i := range s.Claims {
		c := &s.Claims[i]
		if s.WantsClass(*c) {
			class, err := p.class(ctx, claims[i].Spec.StorageClassName)
			if err != nil {
				return err
			}
			c.Class = &class
		}
		if s.WantsVolume(*c) {
			var volume corev1.PersistentVolume
			if err := p.live.Get(ctx, client.ObjectKey{Name: claims[i].Spec.VolumeName}, &volume); err != nil {
				return fmt.Errorf("read volume %s of claim %s: %w", claims[i].Spec.VolumeName, c.Name, err)
			}
			c.Volume = &volumes.Volume{Name: volume.Name, Capacity: volume.Spec.Capacity[corev1.ResourceStorage], DiskID: diskID(volume)}
		}
	}
	return nil
}

func (p *volumesPass) class(ctx context.Context, name *string) (volumes.Class, error) {
	if name == nil || *name == "" {
		return volumes.Class{}, nil
	}
	var class storagev1.StorageClass
	err := p.live.Get(ctx, client.ObjectKey{Name: *name}, &class)
	if apierrors.IsNotFound(err) {
		return volumes.Class{Name: *name, Missing: true}, nil
	}
	if err != nil {
		return volumes.Class{}, fmt.Errorf("read storage class %s: %w", *name, err)
	}
	return volumes.Class{Name: *name, Expandable: class.AllowVolumeExpansion != nil && *class.AllowVolumeExpansion}, nil
}

var ebsVolume = regexp.MustCompile(`vol-[^/]+$`)

// diskID is the id of an EBS volume: of its driver, or of Kubernetes' own provisioner before there was one. It is
// empty for volumes of other kinds.
func diskID(volume corev1.PersistentVolume) string {
	if csi := volume.Spec.CSI; csi != nil && csi.Driver == "ebs.csi.aws.com" {
		return csi.VolumeHandle
	}
	if own := volume.Spec.AWSElasticBlockStore; own != nil && volume.Annotations["pv.kubernetes.io/provisioned-by"] == "kubernetes.io/aws-ebs" {
		return ebsVolume.FindString(own.VolumeID)
	}
	return ""
}

// askEC2 adds what EC2 knows of the disks, where any are asked about.
func (p *volumesPass) askEC2(ctx context.Context, s *volumes.State) error {
	var ids []string
	for _, c := range s.Claims {
		if v := c.Volume; v != nil && v.DiskID != "" && (s.Mode == volumes.Mixed || v.Capacity.Cmp(s.Wanted.Size) < 0) {
			ids = append(ids, v.DiskID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := p.disksOf(ctx, ids)
	for i := range s.Claims {
		v := s.Claims[i].Volume
		if v == nil {
			continue
		}
		if disk, ok := found[v.DiskID]; ok {
			v.Disk = &disk
		}
		if err != nil { // nothing is known of any disk: what the claim needs goes on without
			s.Claims[i].Volume = nil
		}
	}
	return err
}

func (p *volumesPass) disksOf(ctx context.Context, ids []string) (map[string]volumes.Disk, error) {
	ec2, err := p.ec2(ctx, p.config.AWSRegion)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ec2Timeout)
	defer cancel()
	return ec2.Disks(ctx, ids)
}
