package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/render"
	"postgres-operator/teams"
)

// Previewer tells what an operator would do about clusters, and does nothing of it. It runs the very
// phases of the reconcilers that decide; in place of caches they read a Snapshot, and their client
// refuses to write. It is safe for concurrent use.
type Previewer struct {
	options  PreviewOptions
	clusters *cluster
	rollout  *rolloutReconciler
	roles    *roleSyncer
}

// PreviewOptions are what an operator would have: its configuration, its templates, and what it sees.
type PreviewOptions struct {
	Config            config.Config
	ControllerID      string
	OperatorNamespace string
	Version           string // of the operator
	Renderer          *render.Renderer
	Overlays          string // digest of those that Renderer has
	Objects           *Snapshot
	Now               func() time.Time

	// Live reads objects that are not in the snapshot: those of others that the configuration refers to,
	// or that are in the way. nil when there is no API server to ask.
	Live client.Reader
	// AskPatroni asks members by their REST API. Else what Patroni has recorded in Kubernetes counts.
	AskPatroni bool
	// AskDatabases compares roles and databases with those of each primary, in sessions that cannot write.
	AskDatabases bool
}

// Preview is what an operator would do about one cluster.
type Preview struct {
	Cluster  types.NamespacedName
	Warnings []render.Warning
	// Changes of objects, in the order in which they are made.
	Changes apply.ChangeSet
	// Rollout is what becomes of the pods.
	Rollout RolloutPreview
	// Held is the change of the pods that would wait, because it is the fleet's and not this user's; nil where
	// all goes through at once.
	Held *HeldPreview
	// Database is what would be changed inside Postgres.
	Database DatabasePreview
	// Err is why the operator would leave the cluster as it is.
	Err error
}

// HeldPreview is a change of pods that would wait.
type HeldPreview struct {
	apiv1.HeldChange
	// Message is that of the condition Held.
	Message string
	// Part: what the manifest changes in the pods would not wait.
	Part bool
}

// Changed tells whether the operator would do anything.
func (p Preview) Changed() bool {
	return len(p.Changes.Changed()) > 0 || len(p.Rollout.Steps) > 0 || len(p.Rollout.Configuration) > 0 ||
		len(p.Database.Statements) > 0
}

// placeholder stands for passwords that would be drawn.
const placeholder = "drawn-when-it-is-made"

// NewPreviewer makes reconcilers that cannot write.
func NewPreviewer(ctx context.Context, o PreviewOptions) (*Previewer, error) {
	past := newMemory(o.Objects, o.Live)
	fleet, err := previewedFleet(ctx, o)
	if err != nil {
		return nil, err
	}
	s := shared{
		client: readOnly{o.Objects, o.Objects.scheme}, live: past, references: &references{fixed: past},
		settings: newSettings(o.Config, nil), events: newEvents(noEvents{}), controllerID: o.ControllerID, now: o.Now,
		version: o.Version, fleet: fleet,
		teams: teams.NewAPI(), teamObjects: o.Config.EnablePostgresTeamCRD && o.Objects.installed(postgresTeamKind),
	}
	s.added = &addedKinds{fixed: o.Objects}
	if o.Objects.installed(streamKind) {
		s.streams = &streams{fixed: o.Objects}
	}
	clusters := &cluster{
		shared: s, renderer: o.Renderer, applier: apply.New(nil, applyOptions()), status: s.status(names.ManagerStatus),
		newPassword: func() (string, error) { return placeholder, nil },
	}
	rollouts, err := newRollout(s)
	if err != nil {
		return nil, err
	}
	rollouts.nodes = &nodes{reader: o.Objects, known: func() bool { return o.Objects.installed(nodeKind) }}
	return &Previewer{options: o, clusters: clusters, rollout: rollouts, roles: newRoles(s)}, nil
}

// previewedFleet is the progress of waves: that of saved objects, which do not tell whether the kind is
// installed, or that of the API server. Who may not see it sees nobody's turn.
func previewedFleet(ctx context.Context, o PreviewOptions) (fleetRollout, error) {
	f := fleetRollout{key: fleetRolloutKey(o.OperatorNamespace, o.ControllerID), reader: o.Objects, served: true}
	if o.Live == nil || !o.Config.Waves() {
		return f, nil
	}
	found := newObject(fleetRolloutKind)
	err := o.Live.Get(ctx, f.key, found)
	switch {
	case meta.IsNoMatchError(err):
		f.served = false
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
	case err != nil:
		return f, fmt.Errorf("read fleetrollout %s: %w", f.key, err)
	default:
		if f.reader, err = NewSnapshot(o.Config.ClusterNameLabel, []*unstructured.Unstructured{found}); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Serves tells whether the operator looks after a cluster: another may, or it is being deleted.
func (p *Previewer) Serves(pg *apiv1.Postgresql) bool {
	return ownedBy(pg, p.options.ControllerID) && pg.DeletionTimestamp == nil
}

// Preview previews one cluster, whose manifest need not be the one in the snapshot.
func (p *Previewer) Preview(ctx context.Context, pg *apiv1.Postgresql) Preview {
	pass := &clusterPass{cluster: p.clusters, config: p.options.Config, pg: pg, log: logr.Discard(), previews: true}
	result := Preview{Cluster: pass.key()}
	for _, phase := range []func(context.Context) error{
		pass.observe, pass.validate, pass.notWhileDeleting, pass.mintCredentials, pass.render, pass.awaitKinds, pass.spareForeign,
	} {
		if result.Err = phase(ctx); result.Err != nil {
			result.Warnings = pass.warnings
			return result
		}
	}
	pass.sources = shortDigest(p.options.Overlays)
	if result.Err = pass.hold(ctx); result.Err != nil {
		return result
	}
	result.Warnings, result.Held = pass.warnings, pass.previewHeld()
	if result.Changes, result.Err = pass.planned(ctx); result.Err != nil {
		return result
	}
	result.Err = result.Changes.Err()
	set, _ := result.Changes.Find("statefulset")
	var failure error
	if result.Rollout, failure = p.previewRollout(ctx, pass, set); failure != nil {
		result.Err = errors.Join(result.Err, failure)
	}
	if p.options.AskDatabases {
		result.Database = p.previewDatabase(ctx, pass)
	}
	return result
}

// Input is what the objects of a cluster are rendered from.
func (p *Previewer) Input(ctx context.Context, pg *apiv1.Postgresql) (render.Input, error) {
	pass := &clusterPass{cluster: p.clusters, config: p.options.Config, pg: pg, log: logr.Discard(), previews: true}
	for _, phase := range []func(context.Context) error{
		pass.observe, pass.validate, pass.notWhileDeleting, pass.mintCredentials, pass.render,
	} {
		if err := phase(ctx); err != nil {
			return render.Input{}, err
		}
	}
	return pass.input, nil
}

// notWhileDeleting is finishDeletion for those who only look.
func (p *clusterPass) notWhileDeleting(context.Context) error {
	if unfinished(p.observed, p.pg.Name) {
		return errUnfinished
	}
	return nil
}

// planned are the changes that the phases behind render would make.
func (p *clusterPass) planned(ctx context.Context) (apply.ChangeSet, error) {
	request, err := p.request(ctx)
	if err != nil {
		return nil, err
	}
	changes := p.applier.Plan(request)
	for i := range changes {
		withoutOwnership(&changes[i])
	}
	live, want, differs, err := p.accountRole(ctx)
	if err != nil {
		return nil, err
	}
	if differs {
		i := slices.IndexFunc(changes, func(c apply.Change) bool { return c.ID == accountID })
		changes[i].Verb = apply.Update
		changes[i].Fields = []apply.FieldDiff{fieldDiff(`metadata.annotations["`+names.RoleARN+`"]`, live.GetAnnotations()[names.RoleARN], want)}
	}
	if has := controllerutil.ContainsFinalizer(p.pg, names.Finalizer); has != p.config.EnableFinalizers && p.pg.UID != "" {
		old, next := "", names.Finalizer
		if has {
			old, next = next, old
		}
		ref := apply.Ref{ID: "manifest", APIVersion: apiv1.GroupVersion.String(), Kind: postgresqlKind.Kind, Namespace: p.pg.Namespace, Name: p.pg.Name}
		changes = append(apply.ChangeSet{{Ref: ref, Verb: apply.Update, Fields: []apply.FieldDiff{fieldDiff("metadata.finalizers", old, next)}}}, changes...)
	}
	return changes, nil
}

// fieldDiff is a difference of texts, of which an empty one is not there.
func fieldDiff(path, old, next string) apply.FieldDiff {
	orNil := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	return apply.FieldDiff{Path: path, Old: orNil(old), New: orNil(next)}
}

// withoutOwnership leaves out of a change who owns which field where the live object does not tell: it
// was saved without managedFields. An API server always tells.
func withoutOwnership(c *apply.Change) {
	if c.Verb != apply.Update || len(c.Live.GetManagedFields()) > 0 {
		return
	}
	c.Fields = slices.DeleteFunc(c.Fields, func(f apply.FieldDiff) bool { return f.Ownership })
	if len(c.Fields) == 0 {
		c.Verb = apply.Unchanged
	}
}

// Manifest is a manifest as it would be stored: over the one in the snapshot, if there is one, whose
// identity, status, and annotations of others stay.
func (p *Previewer) Manifest(ctx context.Context, given *apiv1.Postgresql) (*apiv1.Postgresql, error) {
	stored := given.DeepCopy()
	live, err := readManifest(ctx, p.options.Objects, client.ObjectKeyFromObject(given))
	if err != nil || live == nil {
		return stored, err
	}
	stored.UID, stored.ResourceVersion, stored.Generation = live.UID, live.ResourceVersion, live.Generation
	stored.CreationTimestamp, stored.DeletionTimestamp, stored.Finalizers = live.CreationTimestamp, live.DeletionTimestamp, live.Finalizers
	stored.Status = live.Status
	applied, err := lastApplied(live)
	if err != nil {
		return nil, fmt.Errorf("read what was last applied of cluster %s/%s: %w", live.Namespace, live.Name, err)
	}
	stored.Annotations = laidOver(live.Annotations, applied.Annotations, given.Annotations)
	stored.Labels = laidOver(live.Labels, applied.Labels, given.Labels)
	return stored, nil
}
