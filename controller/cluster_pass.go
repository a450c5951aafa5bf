package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/apply"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/render"
	"postgres-operator/roles"
)

// clusterPass is one pass over one cluster. Its phases run in order, each fills in what the next
// ones need; the first error ends it. What was seen until then becomes the status.
type clusterPass struct {
	*cluster
	config config.Config
	pg     *apiv1.Postgresql
	log    logr.Logger

	observed    left
	uncached    []*unstructured.Unstructured // Secrets that exist and are not in the cache
	credentials []render.Credential
	input       render.Input // that the objects were rendered from
	sources     string       // digest of the overlays
	holding     holding
	previews    bool // it only looks
	desired     []render.Object
	warnings    []render.Warning
	rendered    bool
	applied     bool
	again       time.Time // when time alone brings something: a password rotates, a window opens
	generation  int64     // of the StatefulSet that holds what was rendered, as far as known
}

// errUnfinished ends a pass over a manifest whose namesake is still being cleaned up.
var errUnfinished = errors.New("the deletion of an earlier cluster of this name is not finished")

func (p *clusterPass) run(ctx context.Context) error {
	var failure error
	for _, phase := range []func(context.Context) error{
		p.observe, p.validate, p.keepFinalizer, p.finishDeletion, p.mintCredentials, p.render, p.awaitKinds, p.hold, p.spareForeign, p.apply, p.restartPoolers, p.keepAccountRole,
	} {
		if failure = phase(ctx); failure != nil {
			break
		}
	}
	if apierrors.IsConflict(failure) && !p.rendered {
		return failure // the manifest has changed meanwhile: there is nothing to say of this one
	}
	if failure == nil {
		p.observed.objects, failure = observeObjects(ctx, p.client, p.config, p.key())
	}
	if err := p.report(ctx, failure); err != nil {
		failure = errors.Join(failure, err)
	}
	if isInvalid(failure) || errors.Is(failure, errUnfinished) {
		return nil // a change of the manifest, or of what is left, comes as an event
	}
	return failure
}

func (p *clusterPass) key() types.NamespacedName { return client.ObjectKeyFromObject(p.pg) }

func (p *clusterPass) validate(context.Context) error {
	problems := apiv1.Validate(p.pg)
	if len(problems) == 0 {
		problems = apiv1.ValidatePolicy(p.pg, apiv1.Policy{TeamPrefix: p.config.EnableTeamIdClusternamePrefix})
	}
	if len(problems) > 0 {
		return &invalidError{problems.ToAggregate()}
	}
	return nil
}

// keepFinalizer puts our finalizer on the manifest or takes it off, as the configuration says.
func (p *clusterPass) keepFinalizer(ctx context.Context) error {
	has := controllerutil.ContainsFinalizer(p.pg, names.Finalizer)
	if has == p.config.EnableFinalizers {
		return nil
	}
	changed := p.pg.DeepCopy()
	patch := client.MergeFromWithOptions(p.pg.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if p.config.EnableFinalizers {
		controllerutil.AddFinalizer(changed, names.Finalizer)
	} else {
		controllerutil.RemoveFinalizer(changed, names.Finalizer)
	}
	if err := p.client.Patch(ctx, changed, patch); err != nil {
		return fmt.Errorf("change finalizers of cluster %s: %w", p.key(), err)
	}
	return nil
}

func (p *clusterPass) observe(ctx context.Context) error {
	p.streams.wait(ctx, p.pg)
	observed, err := p.leftOf(ctx, p.config, p.key())
	p.observed = observed
	p.generation = p.pg.Status.StatefulSetGeneration
	return err
}

// finishDeletion lets the deletion of an earlier cluster of the same name come to its end: what it
// would still delete must not be what this one makes.
func (p *clusterPass) finishDeletion(ctx context.Context) error {
	if !unfinished(p.observed, p.pg.Name) {
		return nil
	}
	done, err := teardown{client: p.client, config: p.config, key: p.key()}.next(ctx, p.observed)
	if err != nil || done {
		return err
	}
	return errUnfinished
}

// mintCredentials reads the credential of each role that gets a Secret, and makes up those that do
// not exist yet.
func (p *clusterPass) mintCredentials(ctx context.Context) error {
	infrastructure, err := p.infrastructure(ctx, p.config)
	if err != nil {
		return err
	}
	set := roles.Desired(p.pg, p.config, roles.Extra{Infrastructure: infrastructure.Roles})
	var errs []error
	for _, role := range set.Roles {
		if !role.NeedsSecret() {
			continue
		}
		credential, err := p.credential(ctx, set, role)
		if role.Kind == roles.Infrastructure {
			credential.Password = infrastructure.Passwords.Clear[role.Name] // its source is the truth
		}
		var none *noSecretError
		switch {
		case errors.As(err, &none):
			p.warnings = append(p.warnings, render.Warning{Reason: "Secret", Message: none.Error()})
		case err != nil:
			errs = append(errs, err)
		default:
			p.credentials = append(p.credentials, credential)
		}
	}
	return errors.Join(errs...)
}

func (p *clusterPass) credential(ctx context.Context, set roles.Set, role roles.Role) (render.Credential, error) {
	credential := render.Credential{Role: role.Name, Kind: string(role.Kind), Namespace: role.SecretNamespace, Username: role.Name}
	key := secretKey(p.config, p.pg, role)
	data, found := cachedSecret(p.observed.objects, key)
	if !found {
		secret, err := readSecret(ctx, p.live, key)
		if err == nil {
			err = p.checkPlace(ctx, role.Name, key, secret)
		}
		if err != nil {
			return credential, err
		}
		if secret != nil {
			data = secret.Data
			if err := p.noteSecret(secret); err != nil {
				return credential, err
			}
		}
	}
	kept := loginIn(data, role.Name)
	credential.Password = kept.password
	if err := p.rotate(set, role, kept, &credential); err != nil || credential.Password != "" {
		return credential, err
	}
	var err error
	credential.Password, err = p.newPassword()
	return credential, err
}

// noteSecret makes a Secret that the cache does not hold part of what is compared.
func (p *clusterPass) noteSecret(secret *corev1.Secret) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(secret)
	if err != nil {
		return fmt.Errorf("take secret %s/%s as it is: %w", secret.Namespace, secret.Name, err)
	}
	o := &unstructured.Unstructured{Object: content}
	o.SetGroupVersionKind(secretKind)
	p.uncached = append(p.uncached, o)
	return nil
}

func (p *clusterPass) render(ctx context.Context) error {
	view, err := p.view(ctx)
	if err != nil {
		return err
	}
	p.warnings = append(p.warnings, view.Warnings...)
	if why := p.overlays.failureOf(p.key()); why != "" {
		p.warnings = append(p.warnings, render.Warning{Reason: "Overlay", Message: oneLine(errors.New(why)) + "; the last good overlays stay in force"})
	}
	p.sources = p.overlays.digest() // before: a digest that is too old is put right by the next pass
	renderer, err := p.rendererInForce(ctx)
	if err != nil {
		return err
	}
	if p.desired, err = renderer.Render(view); err != nil {
		return err
	}
	p.stamp(view)
	p.rendered = true
	return nil
}

// view is what the cluster is rendered from.
func (p *clusterPass) view(ctx context.Context) (render.View, error) {
	observed := render.Observed{PrimaryOrdinal: p.primaryOrdinal(), PoolerUserLists: p.userLists(), MajorVersion: p.pg.Status.MajorVersion}
	if live := p.statefulSet(); live != nil {
		observed.StatefulSetExists, observed.Replicas = true, int32(replicasOf(live))
		observed.TemplateVersion = templateVersion(live)
	}
	observed.StreamsMissing, observed.StreamsPending = !p.observed.streams, streamsPending(p.config, p.pg)
	observed.Streams = streamNames(p.observed.objects)
	if err := p.podEnvironment(ctx, &observed); err != nil {
		return render.View{}, err
	}
	p.input = render.Input{
		Manifest:    p.pg,
		Config:      p.config,
		Credentials: p.credentials,
		Observed:    observed,
		Now:         p.now(),
	}
	return render.NewView(p.input)
}

// primaryOrdinal is the number at the end of the name of the primary's pod, nil without a primary.
func (p *clusterPass) primaryOrdinal() *int {
	primary := primaryOf(p.observed.pods, p.config)
	if primary == nil {
		return nil
	}
	ordinal, err := strconv.Atoi(strings.TrimPrefix(primary.Name, names.StatefulSet(p.pg.Name)+"-"))
	if err != nil {
		return nil
	}
	return &ordinal
}

// stamp marks every object with the id of the operator that the manifest is for, if it has one, so
// that what a deleted manifest left is cleaned up by the same operator.
// What an overlay adds is marked, so that it goes when the overlay goes, whatever its kind.
func (p *clusterPass) stamp(view render.View) {
	for _, o := range p.desired {
		if p.controllerID != "" {
			annotate(o.Unstructured, names.ControllerAnnotation, p.controllerID)
		}
		if view.Added(o) {
			annotate(o.Unstructured, names.OverlayObject, o.ID)
		}
	}
}

func annotate(o *unstructured.Unstructured, key, value string) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	o.SetAnnotations(annotations)
}

// statefulSet returns the live StatefulSet, nil if there is none.
func (p *clusterPass) statefulSet() *unstructured.Unstructured {
	i := slices.IndexFunc(p.observed.objects, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == statefulSetKind.Kind && o.GetName() == names.StatefulSet(p.pg.Name)
	})
	if i < 0 {
		return nil
	}
	return p.observed.objects[i]
}

// apply makes the API server hold what was rendered, and removes what no longer is.
func (p *clusterPass) apply(ctx context.Context) error {
	request, err := p.request(ctx)
	if err != nil {
		return err
	}
	changes := p.applier.Apply(ctx, request)
	if done := succeeded(changes); len(done) > 0 {
		p.log.Info("objects changed", "changes", done)
	}
	if err := changes.Err(); err != nil {
		return err
	}
	p.applied = true
	if set, found := changes.Find("statefulset"); found && set.Live != nil && set.Verb != apply.Recreate {
		p.generation = set.Live.GetGeneration()
	}
	return nil
}

// request is what was rendered, beside what there is.
func (p *clusterPass) request(ctx context.Context) (apply.Request, error) {
	desired := make([]apply.Object, 0, len(p.desired))
	for _, o := range p.desired {
		desired = append(desired, apply.Object(o))
	}
	live, err := p.liveObjects(ctx)
	return apply.Request{
		Desired:  desired,
		Live:     live,
		Previous: p.spareHeld(p.previous()),
		Labels:   map[string]string{p.config.ClusterNameLabel: p.pg.Name},
	}, err
}

// liveObjects are the observed objects of the cluster and those that it shares with others. What was read
// once in a pass is not read again: a password that somebody changes between the two would be put back.
func (p *clusterPass) liveObjects(ctx context.Context) ([]*unstructured.Unstructured, error) {
	live := slices.Concat(p.observed.objects, p.uncached)
	for _, o := range p.desired {
		shared := slices.ContainsFunc(namespaceKinds(), func(k kind) bool { return k.Kind == o.GetKind() })
		elsewhere := o.GetNamespace() != p.pg.Namespace
		if (!shared || isAdded(o.Unstructured)) && !elsewhere || slices.ContainsFunc(live, sameObject(o.Unstructured)) {
			continue
		}
		found := newObject(o.GroupVersionKind())
		err := p.client.Get(ctx, client.ObjectKeyFromObject(o), found)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", o.ID, err)
		}
		live = append(live, found)
	}
	return live, nil
}

func sameObject(o *unstructured.Unstructured) func(*unstructured.Unstructured) bool {
	return func(other *unstructured.Unstructured) bool {
		return o.GroupVersionKind() == other.GroupVersionKind() && client.ObjectKeyFromObject(o) == client.ObjectKeyFromObject(other)
	}
}

// succeeded tells what was done, a line per object; values of Secrets are masked in it.
func succeeded(changes apply.ChangeSet) []string {
	var lines []string
	for _, change := range changes.Changed() {
		if change.Err == nil {
			lines = append(lines, change.String())
		}
	}
	return lines
}

// applyOptions are the policies for what we render. The pod service account and its binding serve a
// whole namespace and may have been adapted by its owner: they are made when missing, never changed.
// Secrets are kept, but for those that are of no use without a pooler. A pooler holds no data: where
// Kubernetes refuses a change, it is made anew.
func applyOptions() apply.Options {
	return apply.Options{
		Manager: names.ManagerCluster,
		Legacy:  []string{names.ManagerLegacy},
		Rules: []apply.Rule{
			{ID: addedID},
			{Kind: serviceAccountKind.Kind, Policy: apply.Policy{CreateOnly: true, Keep: true}},
			{Kind: roleBindingKind.Kind, Policy: apply.Policy{CreateOnly: true, Keep: true}},
			{Kind: secretKind.Kind, ID: fmt.Sprintf(poolerSecretID, "*")},
			{Kind: secretKind.Kind, ID: poolerCredentialID},
			{Kind: secretKind.Kind, Policy: apply.Policy{Keep: true, Exact: true}},
			{Kind: deploymentKind.Kind, Policy: apply.Policy{Immutable: apply.Replace, Propagation: metav1.DeletePropagationForeground}},
			{Kind: statefulSetKind.Kind, Policy: apply.Policy{Keep: true, Immutable: apply.Orphan}},
		},
	}
}
