package controller

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"postgres-operator/apply"
	"postgres-operator/names"
	"postgres-operator/patroni"
	"postgres-operator/rollout"
)

// RolloutPreview is what becomes of the pods of a cluster.
type RolloutPreview struct {
	// Verdicts say what each pod needs, and why.
	Verdicts []rollout.Verdict
	// Steps in their order, if all goes well. The last may wait for something.
	Steps []rollout.Step
	// Configuration are the changes of Patroni's configuration; Reloads of parameters that Postgres takes
	// over while it runs, the others need a restart.
	Configuration []string
	// Unknown says why nothing is known of the pods.
	Unknown string
}

// nextRevision names the revision that a changed StatefulSet will have.
const nextRevision = "(next)"

// previewRollout asks for the same decision as reconciler Rollout, as if the change were made already.
func (p *Previewer) previewRollout(ctx context.Context, pass *clusterPass, change apply.Change) (RolloutPreview, error) {
	live := pass.statefulSet()
	if live == nil {
		return RolloutPreview{}, nil
	}
	records := recordsOf(pass)
	r := &rolloutPass{rolloutReconciler: p.rollout, config: pass.config, pg: pass.pg, log: logr.Discard()}
	if !p.options.AskPatroni {
		r.recorded = records.patroni
	}
	state, err := r.observe(ctx)
	if err != nil {
		return RolloutPreview{}, err
	}
	if err := foresee(&state, change, replicasOf(live)); err != nil {
		return RolloutPreview{}, err
	}
	var result RolloutPreview
	configuration := records.configuration
	if p.options.AskPatroni {
		configuration = r.dynamic
	}
	if configuration != nil {
		target := patroni.Target(configuration, r.dynamicConfiguration(ctx), pass.pg.Status.PatroniConfiguration)
		if patch := patroni.ConfigDiff(configuration, target); patch != nil {
			result.Configuration = patroni.Changes(patch)
			pendingAfter(&state, configuration, patch)
		}
	}
	if len(state.Pods) == 0 {
		result.Unknown = "there are no pods to look at"
		return result, nil
	}
	result.Verdicts, result.Steps = rollout.Inspect(state), rollout.Sequence(state)
	idle := !slices.ContainsFunc(result.Verdicts, func(v rollout.Verdict) bool { return v.Action != rollout.Keep })
	if idle && len(result.Steps) == 1 && result.Steps[0].Kind == rollout.Wait { // for nothing that is to be done
		result.Unknown, result.Steps = result.Steps[0].Waiting, nil
	}
	return result, nil
}

// foresee makes of a state the one after a change of the StatefulSet: its pods are as they were.
func foresee(state *rollout.State, change apply.Change, replicas int) error {
	if change.Verb != apply.Update && change.Verb != apply.Recreate {
		return nil
	}
	next, err := change.Result()
	if err != nil {
		return err
	}
	var set appsv1.StatefulSet
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(next.Object, &set); err != nil {
		return fmt.Errorf("decode what becomes of %s: %w", change.Ref, err)
	}
	state.Observed, state.UpdateRevision, state.Template = true, nextRevision, set.Spec.Template
	state.ScaleIn, _ = strconv.Atoi(set.Annotations[names.ScaleIn])
	if set.Spec.Replicas != nil {
		state.Replicas = int(*set.Spec.Replicas)
	}
	for ordinal := replicas; ordinal < state.Replicas; ordinal++ { // they are made of the new template
		pod := state.Fresh(set.Name + "-" + strconv.Itoa(ordinal))
		state.Pods = append(state.Pods, pod)
		if len(state.Patroni.Members) > 0 {
			state.Patroni.Members = append(state.Patroni.Members, rollout.Member{Name: pod.Name, Role: "replica", State: "streaming"})
		}
	}
	return nil
}

// pendingAfter marks the members that would wait for a restart after a patch of Patroni's configuration.
func pendingAfter(state *rollout.State, live, patch map[string]any) {
	changes := map[string]rollout.ParameterChange{}
	before, after := parametersOf(live), parametersOf(patch)
	for name, value := range after {
		if !patroni.NeedsRestart(name) {
			continue
		}
		change := rollout.ParameterChange{Old: "not set", New: "not set"}
		if old, set := before[name]; set {
			change.Old = fmt.Sprint(old)
		}
		if value != nil {
			change.New = fmt.Sprint(value)
		}
		changes[name] = change
	}
	if len(changes) == 0 {
		return
	}
	state.Patroni.Members = slices.Clone(state.Patroni.Members)
	for i := range state.Patroni.Members {
		state.Patroni.Members[i].PendingRestart, state.Patroni.Members[i].PendingReason = true, changes
	}
}

// parametersOf are those of Postgres in a configuration of Patroni.
func parametersOf(configuration map[string]any) map[string]any {
	postgresql, _ := configuration["postgresql"].(map[string]any)
	parameters, _ := postgresql["parameters"].(map[string]any)
	return parameters
}

// RestartsOf are the pods that a deployment replaces by itself, for what reads a preview.
func RestartsOf(c apply.Change) bool {
	return c.Kind == deploymentKind.Kind && c.Verb == apply.Update && slices.ContainsFunc(c.Fields, func(f apply.FieldDiff) bool {
		return strings.HasPrefix(f.Path, "spec.template") && !f.Ownership
	})
}
