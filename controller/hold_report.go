package controller

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/hold"
	"postgres-operator/names"
)

// maxHeldReasons is how many fields the condition Held names.
const maxHeldReasons = 10

// heldVerdict tells of the change that waits, if there is one.
func (p *clusterPass) heldVerdict() verdict {
	if p.holding.Waits == hold.Nothing {
		return bad(apiv1.ConditionHeld, "NothingWaits", "the pod template is as rendered")
	}
	return good(apiv1.ConditionHeld, "WaitsFor"+string(p.holding.Waits), p.heldMessage())
}

// heldMessage says which change waits, why it would restart pods, and how to let it through.
func (p *clusterPass) heldMessage() string {
	return fmt.Sprintf("%s would restart pods: %s. %s To let it through: kubectl annotate -n %s postgresql %s %s=%s --overwrite",
		p.changedInputs(), firstOf(p.holding.Reasons, maxHeldReasons), p.waitsFor(),
		p.pg.Namespace, p.pg.Name, names.FleetChange, p.holding.Digest)
}

func (p *clusterPass) waitsFor() string {
	switch p.holding.Waits {
	case hold.AWindow:
		var texts []string
		for _, w := range p.holding.windows {
			texts = append(texts, w.String())
		}
		return "It waits for a maintenance window, " + strings.Join(texts, " or ") + " UTC."
	case hold.Wave:
		if !p.fleet.served {
			return "It waits for a wave, but the kind FleetRollout is not installed: apply manifests/fleetrollout.crd.yaml and restart the operator."
		}
		return fmt.Sprintf("It waits for its turn: see fleetrollout %s in namespace %s.", p.fleet.key.Name, p.fleet.key.Namespace)
	}
	return "It waits for an approval."
}

// changedInputs tells which of the inputs are others than those that the present template was made from.
func (p *clusterPass) changedInputs() string {
	before, now := p.pg.Status.Rendered, p.renderedFrom(p.holding.Digest)
	if before == nil || before.Configuration == "" {
		return "A change of operator, configuration or templates"
	}
	var texts []string
	if before.Operator != now.Operator {
		texts = append(texts, fmt.Sprintf("operator %s (before %s)", now.Operator, before.Operator))
	}
	if before.Configuration != now.Configuration {
		texts = append(texts, "the operator's configuration")
	}
	if before.Overlays != now.Overlays {
		texts = append(texts, "the site's templates")
	}
	if len(texts) == 0 {
		return "A change of operator, configuration or templates"
	}
	return "A change of " + strings.Join(texts, ", ")
}

// announceHeld writes an event when a change begins to wait, and one when it goes through.
func (p *clusterPass) announceHeld(v verdict) {
	switch {
	case p.holding.Waits != hold.Nothing && !sameHeld(p.pg, v):
		p.events.note(p.pg, "Held", v.message)
	case p.holding.Waits == hold.Nothing && len(p.holding.Reasons) > 0 && p.pg.Status.Held != nil && p.applied:
		p.events.note(p.pg, "LetThrough", "pods restart: "+firstOf(p.holding.Reasons, maxHeldReasons))
	}
}

// sameHeld tells whether the cluster's status says already that this change waits for this.
func sameHeld(pg *apiv1.Postgresql, v verdict) bool {
	c := meta.FindStatusCondition(pg.Status.Conditions, v.condition)
	return c != nil && c.Reason == v.reason && c.Message == shorten(v.message)
}

// heldChange is the change that waits, for the status.
func (p *clusterPass) heldChange() *apiv1.HeldChange {
	if p.holding.Waits == hold.Nothing {
		return nil
	}
	return &apiv1.HeldChange{Change: p.holding.Digest, WaitsFor: string(p.holding.Waits)}
}

// previewHeld is the change that would wait.
func (p *clusterPass) previewHeld() *HeldPreview {
	change := p.heldChange()
	if change == nil {
		return nil
	}
	return &HeldPreview{HeldChange: *change, Message: p.heldMessage(), Part: p.holding.part}
}

// spareHeld leaves out of what may be pruned whatever the present pod template refers to: a pod that is
// made anew meanwhile needs it.
func (p *clusterPass) spareHeld(previous []apply.Ref) []apply.Ref {
	if p.holding.Waits == hold.Nothing {
		return previous
	}
	needed := hold.References(p.holding.Template)
	return slices.DeleteFunc(slices.Clone(previous), func(r apply.Ref) bool {
		return slices.Contains(needed, hold.Reference{Kind: r.Kind, Name: r.Name})
	})
}

func firstOf(texts []string, most int) string {
	shown := strings.Join(texts[:min(most, len(texts))], "; ")
	if more := len(texts) - most; more > 0 {
		shown += fmt.Sprintf("; and %d more", more)
	}
	return shown
}
