package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/hold"
	"postgres-operator/names"
	"postgres-operator/render"
	"postgres-operator/window"
)

// statefulSetID is the id under which templates render the StatefulSet.
const statefulSetID = "statefulset"

// holding is what a pass has decided about the pod template.
type holding struct {
	hold.Decision
	closable bool // something may be held at all
	part     bool // not all waits: what the manifest changes in the template goes in
	windows  []window.Window
	from     apiv1.RenderedFrom
	fleet    string // digest of what is the same for all clusters; empty without waves
}

// hold keeps the pod template that the cluster has while a change of operator, configuration or
// templates waits. All other objects, and all else of the StatefulSet, are applied as rendered.
func (p *clusterPass) hold(ctx context.Context) error {
	set := p.desiredObject(statefulSetID)
	if set == nil {
		return nil
	}
	template, _, err := unstructured.NestedMap(set.Object, "spec", "template")
	if err != nil {
		return fmt.Errorf("read rendered pod template: %w", err)
	}
	p.holding.Decision = hold.Decision{Template: template, Digest: hold.Digest(template)}
	p.holding.from = p.renderedFrom(hold.Digest(template))
	gate, err := p.gate(ctx)
	if err != nil || !gate.Closable() {
		return err
	}
	p.holding.closable = true
	manifest, text, err := p.decide(ctx, template, gate)
	if err != nil {
		return err
	}
	record := hold.Record{Manifest: manifest, Template: p.holding.Template}
	if p.previews {
		p.keepRecord(set, text)
		return nil
	}
	if text, err = record.Text(text); err != nil {
		return err
	}
	annotate(set, names.RenderedFrom, text)
	if p.holding.Waits == hold.Nothing {
		return nil
	}
	if p.holding.Waits == hold.AWindow {
		if opens := window.Next(p.holding.windows, p.now()); p.again.IsZero() || opens.Before(p.again) {
			p.again = opens
		}
	}
	p.keepRenderedFrom()
	if err := unstructured.SetNestedMap(set.Object, p.holding.Template, "spec", "template"); err != nil {
		return fmt.Errorf("keep present pod template: %w", err)
	}
	return nil
}

// decide compares what was rendered with what the cluster has. It returns the manifest as it is to be
// recorded, and the text of the present record.
func (p *clusterPass) decide(ctx context.Context, template hold.Template, gate hold.Gate) (manifest map[string]any, text string, err error) {
	if manifest, err = manifestRecord(p.pg); err != nil {
		return nil, "", err
	}
	present, text, err := p.presentRecord(ctx, manifest)
	if err != nil || present == nil {
		return manifest, text, err
	}
	former, err := p.formerTemplate(ctx, present.Manifest, manifest, template)
	if err != nil {
		return nil, "", err
	}
	change := hold.Change{Current: present.Template, Former: former, Desired: template, LazyImages: p.config.EnableLazySpiloUpgrade}
	p.holding.Decision, err = hold.Decide(change, gate)
	p.holding.part = !hold.Equal(p.holding.Template, present.Template)
	if err != nil || p.holding.Waits == hold.Nothing || p.pg.Annotations[names.FleetChange] != hold.Approved {
		return manifest, text, err
	}
	gate.Approval = p.holding.Digest
	if err = p.pinApproval(ctx, gate.Approval); err == nil {
		p.holding.Decision, err = hold.Decide(change, gate)
	}
	return manifest, text, err
}

// keepRecord: who only looks is shown what a change comes to, not that it is recorded.
func (p *clusterPass) keepRecord(set *unstructured.Unstructured, text string) {
	if text != "" {
		annotate(set, names.RenderedFrom, text)
	}
}

// pinApproval makes the word that approves whatever waits the name of what waits now, so that it does not
// approve what comes later.
func (p *clusterPass) pinApproval(ctx context.Context, digest string) error {
	if p.previews {
		return nil
	}
	changed := p.pg.DeepCopy()
	changed.Annotations[names.FleetChange] = digest
	patch := client.MergeFromWithOptions(p.pg, client.MergeFromWithOptimisticLock{})
	if err := p.client.Patch(ctx, changed, patch, client.FieldOwner(names.ManagerFleet)); err != nil {
		return fmt.Errorf("note what was approved for cluster %s: %w", p.key(), err)
	}
	return nil
}

// gate is what lets a change reach this cluster.
func (p *clusterPass) gate(ctx context.Context) (hold.Gate, error) {
	p.holding.windows = render.MaintenanceWindows(p.pg, &p.config)
	g := hold.Gate{
		Policy:   p.changePolicy(),
		Approval: p.pg.Annotations[names.FleetChange],
		InWindow: window.Open(p.holding.windows, p.now()),
		Waves:    p.config.Waves(),
	}
	if !g.Waves {
		return g, nil
	}
	var err error
	if p.holding.fleet, err = p.fleetDigest(ctx, p.config, p.sources); err != nil {
		return g, err
	}
	progress, err := p.fleet.read(ctx)
	if err != nil || progress == nil {
		return g, err
	}
	for _, turn := range progress.Status.Turn {
		if turn.Cluster == p.key().String() {
			g.Granted = turn.Change
		}
	}
	return g, nil
}

// changePolicy is that of the manifest's annotation, else that of the configuration.
func (p *clusterPass) changePolicy() hold.Policy {
	switch own := hold.Policy(p.pg.Annotations[names.FleetChangePolicy]); {
	case own.Valid():
		return own
	case own != "":
		p.warnings = append(p.warnings, render.Warning{Reason: "FleetChange", Message: fmt.Sprintf(
			"annotation %s: %q is none of auto, window, approve; %s is in force", names.FleetChangePolicy, string(own), p.config.FleetChangePolicy)})
	}
	return hold.Policy(p.config.FleetChangePolicy)
}

// presentRecord is what the cluster's pods are to be made from until now, nil for a cluster without pods,
// and the text in which it stands on the StatefulSet. Where no record stands there yet, the template is what
// was applied to the StatefulSet, and the manifest counts as unchanged: what cannot be told apart is held.
func (p *clusterPass) presentRecord(ctx context.Context, manifest map[string]any) (*hold.Record, string, error) {
	live := p.statefulSet()
	if live == nil {
		template, err := p.lastRevision(ctx)
		if err != nil || template == nil {
			return nil, "", err
		}
		return &hold.Record{Manifest: manifest, Template: template}, "", nil
	}
	text := live.GetAnnotations()[names.RenderedFrom]
	if record, err := hold.ParseRecord(text); err == nil {
		return &record, text, nil
	}
	template, _, err := unstructured.NestedMap(p.applier.Owned(live), "spec", "template")
	if err != nil || template == nil {
		return nil, text, err
	}
	return &hold.Record{Manifest: manifest, Template: template}, text, nil
}

// lastRevision is the newest template of a StatefulSet that is gone while its pods are not: it is being made
// anew, because Kubernetes lets nobody change some of its fields.
func (p *clusterPass) lastRevision(ctx context.Context) (hold.Template, error) {
	if len(p.observed.pods) == 0 {
		return nil, nil
	}
	var list appsv1.ControllerRevisionList
	err := p.client.List(ctx, &list, client.InNamespace(p.pg.Namespace), client.MatchingLabels{p.config.ClusterNameLabel: p.pg.Name})
	if err != nil {
		return nil, fmt.Errorf("list revisions of statefulset %s: %w", p.key(), err)
	}
	revisions := slices.DeleteFunc(list.Items, func(r appsv1.ControllerRevision) bool {
		return !strings.HasPrefix(r.Name, names.StatefulSet(p.pg.Name)+"-")
	})
	if len(revisions) == 0 {
		return nil, nil
	}
	newest := slices.MaxFunc(revisions, func(a, b appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	return hold.FromRevision(newest.Data.Raw)
}

// formerTemplate is what an earlier manifest gives today. One that cannot be rendered any more counts as
// unchanged: then all that differs is held.
func (p *clusterPass) formerTemplate(ctx context.Context, former, manifest, template map[string]any) (hold.Template, error) {
	if hold.Equal(former, manifest) {
		return template, nil
	}
	pg := p.pg.DeepCopy()
	if err := restoreManifest(former, pg); err != nil {
		p.log.Info("earlier manifest cannot be read", "error", err.Error())
		return template, nil
	}
	in := p.input
	in.Manifest = pg
	view, err := render.NewView(in)
	if err != nil {
		p.log.Info("earlier manifest cannot be rendered", "error", err.Error())
		return template, nil
	}
	renderer, err := p.rendererInForce(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := renderer.Render(view)
	if err != nil {
		p.log.Info("earlier manifest cannot be rendered", "error", err.Error())
		return template, nil
	}
	i := slices.IndexFunc(objects, func(o render.Object) bool { return o.ID == statefulSetID })
	if i < 0 {
		return template, nil
	}
	then, _, err := unstructured.NestedMap(objects[i].Object, "spec", "template")
	if err != nil {
		return nil, fmt.Errorf("read pod template of the earlier manifest: %w", err)
	}
	return then, nil
}
