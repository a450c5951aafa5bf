package controller

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
	"postgres-operator/patroni"
	"postgres-operator/render"
	"postgres-operator/upgrade"
	"postgres-operator/window"
)

// observe collects the facts of the decision. Members are asked only when it depends on them. Without a
// state there is nothing to decide; an error beside one tells why the script cannot be seen.
func (p *upgradePass) observe(ctx context.Context) (*upgrade.State, error) {
	s := &upgrade.State{
		Wanted:    major(render.WantedVersion(p.pg, &p.config)),
		Known:     major(p.pg.Status.MajorVersion),
		Forbidden: render.UpgradeForbidden(p.pg, &p.config),
		Failed:    p.pg.Annotations[names.UpgradeFailure] != "",
	}
	if s.Wanted == 0 {
		return nil, nil // the manifest is invalid, and says so
	}
	if p.run == nil && s.Known >= s.Wanted {
		return s, nil
	}
	var err error
	if p.pods, err = observePods(ctx, p.client, p.config, p.key()); err != nil {
		return nil, err
	}
	set := newObject(statefulSetKind)
	err = p.client.Get(ctx, client.ObjectKey{Namespace: p.pg.Namespace, Name: names.StatefulSet(p.pg.Name)}, set)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read statefulset %s: %w", p.key(), err)
	}
	s.Expected = replicasOf(set)
	s.Members = p.members(ctx)
	s.Unsettled = p.unsettled(s.Wanted)
	if !closedUntil(p.config, p.pg, p.now()).IsZero() {
		s.Window = windowText(render.MaintenanceWindows(p.pg, &p.config))
	}
	s.Run, err = p.observeRun(ctx)
	return s, err
}

func windowText(windows []window.Window) string {
	var texts []string
	for _, w := range windows {
		texts = append(texts, w.String())
	}
	return strings.Join(texts, ", ")
}

// unsettled says why pods are not what the manifest makes of them. The script reads the version to
// upgrade to from the environment of its pod.
func (p *upgradePass) unsettled(wanted int) string {
	if !conditionTrue(p.pg, apiv1.ConditionApplied) {
		return "the manifest is not applied yet"
	}
	for i := range p.pods {
		pod := &p.pods[i]
		if pod.DeletionTimestamp != nil {
			return fmt.Sprintf("pod %s is being deleted", pod.Name)
		}
		if told := versionTold(pod.Spec); told != strconv.Itoa(wanted) {
			return fmt.Sprintf("pod %s is told version %s still", pod.Name, told)
		}
	}
	if !conditionTrue(p.pg, apiv1.ConditionRolledOut) && !p.rolloutWaits() {
		return "pods are being changed"
	}
	return ""
}

// rolloutWaits tells whether Rollout keeps its hands off because of this very upgrade.
func (p *upgradePass) rolloutWaits() bool {
	return p.run != nil && sameMessage(p.pg, bad(apiv1.ConditionRolledOut, reasonWaiting, waitsForUpgrade))
}

// versionTold is the major version that a pod's environment names.
func versionTold(spec corev1.PodSpec) string {
	version := ""
	for _, container := range spec.Containers {
		if container.Name != names.PostgresContainer {
			continue
		}
		for _, env := range container.Env {
			switch env.Name {
			case "PGVERSION":
				return env.Value
			case "SPILO_CONFIGURATION":
				version = render.VersionOfBinaries(env.Value)
			}
		}
	}
	return version
}

// templateVersion is the major version that the pods of a StatefulSet are told.
func templateVersion(set *unstructured.Unstructured) string {
	content, _, _ := unstructured.NestedMap(set.Object, "spec", "template", "spec")
	var spec corev1.PodSpec
	if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &spec) != nil {
		return ""
	}
	return versionTold(spec)
}

// versionWaits is how long it takes until a window opens in which pods may be told another version; 0 when
// nothing waits for that.
func (p *clusterPass) versionWaits() time.Duration {
	live := p.statefulSet()
	if live == nil || p.pg.Status.MajorVersion == "" || templateVersion(live) == render.WantedVersion(p.pg, &p.config) {
		return 0
	}
	until := closedUntil(p.config, p.pg, p.now())
	if until.IsZero() {
		return 0
	}
	return max(until.Sub(p.now()), time.Second)
}

// members asks every pod at the same time, and the primary for how its replicas follow.
func (p *upgradePass) members(ctx context.Context) []upgrade.Member {
	members := make([]upgrade.Member, len(p.pods))
	views := make([]*patroni.Cluster, len(p.pods))
	var wait sync.WaitGroup
	for i := range p.pods {
		wait.Go(func() { members[i], views[i] = p.ask(ctx, &p.pods[i]) })
	}
	wait.Wait()
	for _, view := range views {
		if view == nil {
			continue
		}
		for i := range members {
			m := &members[i]
			seen, known := view.Member(m.Pod)
			m.Streams = known && seen.State == patroni.StateStreaming || m.Streams && seen.State == patroni.StateRunning
			m.Lag = -1
			if seen.Lag.Known {
				m.Lag = seen.Lag.Bytes
			}
		}
	}
	return members
}

// ask returns a pod as a member; of a primary also how it sees the others.
func (p *upgradePass) ask(ctx context.Context, pod *corev1.Pod) (upgrade.Member, *patroni.Cluster) {
	m := upgrade.Member{Pod: pod.Name, Lag: -1}
	if pod.Status.PodIP == "" {
		return m, nil
	}
	c, err := patroni.New(net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(patroni.Port)), patroni.Options{
		Timeout: p.config.PatroniAPICheckTimeout, Interval: p.config.PatroniAPICheckInterval,
	})
	if err != nil {
		return m, nil
	}
	status, err := c.Status(ctx)
	if err != nil {
		p.log.V(1).Info("patroni does not answer", "pod", pod.Name, "error", err.Error())
		return m, nil
	}
	m.Answers, m.Role, m.State, m.Version = true, status.Role, status.State, int(status.ServerVersion/10000)
	m.Streams = runsMeansStreams(status.Patroni.Version)
	if m.Role != patroni.RolePrimary {
		return m, nil
	}
	if view, err := c.Cluster(ctx); err == nil {
		return m, &view
	}
	return m, nil
}

// runsMeansStreams: before version 3.0.4, Patroni did not tell a replica that streams from one that only runs.
func runsMeansStreams(version string) bool {
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n != 3 {
		return false
	}
	return major < 3 || major == 3 && minor == 0 && patch < 4
}

// observeRun looks at what has become of the script.
func (p *upgradePass) observeRun(ctx context.Context) (*upgrade.Run, error) {
	if p.run == nil {
		return nil, nil
	}
	r := &upgrade.Run{Pod: p.run.Pod, From: major(p.run.From), To: major(p.run.To), Begun: p.run.Begun, Process: upgrade.Absent}
	pod := podNamed(p.pods, p.run.Pod)
	switch {
	case pod == nil || pod.UID != p.run.PodUID:
		r.Process, r.Why = upgrade.Lost, "its pod "+p.run.Pod+" is gone"
	case containerOf(pod) != p.run.Container:
		r.Process, r.Why = upgrade.Lost, "its container in pod "+p.run.Pod+" was restarted"
	case p.run.Begun:
		ctx, cancel := context.WithTimeout(ctx, execTimeout)
		defer cancel()
		said, err := p.exec.run(ctx, client.ObjectKeyFromObject(pod), names.PostgresContainer, []string{"/bin/bash", "-c", lookAtScript(*p.run)})
		if err != nil {
			r.Process = upgrade.Unseen
			return r, fmt.Errorf("look at the major upgrade: %w", err)
		}
		readProcess(r, said)
	}
	return r, nil
}

func podNamed(pods []corev1.Pod, name string) *corev1.Pod {
	for i := range pods {
		if pods[i].Name == name {
			return &pods[i]
		}
	}
	return nil
}

// containerOf is the id of the container that runs Postgres.
func containerOf(pod *corev1.Pod) string {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == names.PostgresContainer {
			return status.ContainerID
		}
	}
	return ""
}

func major(version string) int {
	n, err := strconv.Atoi(version)
	if err != nil {
		return 0
	}
	return n
}

// execTimeout bounds a command that only starts or looks at something.
const execTimeout = 30 * time.Second
