package controller

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
	"postgres-operator/patroni"
	"postgres-operator/render"
)

// Reasons of the condition Configured.
const (
	reasonConfigured = "Configured"
	reasonChanging   = "Changing"
	reasonNoAnswer   = "NoAnswer"
	reasonRefused    = "Refused"
)

// takeOver is how long members may take to act on a changed configuration: one loop of Patroni, and a
// little more. Then they know whether Postgres has to be restarted for it, which no event tells. Until
// then the condition says that the change is on its way.
func takeOver(live map[string]any) time.Duration {
	return loopWait(live) + 2*time.Second
}

// loopWait is the pause between two looks of each member at the others.
func loopWait(live map[string]any) time.Duration {
	loop, err := strconv.Atoi(fmt.Sprint(live["loop_wait"]))
	if err != nil {
		loop = 10 // Patroni's default
	}
	return time.Duration(loop) * time.Second
}

// configured is what of Patroni's dynamic configuration comes from the manifest: what has to be
// removed there when the manifest drops it. It is written before anything is set.
type configured struct{ keys []string }

func (c configured) differs(pg *apiv1.Postgresql) bool {
	return !slices.Equal(c.keys, pg.Status.PatroniConfiguration)
}

func (c configured) fields(*apiv1.Postgresql) map[string]any {
	keys := make([]any, 0, len(c.keys))
	for _, key := range c.keys {
		keys = append(keys, key)
	}
	return map[string]any{"patroniConfiguration": keys}
}

// configure brings Patroni's dynamic configuration in step with the manifest. A cluster whose section
// standby is gone is promoted by that. It returns when to look again, 0 for no need.
func (p *rolloutPass) configure(ctx context.Context) (time.Duration, error) {
	earlier, members := p.pg.Status.PatroniConfiguration, p.readyMembers()
	member, live := p.member, p.dynamic
	if member == nil {
		v := unknown(apiv1.ConditionConfigured, reasonNoAnswer, "no member tells Patroni's configuration")
		if len(members) == 0 {
			return 0, p.writeConfigured(ctx, earlier, v) // one that becomes ready is an event
		}
		return p.config.ResourceCheckInterval, p.writeConfigured(ctx, earlier, v)
	}
	desired := p.dynamicConfiguration(ctx)
	keys := patroni.Keys(desired)
	patch := patroni.ConfigDiff(live, patroni.Target(live, desired, earlier))
	if patch == nil {
		if left := takeOver(live) - p.sincePatch(); left > 0 {
			p.settling = true
			return left, nil
		}
		p.patched.Delete(p.key())
		v := good(apiv1.ConditionConfigured, reasonConfigured, "Patroni has the settings of the manifest")
		return 0, p.writeConfigured(ctx, keys, v)
	}
	changes := strings.Join(patroni.Changes(patch), ", ")
	all := union(earlier, keys)
	if err := p.writeConfigured(ctx, all, bad(apiv1.ConditionConfigured, reasonChanging, changes)); err != nil {
		return 0, err
	}
	result, err := member.PatchConfig(ctx, patch)
	if err != nil {
		return 0, p.refused(ctx, all, changes, err)
	}
	p.patched.Store(p.key(), p.now())
	p.settling = true
	p.log.Info("patroni configured", "changes", changes)
	p.events.note(p.pg, "Update", "Patroni's configuration: "+changes)
	if patroni.ConfigDiff(result, patroni.Target(result, desired, earlier)) != nil {
		return 0, p.refused(ctx, all, changes, errors.New("patroni keeps other values than it was told"))
	}
	return takeOver(result), nil
}

// dynamicConfiguration is what the manifest has to say in Patroni's configuration.
func (p *rolloutPass) dynamicConfiguration(ctx context.Context) map[string]any {
	return render.DynamicConfiguration(render.Input{Manifest: p.pg, Config: p.config, Observed: render.Observed{
		StreamsMissing: p.streams.reader(ctx) == nil, StreamsPending: streamsPending(p.config, p.pg),
	}})
}

// sincePatch is how long ago Patroni was told to change. An operator that has just started knows from
// the condition alone that it was, so it counts from now.
func (p *rolloutPass) sincePatch() time.Duration {
	at, known := p.patched.Load(p.key())
	if !known {
		if !changing(p.pg) {
			return math.MaxInt64
		}
		at, _ = p.patched.LoadOrStore(p.key(), p.now())
	}
	return p.now().Sub(at.(time.Time))
}

// changing tells whether a change of Patroni's configuration may not have come to an end.
func changing(pg *apiv1.Postgresql) bool {
	c := meta.FindStatusCondition(pg.Status.Conditions, apiv1.ConditionConfigured)
	return c != nil && c.Reason == reasonChanging
}

// readyMembers are the pods that can be asked, the primary first: what it says is never older than
// what it was told.
func (p *rolloutPass) readyMembers() []corev1.Pod {
	pods := slices.DeleteFunc(slices.Clone(p.pods), func(pod corev1.Pod) bool {
		return pod.DeletionTimestamp != nil || pod.Status.PodIP == "" || !podReady(&pod)
	})
	slices.SortStableFunc(pods, func(a, b corev1.Pod) int { return p.distance(a) - p.distance(b) })
	return pods
}

func (p *rolloutPass) distance(pod corev1.Pod) int {
	if pod.Labels[p.config.PodRoleLabel] == names.RoleMaster {
		return 0
	}
	return 1
}

// readConfiguration asks members until one answers.
func (p *rolloutPass) readConfiguration(ctx context.Context, pods []corev1.Pod) (*patroni.Client, map[string]any) {
	for _, pod := range pods {
		member, err := p.patroni(pod.Name)
		if err != nil {
			continue
		}
		live, err := member.Config(ctx)
		if err == nil {
			return member, live
		}
		p.log.V(1).Info("patroni does not tell its configuration", "pod", pod.Name, "error", err.Error())
	}
	return nil, nil
}

// refused tells of a change that Patroni did not make. An answer is for people to read, silence is
// tried again.
func (p *rolloutPass) refused(ctx context.Context, keys []string, changes string, cause error) error {
	var answer *patroni.Error
	why := "no answer"
	if errors.As(cause, &answer) {
		why = fmt.Sprintf("%d %s: %s", answer.Status, http.StatusText(answer.Status), answer.Body)
	}
	v := bad(apiv1.ConditionConfigured, reasonRefused, changes+": "+why)
	if !sameMessage(p.pg, v) {
		p.events.warn(p.pg, "Update", "Patroni's configuration: "+v.message)
	}
	return errors.Join(fmt.Errorf("configure patroni of cluster %s: %s: %w", p.key(), changes, cause), p.writeConfigured(ctx, keys, v))
}

// writeConfigured writes the condition and the keys. Keys that are out of date must not be written back:
// what a manifest had set would be forgotten. So the write is refused when the manifest has changed.
func (p *rolloutPass) writeConfigured(ctx context.Context, keys []string, v verdict) error {
	w := p.rolloutReconciler.status
	w.owner, w.exact = names.ManagerPatroni, true
	return w.write(ctx, p.pg, configured{keys}, []verdict{v})
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
