package apply

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Request is one pass over the objects that belong together.
type Request struct {
	// Desired are the objects that shall be. They are not changed.
	Desired []Object
	// Live are the objects that are, as far as the caller knows: those of its
	// caches. An object that exists but is missing here is applied all the same.
	// managedFields must hold at least the entries that [Strip] keeps.
	Live []*unstructured.Unstructured
	// Previous are the objects that earlier passes applied: what of it is no
	// longer desired is deleted. Empty means that nothing is.
	Previous []Ref
	// Labels are what an object must carry to be deleted.
	Labels map[string]string
}

// Options are what an Applier knows of its caller.
type Options struct {
	// Manager is the field manager under which all is written: one constant per
	// writer, for ever.
	Manager string
	// Legacy are field managers that wrote the same objects by plain updates
	// before us. What they own becomes ours.
	Legacy []string
	// Rules give policies to objects; the first that fits counts. They also hold
	// for objects that are no longer desired.
	Rules []Rule
}

// Plan compares desired and live objects and returns what an Apply would do.
// It sends nothing. Two differences remain between the plan and what comes of
// it: only the API server knows what its webhooks make of an object, and
// whether it refuses one.
func (a *Applier) Plan(r Request) ChangeSet {
	live := make(map[identity]*unstructured.Unstructured, len(r.Live))
	for _, obj := range r.Live {
		live[RefOf("", obj).identity()] = obj
	}
	desired := make(map[identity]bool, len(r.Desired))
	var changes ChangeSet
	for _, obj := range sorted(r.Desired) {
		ref := RefOf(obj.ID, obj.Unstructured)
		change := Change{Ref: ref, policy: policyOf(a.options.Rules, ref)}
		switch id := ref.identity(); {
		case ref.Kind == "" || ref.Name == "" || ref.APIVersion == "":
			change.fail("apply", Invalid, errors.New("lacks apiVersion, kind or name"))
		case desired[id]:
			change.fail("apply", Invalid, errors.New("is desired twice"))
		default:
			desired[id] = true
			change.live, change.Live = live[id], live[id]
			a.decide(&change, obj.Unstructured)
		}
		changes = append(changes, change)
	}
	return append(changes, a.pruned(r, desired, live)...)
}

// sorted orders objects by kind; those of one kind stay as given.
func sorted(objects []Object) []Object {
	out := slices.Clone(objects)
	slices.SortStableFunc(out, func(a, b Object) int { return order(a.GetKind()) - order(b.GetKind()) })
	return out
}

// fail makes a change an error that is known before anything is sent.
func (c *Change) fail(action string, reason Reason, err error) {
	c.Verb, c.Err = Skip, &Error{Action: action, Ref: c.Ref, Reason: reason, Err: err}
}

// decide finds the verb for a desired object.
func (a *Applier) decide(c *Change, desired *unstructured.Unstructured) {
	if c.live != nil && c.policy.CreateOnly {
		c.Verb = Unchanged
		return
	}
	c.desired = normal(desired)
	if c.live == nil {
		c.Verb = Create
		return
	}
	if c.live.GetDeletionTimestamp() != nil {
		c.Verb, c.Reason = Skip, "is being deleted"
		return
	}
	compared := c.live
	if c.adopts = a.adoptable(c.live); c.adopts {
		adopted, err := a.adopted(c.live, c.desired)
		if err != nil {
			c.fail("adopt", Unknown, err)
			return
		}
		compared, c.Reason = adopted, "takes over the fields of "+strings.Join(a.former(c.live), ", ")
	}
	c.compared, c.manager = compared, a.options.Manager
	c.differences = compare(c.desired, compared, a.options.Manager)
	if !c.adopts && (len(c.differences) == 0 || a.settled.holds(c)) {
		c.Verb = Unchanged
		return
	}
	if a.settled.written(c) {
		c.Verb, c.Reason = Skip, "the cache does not show the last write yet"
		return
	}
	c.Verb, c.Fields = Update, fieldDiffs(c.desired, c.differences)
	c.checkImmutable()
}

// checkImmutable turns an update that cannot be into what the policy says.
func (c *Change) checkImmutable() {
	var fields []string
	for _, d := range c.differences {
		path := d.path.String()
		frozen := slices.ContainsFunc(immutable(c.groupKind()), func(f string) bool {
			return path == f || strings.HasPrefix(path, f+".") || strings.HasPrefix(path, f+"[")
		})
		if frozen && d.kind != disowned {
			fields = append(fields, path)
		}
	}
	if len(fields) == 0 {
		return
	}
	cannot := strings.Join(fields, ", ") + " cannot change"
	if c.policy.Immutable == Refuse {
		c.fail("apply", ImmutableField, errors.New(cannot+"; delete the object to have it created anew"))
		return
	}
	if field := c.losesScale(); field != "" {
		c.fail("recreate", ImmutableField, fmt.Errorf("%s, and creating it anew would lose %s, which somebody else sets", cannot, field))
		return
	}
	c.Verb, c.Reason = Recreate, cannot
	c.adopts = false
}

// losesScale guards a workload whose size is not ours against coming back with
// the default of one replica.
func (c *Change) losesScale() string {
	_, had, _ := unstructured.NestedFieldNoCopy(c.live.Object, "spec", "replicas")
	_, has, _ := unstructured.NestedFieldNoCopy(c.desired.Object, "spec", "replicas")
	if had && !has {
		return "spec.replicas"
	}
	return ""
}

// pruned are the previous objects to delete, the last kinds first.
func (a *Applier) pruned(r Request, desired map[identity]bool, live map[identity]*unstructured.Unstructured) ChangeSet {
	var changes ChangeSet
	for _, ref := range r.Previous {
		obj := live[ref.identity()]
		policy := policyOf(a.options.Rules, ref)
		if obj == nil || desired[ref.identity()] || policy.Keep || obj.GetDeletionTimestamp() != nil {
			continue
		}
		desired[ref.identity()] = true // Deleted once, however often it is listed.
		change := Change{Ref: ref, Verb: Delete, policy: policy, live: obj, Live: obj}
		switch {
		case !carries(obj, r.Labels):
			change.Verb, change.Reason = Skip, "no longer desired, but does not carry our labels"
		case !a.wrote(obj):
			change.Verb, change.Reason = Skip, "no longer desired, but was not written by "+a.options.Manager
		}
		changes = append(changes, change)
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return order(b.Kind) - order(a.Kind) })
	return changes
}

// carries reports whether an object has all labels. No labels at all are a
// caller's mistake, not a licence to delete everything.
func carries(obj *unstructured.Unstructured, labels map[string]string) bool {
	have := obj.GetLabels()
	for key := range maps.Keys(labels) {
		if value, ok := have[key]; !ok || value != labels[key] {
			return false
		}
	}
	return len(labels) > 0
}

// wrote reports whether our field manager has ever written an object.
func (a *Applier) wrote(obj *unstructured.Unstructured) bool {
	for _, entry := range entriesOf(obj) {
		if entry["manager"] == a.options.Manager {
			return true
		}
	}
	return false
}

// entriesOf are the entries of managedFields as they were decoded.
func entriesOf(obj *unstructured.Unstructured) []map[string]any {
	meta, _ := obj.Object["metadata"].(map[string]any)
	list, _ := meta["managedFields"].([]any)
	entries := make([]map[string]any, 0, len(list))
	for _, e := range list {
		if entry, ok := e.(map[string]any); ok {
			entries = append(entries, entry)
		}
	}
	return entries
}
