package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
	"postgres-operator/render"
	"postgres-operator/roles"
	"postgres-operator/trial"
)

// addedID is the id, for rules of package apply, of objects that an overlay has added: they go with it.
const addedID = "added"

// isAdded tells whether an overlay has added an object. Volumes are never taken for such: what they hold
// does not come back.
func isAdded(o client.Object) bool {
	return o.GetAnnotations()[names.OverlayObject] != "" && o.GetObjectKind().GroupVersionKind().Kind != volumeClaimKind.Kind
}

// rendererInForce is the one with the overlays that are in force.
func (r *cluster) rendererInForce(ctx context.Context) (*render.Renderer, error) {
	if r.overlays == nil {
		return r.renderer, nil
	}
	return r.overlays.renderer(ctx)
}

// awaitKinds leaves out what cannot be applied yet: objects of kinds that are not installed, or whose
// objects the cache does not know yet. All else goes on.
func (p *clusterPass) awaitKinds(ctx context.Context) error {
	var errs []error
	p.desired = slices.DeleteFunc(p.desired, func(o render.Object) bool {
		gvk := o.GroupVersionKind()
		if !isAdded(o) || builtInKind(gvk) {
			return false
		}
		if err := p.overlays.remember(ctx, gvk, o.ID); err != nil {
			errs = append(errs, err)
			return true
		}
		state := p.added.follow(gvk)
		if state == notInstalled {
			p.warnings = append(p.warnings, render.Warning{Reason: "Overlay", Message: fmt.Sprintf(
				"object %s waits: kind %s of %s is not installed", o.ID, gvk.Kind, gvk.GroupVersion())})
		}
		return state != known
	})
	return errors.Join(errs...)
}

// remember writes a kind down before there is an object of it. The trial has seen most, with the
// clusters that there were.
func (o *overlays) remember(ctx context.Context, gvk schema.GroupVersionKind, id string) error {
	if o == nil || slices.Contains(o.added.kinds(), gvk) {
		return nil
	}
	if denied := o.permitted(ctx, []trial.Kind{{GroupVersionKind: gvk, Object: id}}); denied != nil {
		return denied
	}
	o.mu.RLock()
	set := o.force.set
	o.mu.RUnlock()
	return o.keep(ctx, set, []trial.Kind{{GroupVersionKind: gvk}})
}

// standInCredentials are placeholders for every credential that the cluster has a Secret of.
func (p *clusterPass) standInCredentials() {
	for _, role := range roles.Desired(p.pg, p.config, roles.Extra{}).Roles {
		if role.NeedsSecret() {
			p.credentials = append(p.credentials, render.Credential{
				Role: role.Name, Kind: string(role.Kind), Namespace: role.SecretNamespace, Username: role.Name, Password: "password-of-" + role.Name,
			})
		}
	}
}
