package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
	"postgres-operator/volumes"
)

const (
	ec2Timeout  = 30 * time.Second
	growTimeout = time.Minute // of resize2fs, which works on while the file system is in use
)

// execute does what is to be done for each claim; the failure of one holds back no other.
func (p *volumesPass) execute(ctx context.Context, steps []volumes.Step) error {
	var errs []error
	for _, step := range steps {
		p.log.Info("volume", "step", step.Kind, "claim", step.Claim, "reason", step.Reason)
		errs = append(errs, p.step(ctx, step))
	}
	return errors.Join(errs...)
}

func (p *volumesPass) step(ctx context.Context, step volumes.Step) error {
	switch step.Kind {
	case volumes.Annotate:
		return p.changeClaim(ctx, step.Claim, map[string]any{"metadata": map[string]any{"annotations": step.Annotations}})
	case volumes.Request:
		p.events.note(p.pg, "Volumes", fmt.Sprintf("claim %s %s", step.Claim, step.Reason))
		request := map[string]any{"storage": step.Size.String()}
		return p.changeClaim(ctx, step.Claim, map[string]any{"spec": map[string]any{"resources": map[string]any{"requests": request}}})
	case volumes.Modify:
		return p.modify(ctx, step)
	case volumes.GrowFileSystem:
		return p.growFileSystem(ctx, step)
	}
	return fmt.Errorf("volumes ask for %q, which is not known", step.Kind)
}

// changeClaim patches a claim that exists; one that is gone is not made again.
func (p *volumesPass) changeClaim(ctx context.Context, name string, change map[string]any) error {
	patch, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("write change of volume claim %s/%s: %w", p.pg.Namespace, name, err)
	}
	claim := newObject(volumeClaimKind)
	claim.SetNamespace(p.pg.Namespace)
	claim.SetName(name)
	err = p.client.Patch(ctx, claim, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(names.ManagerVolumes))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("change volume claim %s/%s: %w", p.pg.Namespace, name, err)
	}
	return nil
}

func (p *volumesPass) modify(ctx context.Context, step volumes.Step) error {
	ec2, err := p.ec2(ctx, p.config.AWSRegion)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ec2Timeout)
	defer cancel()
	if err := ec2.Modify(ctx, step.Disk, step.Change); err != nil {
		return err
	}
	p.events.note(p.pg, "Volumes", fmt.Sprintf("disk %s of claim %s %s", step.Disk, step.Claim, step.Reason))
	return nil
}

// growFileSystem lets the file system in a pod fill its disk, and then the volume say how much it has: that is
// what tells that nothing is left to do.
func (p *volumesPass) growFileSystem(ctx context.Context, step volumes.Step) error {
	pod := client.ObjectKey{Namespace: p.pg.Namespace, Name: strings.TrimPrefix(step.Claim, claimPrefix)}
	ctx, cancel := context.WithTimeout(ctx, growTimeout)
	defer cancel()
	listed, err := p.exec.run(ctx, pod, names.PostgresContainer, []string{"df", "-PT", dataMount})
	if err != nil {
		return fmt.Errorf("find the disk of claim %s: %w", step.Claim, err)
	}
	device, kind, err := readDF(listed)
	if err != nil {
		return fmt.Errorf("find the disk of claim %s: %w", step.Claim, err)
	}
	switch kind {
	case "ext2", "ext3", "ext4":
	default:
		return fmt.Errorf("claim %s has a file system of type %s; storage_resize_mode ebs grows ext2, ext3 and ext4 only", step.Claim, kind)
	}
	if _, err := p.exec.run(ctx, pod, names.PostgresContainer, []string{"resize2fs", device}); err != nil {
		return fmt.Errorf("grow the file system of claim %s: %w", step.Claim, err)
	}
	volume := &corev1.PersistentVolume{}
	volume.Name = step.Volume
	grown := volume.DeepCopy()
	grown.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: step.Size}
	if err := p.client.Patch(ctx, grown, client.MergeFrom(volume), client.FieldOwner(names.ManagerVolumes)); err != nil {
		return fmt.Errorf("note the capacity of volume %s: %w", step.Volume, err)
	}
	p.events.note(p.pg, "Volumes", fmt.Sprintf("the file system of claim %s has grown to %s", step.Claim, step.Size.String()))
	return nil
}

// dataMount is where pods have the data volume.
const dataMount = "/home/postgres/pgdata"

// readDF finds device and type in what df -PT wrote: a heading, and one line.
func readDF(text string) (device, kind string, err error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if len(lines) != 2 || len(fields) < 7 {
		return "", "", fmt.Errorf("df wrote %q", text)
	}
	return fields[0], fields[1], nil
}
