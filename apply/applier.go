package apply

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/schema"
)

// Client is what an Applier needs of a controller-runtime client: it writes
// and never reads.
type Client interface {
	Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
	Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error
	Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error
}

// Applier applies objects under one field manager. It is safe for concurrent
// use; two passes over the same object at once are not of use.
type Applier struct {
	client  Client
	options Options
	settled settled
}

// New returns an Applier. Its memory of fixed points lives as long as it does,
// so a process needs one per field manager. With a nil client it can only Plan.
func New(c Client, o Options) *Applier { return &Applier{client: c, options: o} }

// Apply plans a request and executes it, object by object. One object's failure
// stops no other, except that nothing is pruned after one. The result holds an
// error per object that is not as desired; ChangeSet.Err joins them.
func (a *Applier) Apply(ctx context.Context, r Request) ChangeSet {
	changes := a.Plan(r)
	failed := false
	for i := range changes {
		c := &changes[i]
		if c.Verb == Delete && failed {
			c.Verb, c.Reason = Skip, "no longer desired, but kept while another object fails"
			continue
		}
		if c.Err == nil {
			c.Err = a.execute(ctx, c)
		}
		failed = failed || c.Err != nil
	}
	return changes
}

func (a *Applier) execute(ctx context.Context, c *Change) error {
	if c.Verb == Create || c.Verb == Update {
		if err := schema.Check(c.desired); err != nil {
			return &Error{Action: "apply", Ref: c.Ref, Reason: Invalid, Err: err}
		}
	}
	switch c.Verb {
	case Create:
		if c.policy.CreateOnly {
			return a.create(ctx, c)
		}
		return a.apply(ctx, c)
	case Update:
		return a.update(ctx, c)
	case Delete:
		return a.remove(ctx, c, "delete", c.policy.Propagation)
	case Recreate:
		propagation := metav1.DeletePropagationBackground
		if c.policy.Immutable == Orphan {
			propagation = metav1.DeletePropagationOrphan
		}
		return a.remove(ctx, c, "recreate", propagation)
	}
	return nil
}

// create makes an object that is not to be touched again. That somebody was
// faster is as good.
func (a *Applier) create(ctx context.Context, c *Change) error {
	obj := c.desired.DeepCopy()
	err := a.client.Create(ctx, obj, client.FieldOwner(a.options.Manager), client.FieldValidation(metav1.FieldValidationStrict))
	if apierrors.IsAlreadyExists(err) {
		c.Verb, c.Reason = Unchanged, "exists already"
		return nil
	}
	if err != nil {
		return failure("create", c.Ref, err)
	}
	c.Live = obj
	return nil
}

// update brings a live object to what is desired, in as few requests as that
// takes: see the package comment on taking over and on fixed points.
func (a *Applier) update(ctx context.Context, c *Change) error {
	before := c.Live
	if slices.ContainsFunc(c.differences, func(d difference) bool { return d.kind == forbidden }) {
		if err := a.patch(ctx, c, "apply", displacement(c.desired, c.Live)); err != nil {
			return err
		}
		c.adopts = a.adoptable(c.Live)
	}
	if c.adopts {
		obj, err := a.adopted(c.Live, c.desired)
		if err != nil {
			return failure("adopt", c.Ref, err)
		}
		if err := a.patch(ctx, c, "adopt", adoption(obj)); err != nil {
			return err
		}
	}
	if len(c.differences) == 0 {
		a.settled.remember(c, nil)
		return nil
	}
	if c.Live == before && onlyValues(c.differences) && !a.settled.writtenDifferently(c) {
		done, err := a.isFixedPoint(ctx, c)
		if done || err != nil {
			return err
		}
	}
	if err := a.release(ctx, c); err != nil {
		return err
	}
	return a.apply(ctx, c)
}

// release gives a field back that keeps its value when nobody asks for it any longer: once more it is applied, as
// it would have been made without us, and the apply after that leaves it out.
func (a *Applier) release(ctx context.Context, c *Change) error {
	if c.Live.GetKind() != "Service" || c.Live.GetAPIVersion() != "v1" {
		return nil
	}
	const field = "ipFamilyPolicy"
	_, wanted, _ := unstructured.NestedString(c.desired.Object, "spec", field)
	_, ours, _ := unstructured.NestedFieldNoCopy(ownedFields(c.Live, a.options.Manager), "f:spec", "f:"+field)
	if wanted || !ours {
		return nil
	}
	last := c.desired.DeepCopy()
	if err := unstructured.SetNestedField(last.Object, "SingleStack", "spec", field); err != nil {
		return failure("apply", c.Ref, err)
	}
	obj, err := a.send(ctx, last)
	if err != nil {
		return failure("apply", c.Ref, err)
	}
	c.Live = obj
	return nil
}

// patch changes the live object by a plain update, and sees what then differs.
func (a *Applier) patch(ctx context.Context, c *Change, action string, patch []operation) error {
	raw, err := json.Marshal(patch)
	if err != nil {
		return failure(action, c.Ref, err)
	}
	obj := c.Live.DeepCopy()
	err = a.client.Patch(ctx, obj, client.RawPatch(types.JSONPatchType, raw), client.FieldOwner(a.options.Manager))
	if err != nil {
		return failure(action, c.Ref, err)
	}
	c.Live, c.differences = obj, compare(c.desired, obj, a.options.Manager)
	return nil
}

// onlyValues: everything that differs is ours already.
func onlyValues(differences []difference) bool {
	for _, d := range differences {
		if d.kind != value {
			return false
		}
	}
	return true
}

// isFixedPoint asks by a dry run whether applying would change what differs.
func (a *Applier) isFixedPoint(ctx context.Context, c *Change) (bool, error) {
	probe, err := a.send(ctx, c.desired, client.DryRunAll)
	if apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "does not support dry run") {
		return false, nil // A webhook with side effects: what remains is remembered after the apply.
	}
	if err != nil {
		return false, failure("apply", c.Ref, err)
	}
	if residueOf(compare(c.desired, probe, a.options.Manager)) != residueOf(c.differences) {
		return false, nil
	}
	a.settled.remember(c, c.differences)
	c.Verb, c.Reason, c.Fields = Unchanged, "what differs is the API server's doing", nil
	return true, nil
}

// apply sends the desired object and notes what the server makes of it.
func (a *Applier) apply(ctx context.Context, c *Change) error {
	desired := c.desired
	if c.policy.Exact && c.Live != nil {
		desired = desired.DeepCopy()
		desired.SetResourceVersion(c.Live.GetResourceVersion())
	}
	obj, err := a.send(ctx, desired)
	if err != nil {
		return failure("apply", c.Ref, err)
	}
	c.Live = obj
	a.settled.remember(c, compare(c.desired, obj, a.options.Manager))
	return nil
}

// send applies a copy of an object, forced: the fields it holds are ours,
// whoever has written them. Unknown fields make the server refuse it.
func (a *Applier) send(ctx context.Context, obj *unstructured.Unstructured, options ...client.ApplyOption) (*unstructured.Unstructured, error) {
	obj = obj.DeepCopy()
	options = append(options, client.FieldOwner(a.options.Manager), client.ForceOwnership)
	err := a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(obj), options...)
	return obj, err
}

// remove deletes the very object that was seen. One that is gone already is
// fine, one of the same name that is not the same is left for the next pass.
func (a *Applier) remove(ctx context.Context, c *Change, action string, propagation metav1.DeletionPropagation) error {
	if propagation == "" {
		propagation = metav1.DeletePropagationBackground
	}
	uid := c.live.GetUID()
	err := a.client.Delete(ctx, c.live.DeepCopy(), client.PropagationPolicy(propagation), client.Preconditions{UID: &uid})
	if err != nil && !apierrors.IsNotFound(err) {
		return failure(action, c.Ref, err)
	}
	a.settled.forget(c.Ref)
	c.Live = nil
	return nil
}
