package controller

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
)

// maxConditionMessage keeps a condition readable in `kubectl describe`; the API server's own
// limit is 32 KiB.
const maxConditionMessage = 2000

// verdict is what one reconciler says about one aspect of a cluster. Its text is stable: it holds
// no times, no counters of attempts and no random names, so that saying it again changes nothing.
type verdict struct {
	condition string
	status    metav1.ConditionStatus
	reason    string
	message   string
}

func good(condition, reason, message string) verdict {
	return verdict{condition, metav1.ConditionTrue, reason, message}
}

func bad(condition, reason, message string) verdict {
	return verdict{condition, metav1.ConditionFalse, reason, message}
}

func unknown(condition, reason, message string) verdict {
	return verdict{condition, metav1.ConditionUnknown, reason, message}
}

// statusWriter writes a reconciler's part of a cluster's status by server-side apply under its own
// field manager, so that reconcilers do not undo each other's conditions.
type statusWriter struct {
	client client.Client
	owner  client.FieldOwner
	now    func() time.Time

	// exact writes are refused when the manifest has changed since it was read.
	exact bool
}

// part is what a status says beside conditions. Each part has one writer, which always writes it.
type part interface {
	differs(pg *apiv1.Postgresql) bool
	fields(pg *apiv1.Postgresql) map[string]any
}

// summary is what the status says beside the conditions; reconciler Cluster alone writes it.
type summary struct {
	word                  string
	statefulSetGeneration int64
	rendered              *apiv1.RenderedFrom
	held                  *apiv1.HeldChange
	observedFleet         string
}

func (s summary) differs(pg *apiv1.Postgresql) bool {
	return s.word != pg.Status.PostgresClusterStatus || s.statefulSetGeneration != pg.Status.StatefulSetGeneration ||
		pg.Generation != pg.Status.ObservedGeneration ||
		s.observedFleet != pg.Status.ObservedFleet ||
		!reflect.DeepEqual(s.rendered, pg.Status.Rendered) || !reflect.DeepEqual(s.held, pg.Status.Held)
}

func (s summary) fields(pg *apiv1.Postgresql) map[string]any {
	fields := map[string]any{
		"PostgresClusterStatus": s.word,
		"observedGeneration":    pg.Generation,
		"statefulSetGeneration": s.statefulSetGeneration,
	}
	if s.rendered != nil {
		fields["rendered"] = content(s.rendered)
	}
	if s.held != nil {
		fields["held"] = content(s.held)
	}
	if s.observedFleet != "" {
		fields["observedFleet"] = s.observedFleet
	}
	return fields
}

// content is a flat struct as JSON.
func content(v any) map[string]any {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(v)
	if err != nil {
		panic(fmt.Sprintf("%T is not an object: %v", v, err))
	}
	return fields
}

// write stores verdicts, and the writer's part if it has one. What the manifest's status says already
// is not sent again.
func (w statusWriter) write(ctx context.Context, pg *apiv1.Postgresql, own part, verdicts []verdict) error {
	conditions, changed := w.conditions(pg, verdicts)
	status := map[string]any{}
	if own != nil {
		changed = changed || own.differs(pg)
		status = own.fields(pg)
	}
	status["conditions"] = conditions
	if !changed {
		return nil
	}
	intent := newObject(postgresqlKind)
	intent.SetNamespace(pg.Namespace)
	intent.SetName(pg.Name)
	if w.exact {
		intent.SetResourceVersion(pg.ResourceVersion)
	}
	if err := unstructured.SetNestedMap(intent.Object, status, "status"); err != nil {
		return fmt.Errorf("put status of cluster %s/%s together: %w", pg.Namespace, pg.Name, err)
	}
	err := w.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(intent), w.owner, client.ForceOwnership)
	if client.IgnoreNotFound(err) != nil { // a manifest that is gone needs no status
		return fmt.Errorf("write status of cluster %s/%s: %w", pg.Namespace, pg.Name, err)
	}
	return nil
}

// conditions turns verdicts into conditions, sorted by type, and tells whether any differs from
// what the manifest's status holds.
func (w statusWriter) conditions(pg *apiv1.Postgresql, verdicts []verdict) ([]any, bool) {
	have := slices.Clone(pg.Status.Conditions)
	changed := false
	var list []any
	slices.SortFunc(verdicts, func(a, b verdict) int { return strings.Compare(a.condition, b.condition) })
	for _, v := range verdicts {
		before := meta.FindStatusCondition(have, v.condition).DeepCopy()
		meta.SetStatusCondition(&have, metav1.Condition{
			Type: v.condition, Status: v.status, Reason: v.reason, Message: shorten(v.message),
			ObservedGeneration: pg.Generation, LastTransitionTime: metav1.NewTime(w.now().Truncate(time.Second)),
		})
		after := meta.FindStatusCondition(have, v.condition)
		changed = changed || before == nil || !equality.Semantic.DeepEqual(*before, *after)
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(after)
		if err != nil {
			panic(fmt.Sprintf("condition %s is not an object: %v", v.condition, err)) // a flat struct of strings
		}
		list = append(list, content)
	}
	return list, changed
}

func shorten(message string) string {
	if len(message) <= maxConditionMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxConditionMessage], "") + " …"
}

// conditionTrue tells whether a cluster's status says so of its present generation.
func conditionTrue(pg *apiv1.Postgresql, condition string) bool {
	c := meta.FindStatusCondition(pg.Status.Conditions, condition)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == pg.Generation
}

// sameMessage tells whether a cluster's status says the same already.
func sameMessage(pg *apiv1.Postgresql, v verdict) bool {
	c := meta.FindStatusCondition(pg.Status.Conditions, v.condition)
	return c != nil && c.Status == v.status && c.Reason == v.reason && c.Message == shorten(v.message)
}
