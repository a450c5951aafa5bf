package rollout

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// RevisionLabel is on every pod of a StatefulSet: the revision of the template that it was made from.
// It is appsv1.StatefulSetRevisionLabel.
const RevisionLabel = "controller-revision-hash"

// defaultMaximumLag is Patroni's default of maximum_lag_on_failover.
const defaultMaximumLag = 1 << 20

// State is everything that the decision rests on.
type State struct {
	// Observed is false while the StatefulSet controller has not looked at the newest StatefulSet;
	// its revision is then out of date.
	Observed bool

	// Replicas is the wanted number of pods.
	Replicas int

	// ScaleIn is how many of the pods will remain, if Replicas is about to be lowered; 0 if not. The
	// leader has to be one of them.
	ScaleIn int

	// UpdateRevision is the revision of Template, status.updateRevision of the StatefulSet.
	UpdateRevision string
	Template       corev1.PodTemplateSpec

	// Revisions are earlier templates by revision, from the ControllerRevisions of the StatefulSet. With
	// them, what webhooks added to a pod is no difference. Where one is missing the pod itself is compared.
	Revisions map[string]corev1.PodTemplateSpec

	Pods []Pod

	// Container is the name of the container that runs Postgres; empty means postgres.
	Container string

	Patroni Patroni

	// Switching tells that Patroni has been asked for a switchover a moment ago, and nobody else leads yet.
	Switching bool

	Poolers Poolers

	// LazyImages leaves pods alone that differ by images only (enable_lazy_spilo_upgrade).
	LazyImages bool

	// IgnoredAnnotations are keys that others write (ignored_annotations).
	IgnoredAnnotations []string

	// Nodes by name, as far as they are known. Of them count labels, taints and whether they are cordoned.
	Nodes map[string]corev1.Node

	// ReadinessLabels are on every node that keeps databases (node_readiness_label).
	ReadinessLabels map[string]string

	// ClosedUntil is the start of the next maintenance window; zero while one is open or there is none.
	// It binds what nobody has asked for: the move of a primary off its node.
	ClosedUntil time.Time

	// Settling is true while members may not have noticed a change of Patroni's configuration yet. Which
	// of them need a restart is not known before.
	Settling bool

	// Now is when this was observed, and Since when the pods ceased to be as they should; zero if they are.
	Now, Since time.Time
	Limits     Limits
}

// Pod is a pod of the StatefulSet.
type Pod struct{ corev1.Pod }

// Patroni is what Patroni says about the cluster.
type Patroni struct {
	// Members are empty when no member answers.
	Members []Member

	// Paused is Patroni's maintenance mode, in which it neither fails over nor starts Postgres.
	Paused bool

	// Synchronous clusters switch over to a synchronous standby only.
	Synchronous bool

	// MaximumLag in bytes of a replica that counts as healthy, maximum_lag_on_failover; 0 means Patroni's default, 1 MiB.
	MaximumLag int64

	// Loop is the pause between two looks of a member, loop_wait; 0 means Patroni's default, 10 seconds.
	Loop time.Duration
}

// Member is an entry of Patroni's GET /cluster.
// https://patroni.readthedocs.io/en/latest/rest_api.html#cluster-status-endpoints
type Member struct {
	// Name of the member, which is that of its pod.
	Name string

	// Role: leader, standby_leader, replica, sync_standby or quorum_standby.
	Role string

	// State: running, streaming, in archive recovery, starting, creating replica, crashed …
	State string

	// Lag behind the leader in bytes; negative means unknown.
	Lag int64

	Timeline int64

	// PendingRestart tells that Postgres has to be restarted for a parameter, and PendingReason which.
	PendingRestart bool
	PendingReason  map[string]ParameterChange

	// NoFailover members never become leader, and NoSync members never a synchronous standby.
	NoFailover, NoSync bool
}

// ParameterChange is the value of a parameter before and after a restart.
type ParameterChange struct{ Old, New string }

func (m Member) leads() bool { return m.Role == "leader" || m.Role == "standby_leader" }

func (m Member) synchronous() bool { return m.Role == "sync_standby" || m.Role == "quorum_standby" }

// up tells whether Postgres runs and, in a replica, follows.
func (m Member) up() bool {
	return m.State == "running" || m.State == "streaming" || m.State == "in archive recovery"
}

func (s State) maximumLag() int64 {
	if s.Patroni.MaximumLag > 0 {
		return s.Patroni.MaximumLag
	}
	return defaultMaximumLag
}

// member finds a pod's entry in Patroni's list.
func (s State) member(pod string) (Member, bool) {
	for _, m := range s.Patroni.Members {
		if m.Name == pod {
			return m, true
		}
	}
	return Member{}, false
}

// Leader is the name of the member that leads, if any does.
func (s State) Leader() (name string, ok bool) {
	leader, ok := s.leader()
	return leader.Name, ok
}

func (s State) leader() (Member, bool) {
	for _, m := range s.Patroni.Members {
		if m.leads() {
			return m, true
		}
	}
	return Member{}, false
}

// pods are those that shall stay, by ordinal; the StatefulSet removes the others.
func (s State) pods() []Pod {
	var out []Pod
	for _, pod := range s.Pods {
		if ordinal(pod.Name) < s.Replicas {
			out = append(out, pod)
		}
	}
	slices.SortFunc(out, func(a, b Pod) int { return cmp.Compare(ordinal(a.Name), ordinal(b.Name)) })
	return out
}

// ordinal is the number at the end of the name of a StatefulSet's pod.
func ordinal(pod string) int {
	n, err := strconv.Atoi(pod[strings.LastIndexByte(pod, '-')+1:])
	if err != nil {
		return 0
	}
	return n
}

// idle pods run no database: nothing can be lost by recreating them.
func (s State) idle(pod Pod) bool {
	if pod.Status.Phase != corev1.PodRunning && pod.Status.Phase != "" {
		return true
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == s.container() {
			return status.State.Running == nil && (status.State.Waiting != nil || status.State.Terminated != nil)
		}
	}
	return false
}

func (s State) container() string { return cmp.Or(s.Container, "postgres") }

// ready is the pod's condition Ready.
func ready(pod Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
