package hold

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"postgres-operator/rollout"
)

// Template is a pod template as plain JSON, with the fields that were rendered and no others.
type Template = map[string]any

// Change is a pod template on its way to a cluster.
type Change struct {
	// Current is what was applied last.
	Current Template
	// Former is what the manifest that Current was made from gives today.
	Former Template
	// Desired is what the manifest of today gives today.
	Desired Template
	// LazyImages: images alone do not restart pods.
	LazyImages bool
}

// Decision is what becomes of a Change.
type Decision struct {
	// Template to apply.
	Template Template
	// Waits says what the change of the fleet waits for; Nothing when Template is the desired one.
	Waits Wait
	// Digest names the desired template.
	Digest string
	// Reasons are the fields by which the change of the fleet restarts pods, now or later.
	Reasons []string
}

// Decide keeps pods from being restarted by a change of the fleet while the gate is closed. The user's
// changes go in either way.
func Decide(c Change, g Gate) (Decision, error) {
	d := Decision{Template: c.Desired, Digest: Digest(c.Desired)}
	var err error
	if d.Reasons, err = restarts(c.Current, c.Former, c.LazyImages); err != nil || len(d.Reasons) == 0 {
		return d, err
	}
	if d.Waits = g.wait(d.Digest); d.Waits == Nothing {
		return d, nil
	}
	d.Template, err = rebase(c)
	return d, err
}

// Digest names a template, short enough to be typed.
func Digest(t Template) string {
	text, err := json.Marshal(t)
	if err != nil {
		return "" // what is no JSON is no template: the API server refuses it
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

func restarts(old, next Template, lazyImages bool) ([]string, error) {
	var before, after corev1.PodTemplateSpec
	if err := decode(old, &before); err != nil {
		return nil, fmt.Errorf("read present pod template: %w", err)
	}
	if err := decode(next, &after); err != nil {
		return nil, fmt.Errorf("read rendered pod template: %w", err)
	}
	return rollout.Restarts(before, after, lazyImages), nil
}

// rebase puts what the user has changed, from Former to Desired, on the template that stays.
func rebase(c Change) (Template, error) {
	if reflect.DeepEqual(c.Former, c.Desired) {
		return c.Current, nil
	}
	var texts [3][]byte
	for i, t := range []Template{c.Current, c.Former, c.Desired} {
		text, err := json.Marshal(t)
		if err != nil {
			return nil, fmt.Errorf("write pod template: %w", err)
		}
		texts[i] = text
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(texts[1], texts[2], corev1.PodTemplateSpec{})
	if err != nil {
		return nil, fmt.Errorf("tell what the manifest changes in the pod template: %w", err)
	}
	merged, err := strategicpatch.StrategicMergePatch(texts[0], patch, corev1.PodTemplateSpec{})
	if err != nil {
		return nil, fmt.Errorf("change the pod template that is held: %w", err)
	}
	return parse(merged)
}

func decode(t Template, into *corev1.PodTemplateSpec) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
