package controller

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"postgres-operator/names"
	"postgres-operator/overlay"
	"postgres-operator/render"
	"postgres-operator/trial"
)

// Where the state of the overlays is kept, and under which keys.
const (
	stateName    = "postgres-operator-overlays"
	keyState     = "state"
	keyDigest    = "digest"
	keyInForce   = "inForce"
	keyMessage   = "message"
	keyKept      = "set.json.gz" // the set in force and the kinds that it adds
	stateInForce = "InForce"
	stateRefused = "Refused"

	// maxKept is what fits into a ConfigMap beside the rest.
	maxKept = 900 << 10
)

// kept is what survives the operator.
type kept struct {
	Set   overlay.Set               `json:"set"`
	Kinds []schema.GroupVersionKind `json:"kinds"` // that overlays add or have added

	// Former are those of them that only objects are left of.
	Former []schema.GroupVersionKind `json:"former,omitempty"`
}

var (
	trials = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "postgres_operator_overlay_trials_total", Help: "Trials of changed overlays by result: passed, refused, error.",
	}, []string{"result"})
	refused = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "postgres_operator_overlays_refused", Help: "1 while the overlays that are wanted are refused and others are in force.",
	})
	active = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "postgres_operator_overlays_in_force", Help: "Number of overlays in force.",
	})
)

func init() { metrics.Registry.MustRegister(trials, refused, active) }

func outcome(r trial.Result, err error) string {
	switch {
	case err != nil:
		return "error"
	case r.Failure != nil:
		return "refused"
	}
	return "passed"
}

func overlayLabel() labels.Selector {
	exists, err := labels.NewRequirement(overlay.Label, selection.Exists, nil)
	if err != nil {
		panic(err) // a constant
	}
	return labels.NewSelector().Add(*exists)
}

func (o *overlays) stateKey() types.NamespacedName {
	name := stateName
	if o.controllerID != "" {
		name += "-" + strings.ToLower(o.controllerID)
	}
	return types.NamespacedName{Namespace: o.namespace, Name: name}
}

// OverlaysInForce are the overlays that an operator renders with, and the kinds that they add, as its
// ConfigMap tells; none where there is no such ConfigMap.
func OverlaysInForce(ctx context.Context, reader client.Reader, namespace, controllerID string) (overlay.Set, []schema.GroupVersionKind, error) {
	o := overlays{namespace: namespace, shared: shared{controllerID: controllerID}}
	var state corev1.ConfigMap
	err := reader.Get(ctx, o.stateKey(), &state)
	if client.IgnoreNotFound(err) != nil {
		return nil, nil, fmt.Errorf("read the overlays in force: %w", err)
	}
	found, err := unpack(state.BinaryData[keyKept])
	if err != nil {
		return nil, nil, fmt.Errorf("read the overlays in force from ConfigMap %s: %w", o.stateKey(), err)
	}
	return found.Set, found.Kinds, nil
}

// restore puts in force what was in force when the operator ended.
func (o *overlays) restore(ctx context.Context) error {
	var state corev1.ConfigMap
	err := o.live.Get(ctx, o.stateKey(), &state)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the overlays in force: %w", err)
	}
	before, err := unpack(state.BinaryData[keyKept])
	if err != nil {
		return fmt.Errorf("read the overlays in force from ConfigMap %s: %w", o.stateKey(), err)
	}
	for _, gvk := range before.Kinds {
		o.added.follow(gvk)
	}
	o.added.want(slices.DeleteFunc(slices.Clone(before.Kinds), func(gvk schema.GroupVersionKind) bool {
		return slices.Contains(before.Former, gvk)
	}))
	f := inForce{digest: before.Set.Digest(), set: before.Set}
	if f.renderer, f.err = render.New(before.Set...); f.err != nil {
		f.err = fmt.Errorf("the overlays in force do not fit this version of the operator, all objects stay as they are: %w", f.err)
	}
	o.put(f)
	if len(before.Set) > 0 {
		o.decidedOnce.Do(func() { close(o.decided) })
	}
	return nil
}

// keep writes down what is about to be in force, and which kinds of objects come with it: objects that
// nothing remembers would never go.
func (o *overlays) keep(ctx context.Context, set overlay.Set, added []trial.Kind) error {
	for _, k := range added {
		o.added.follow(k.GroupVersionKind)
	}
	content, err := pack(kept{Set: set, Kinds: o.added.kinds(), Former: o.added.former()})
	if err != nil {
		return err
	}
	if len(content) > maxKept {
		return fmt.Errorf("the overlays take %d bytes compressed, and at most %d can be kept", len(content), maxKept)
	}
	return o.write(ctx, map[string]any{keyState: stateInForce, keyDigest: set.Digest(), keyInForce: sources(set)}, content)
}

// report says what came of the overlays: in our ConfigMap, in an event, in a metric, and, where it was
// found with a cluster, there. What has been said is not said again.
func (o *overlays) report(ctx context.Context, failure *trial.Failure) error {
	o.mu.Lock()
	f := o.force
	o.wrong = failure
	o.mu.Unlock()
	data := map[string]any{keyState: stateInForce, keyDigest: f.digest, keyInForce: sources(f.set)}
	if failure != nil {
		data[keyState], data[keyMessage] = stateRefused, failure.Error()
	}
	active.Set(float64(len(f.set)))
	refused.Set(map[bool]float64{true: 1}[failure != nil])
	if maps.Equal(data, o.said) {
		return nil
	}
	before := o.said
	if before == nil {
		if before = o.stated(ctx); maps.Equal(data, before) {
			o.said = data
			return nil
		}
	}
	content, err := pack(kept{Set: f.set, Kinds: o.added.kinds(), Former: o.added.former()})
	if err != nil {
		return err
	}
	if len(before) > 0 || failure != nil || len(f.set) > 0 { // who has no overlays gets no ConfigMap
		if err := o.write(ctx, data, content); err != nil {
			return err
		}
	}
	o.announce(ctx, failure, len(before) > 0 || len(f.set) > 0)
	o.said = data
	return nil
}

func (o *overlays) announce(ctx context.Context, failure *trial.Failure, news bool) {
	about := newObject(configMapKind)
	about.SetNamespace(o.namespace)
	about.SetName(o.stateKey().Name)
	switch {
	case failure != nil:
		logr.FromContextOrDiscard(ctx).Error(failure, "overlays refused, the last good ones stay in force")
		o.events.warn(about, "OverlaysRefused", "the last good ones stay in force: "+oneLine(failure))
	case news:
		o.events.note(about, "OverlaysInForce", "now in force: "+cmp.Or(sources(o.force.set), "none"))
	}
	o.tell()
}

// stated is what our ConfigMap says.
func (o *overlays) stated(ctx context.Context) map[string]any {
	var state corev1.ConfigMap
	if o.live.Get(ctx, o.stateKey(), &state) != nil {
		return nil
	}
	return anyMap(state.Data)
}

func (o *overlays) write(ctx context.Context, data map[string]any, content []byte) error {
	intent := newObject(configMapKind)
	intent.SetNamespace(o.namespace)
	intent.SetName(o.stateKey().Name)
	intent.Object["data"] = data
	if err := unstructured.SetNestedField(intent.Object, base64.StdEncoding.EncodeToString(content), "binaryData", keyKept); err != nil {
		return fmt.Errorf("put the state of overlays together: %w", err)
	}
	err := o.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(intent), client.FieldOwner(names.ManagerStatus), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("write ConfigMap %s: %w", o.stateKey(), err)
	}
	return nil
}

func pack(k kept) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	if err := errors.Join(json.NewEncoder(compressed).Encode(k), compressed.Close()); err != nil {
		return nil, fmt.Errorf("write down overlays: %w", err)
	}
	return out.Bytes(), nil
}

func unpack(content []byte) (kept, error) {
	var k kept
	if len(content) == 0 {
		return k, nil
	}
	text, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return k, err
	}
	return k, json.NewDecoder(io.LimitReader(text, 4*overlay.MaxSet)).Decode(&k)
}
