package apply

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Verb is what is or would be done to an object.
type Verb string

// The verbs of a Change.
const (
	Create    Verb = "create"
	Update    Verb = "update"
	Unchanged Verb = "unchanged"
	Delete    Verb = "delete"
	// Recreate deletes the object in this pass; a later one creates it.
	Recreate Verb = "recreate"
	// Skip leaves the object alone for now; Reason says why.
	Skip Verb = "skip"
)

// Change is one object of a ChangeSet.
type Change struct {
	Ref
	Verb Verb
	// Reason says what the fields do not: why an object is skipped, recreated
	// or taken over. Its text is stable.
	Reason string
	// Fields are what differs, sorted by path; of updates and recreations only.
	Fields []FieldDiff
	// Err is why the object is not as desired: an *Error.
	Err error
	// Live is the object as the API server last showed it, managedFields
	// included; nil when it is not there. It is shared with the cache: read only.
	Live *unstructured.Unstructured

	policy      Policy
	desired     *unstructured.Unstructured // in normal form
	live        *unstructured.Unstructured // before
	compared    *unstructured.Unstructured // before, with the entries of former managers made ours
	manager     string
	differences []difference
	adopts      bool
}

// FieldDiff is one field that differs. Values of Secrets are masked.
type FieldDiff struct {
	Path string
	// Old and New are the live and the desired value; nil where the field is
	// not there or is to be removed.
	Old, New any
	// Ownership marks a field whose value is right and whose owner is not us.
	Ownership bool
}

// Masked stands for the values of Secrets.
const Masked = "(secret)"

// String is "spec.replicas: 2 -> 3".
func (d FieldDiff) String() string {
	switch {
	case d.Ownership && d.Path == "":
		return "field ownership"
	case d.Ownership:
		return d.Path + ": field ownership"
	case d.Old == Masked && d.New == Masked:
		return d.Path + ": changed"
	case d.New == nil:
		return d.Path + ": removed " + show(d.Old)
	case d.Old == nil:
		return d.Path + ": added " + show(d.New)
	}
	return d.Path + ": " + show(d.Old) + " -> " + show(d.New)
}

// show prints a value on one line, cut where a person stops reading.
func show(v any) string {
	var text string
	switch v := v.(type) {
	case map[string]any, []any:
		raw, err := yaml.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		flat, err := yaml.YAMLToJSON(raw)
		if err != nil {
			return fmt.Sprint(v)
		}
		text = string(flat)
	case string:
		if text = strconv.Quote(v); v == Masked {
			text = Masked
		}
	default:
		text = fmt.Sprint(v)
	}
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	return text
}

// String is the verb and the object, the reason, and one line per field.
func (c Change) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.Verb, c.Ref)
	if c.Reason != "" {
		fmt.Fprintf(&b, " (%s)", c.Reason)
	}
	for _, f := range c.Fields {
		fmt.Fprintf(&b, "\n  %s", f)
	}
	if c.Err != nil {
		fmt.Fprintf(&b, "\n  error: %v", c.Err)
	}
	return b.String()
}

// fieldDiffs makes differences fit to be shown.
func fieldDiffs(obj *unstructured.Unstructured, differences []difference) []FieldDiff {
	var diffs []FieldDiff
	for _, d := range differences {
		diff := FieldDiff{Path: d.path.String(), Old: d.old, New: d.new, Ownership: d.kind == disowned}
		if diff.Ownership {
			diff.Old, diff.New = nil, nil
		}
		if isSecret(obj) && !slices.Contains([]string{".type", ".immutable"}, first(d.path)) {
			diff.Old, diff.New = mask(d.path, diff.Old), mask(d.path, diff.New)
		}
		diffs = append(diffs, diff)
	}
	return diffs
}

// mask hides what may be a Secret's value: all data, and annotations, one of
// which kubectl fills with the whole object.
func mask(path []string, v any) any {
	if v == nil || (first(path) == ".metadata" && len(path) > 1 && path[1] != ".annotations") {
		return v
	}
	return Masked
}

func first(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[0]
}

// ChangeSet is what was or would be done, in order: desired objects first,
// then what is pruned.
type ChangeSet []Change

// Changed are the changes that touch the cluster.
func (s ChangeSet) Changed() ChangeSet {
	return slices.DeleteFunc(slices.Clone(s), func(c Change) bool { return c.Verb == Unchanged || c.Verb == Skip })
}

// Err joins the errors of all objects.
func (s ChangeSet) Err() error {
	var errs []error
	for _, c := range s {
		errs = append(errs, c.Err)
	}
	return errors.Join(errs...)
}

// Errors lists the failures, one per object that is not as desired.
func (s ChangeSet) Errors() []*Error {
	var found []*Error
	for _, c := range s {
		if one, ok := errors.AsType[*Error](c.Err); ok {
			found = append(found, one)
		}
	}
	return found
}

// Find returns the change of the object with an id.
func (s ChangeSet) Find(id string) (Change, bool) {
	for _, c := range s {
		if c.ID == id {
			return c, true
		}
	}
	return Change{}, false
}

// Inventory lists what has to be remembered for pruning: everything that is
// desired, and what was to be deleted and is still there.
func (s ChangeSet) Inventory() []Ref {
	var refs []Ref
	for _, c := range s {
		if c.Verb != Delete || c.Err != nil {
			refs = append(refs, c.Ref)
		}
	}
	return refs
}

// String prints the changes that touch the cluster or failed.
func (s ChangeSet) String() string {
	var lines []string
	for _, c := range s {
		if c.Verb != Unchanged || c.Err != nil {
			lines = append(lines, c.String())
		}
	}
	return strings.Join(lines, "\n")
}
