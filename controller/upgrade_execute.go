package controller

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
	"postgres-operator/upgrade"
)

// upgradeReason is the reason of events about major upgrades.
const upgradeReason = "Major Version Upgrade"

func (p *upgradePass) execute(ctx context.Context, step upgrade.Step) error {
	if step.Kind == upgrade.Wait || step.Kind == upgrade.None {
		return nil
	}
	p.log.Info("major upgrade", "step", step.Kind, "reason", step.Message)
	switch step.Kind {
	case upgrade.Claim:
		return p.claim()
	case upgrade.Start:
		return p.start(ctx, step)
	case upgrade.Release:
		p.run = nil
		return p.label(ctx, "")
	case upgrade.Forget:
		return p.annotate(ctx, map[string]string{names.UpgradeFailure: ""})
	case upgrade.Succeed:
		return p.succeed(ctx)
	case upgrade.Fail:
		return p.fail(ctx, step)
	}
	return fmt.Errorf("major upgrade asks for %q, which is not known", step.Kind)
}

// claim lets the report of this pass say that there is a run. Everything else is for later passes, which
// see whether anybody was faster.
func (p *upgradePass) claim() error {
	primary := primaryOf(p.pods, p.config)
	if primary == nil {
		return errors.New("claim the major upgrade: no pod is labelled as the primary")
	}
	p.run = &apiv1.MajorUpgrade{
		From: strconv.Itoa(p.version), To: strconv.Itoa(p.wanted), Pod: primary.Name, PodUID: primary.UID, Container: containerOf(primary),
		Claimed: metav1.NewTime(p.now().Truncate(time.Second)),
	}
	return nil
}

// start writes down that there may be a script before there is one.
func (p *upgradePass) start(ctx context.Context, step upgrade.Step) error {
	if err := p.label(ctx, "true"); err != nil {
		return err
	}
	if !p.run.Begun {
		p.run.Begun = true
		if err := p.report(ctx, step); err != nil {
			p.run.Begun = false
			return err
		}
		p.events.note(p.pg, upgradeReason, fmt.Sprintf("starting upgrade from version %s to %s in pod %s of %d pods", p.run.From, p.run.To, p.run.Pod, len(p.pods)))
	}
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	pod := client.ObjectKey{Namespace: p.pg.Namespace, Name: p.run.Pod}
	if _, err := p.exec.run(ctx, pod, names.PostgresContainer, []string{"/bin/bash", "-c", startScript(*p.run, len(p.pods))}); err != nil {
		return fmt.Errorf("start the major upgrade: %w", err)
	}
	return nil
}

// The end of a run: what people see first, then the labels, and the run itself last, with the report.
func (p *upgradePass) succeed(ctx context.Context) error {
	p.events.note(p.pg, upgradeReason, fmt.Sprintf("upgrade from version %s to %s finished", p.run.From, p.run.To))
	if err := p.annotate(ctx, map[string]string{names.UpgradeSuccess: p.timestamp(), names.UpgradeFailure: ""}); err != nil {
		return err
	}
	p.run = nil
	return p.label(ctx, "")
}

func (p *upgradePass) fail(ctx context.Context, step upgrade.Step) error {
	p.events.warn(p.pg, upgradeReason, step.Message)
	if err := p.annotate(ctx, map[string]string{names.UpgradeFailure: p.timestamp()}); err != nil {
		return err
	}
	p.run = nil
	return p.label(ctx, "")
}

func (p *upgradePass) timestamp() string { return p.now().UTC().Format("2006-01-02T15:04:05Z") }

// annotate sets annotations of the manifest; empty values remove them.
func (p *upgradePass) annotate(ctx context.Context, values map[string]string) error {
	patch := client.MergeFromWithOptions(p.pg.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if p.pg.Annotations == nil {
		p.pg.Annotations = map[string]string{}
	}
	for key, value := range values {
		if value == "" {
			delete(p.pg.Annotations, key)
		} else {
			p.pg.Annotations[key] = value
		}
	}
	if err := p.client.Patch(ctx, p.pg, patch, client.FieldOwner(names.ManagerUpgrade)); err != nil {
		return fmt.Errorf("annotate cluster %s: %w", p.key(), err)
	}
	return nil
}

// label puts all pods under the budget for critical operations, or with an empty value takes them out. As
// long as there is a run, labels may be there, so they go before it does.
func (p *upgradePass) label(ctx context.Context, value string) error {
	var errs []error
	for i := range p.pods {
		pod := &p.pods[i]
		if pod.Labels[names.CriticalOperation] == value {
			continue
		}
		changed := pod.DeepCopy()
		if value == "" {
			delete(changed.Labels, names.CriticalOperation)
		} else {
			changed.Labels[names.CriticalOperation] = value
		}
		err := p.client.Patch(ctx, changed, client.MergeFrom(pod), client.FieldOwner(names.ManagerUpgrade))
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("label pod %s/%s: %w", pod.Namespace, pod.Name, err))
		}
	}
	return errors.Join(errs...)
}

// upgradeUnderWay tells whether a major upgrade has been claimed, by the API server itself: a pod that is
// restarted in the middle of one may lose its data.
func (p *rolloutPass) upgradeUnderWay(ctx context.Context) (bool, error) {
	pg, err := readManifest(ctx, p.live, p.key())
	return pg != nil && pg.Status.MajorUpgrade != nil, err
}

// waitsForUpgrade is the text of a rollout that does.
const waitsForUpgrade = "a major upgrade is under way"
