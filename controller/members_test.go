package controller

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/rollout"
)

func member(name, role string, ready bool) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if role != "" {
		p.Labels["spilo-role"] = role
	}
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	return p
}

func deleted(p corev1.Pod) corev1.Pod {
	now := metav1.Now()
	p.DeletionTimestamp = &now
	return p
}

func waiting(p corev1.Pod, reason string) corev1.Pod {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "postgres", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}},
	}}
	return p
}

func unscheduled(p corev1.Pod) corev1.Pod {
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/2 nodes are available",
	})
	return p
}

func liveSet(replicas int64) *unstructured.Unstructured {
	set := newObject(statefulSetKind)
	set.SetName(clusterName)
	setField(set, replicas, "spec", "replicas")
	return set
}

func passWith(replicas int64, pods ...corev1.Pod) *clusterPass {
	return &clusterPass{
		config: config.Default(), log: logr.Discard(),
		pg:       &apiv1.Postgresql{ObjectMeta: metav1.ObjectMeta{Name: clusterName, Generation: 1}},
		observed: left{pods: pods, objects: []*unstructured.Unstructured{liveSet(replicas)}},
	}
}

func TestReadyCondition(t *testing.T) {
	t.Parallel()
	const master, replica = names.RoleMaster, names.RoleReplica
	tests := []struct {
		name     string
		replicas int64
		pods     []corev1.Pod
		complete bool
		want     string
	}{
		{"all", 2, []corev1.Pod{member("a-0", master, true), member("a-1", replica, true)}, true, "True PrimaryAndReplicasReady: 2 of 2 members are ready"},
		{"none yet", 2, nil, false, "False NoPrimary: no member is primary; 0 of 2 members are ready"},
		{"one missing", 2, []corev1.Pod{member("a-0", master, true)}, false, "False MembersMissing: 1 of 2 members are ready"},
		{"one too many", 1, []corev1.Pod{member("a-0", master, true), member("a-1", replica, true)}, false, "False MembersMissing: 2 of 1 members are ready"},
		{"no role yet", 2, []corev1.Pod{member("a-0", master, true), member("a-1", "", true)}, false, "False MembersMissing: 2 of 2 members are ready"},
		{"primary not ready", 2, []corev1.Pod{member("a-0", master, false), member("a-1", replica, true)}, false, "False NoPrimary: no member is primary; 1 of 2 members are ready"},
		{"primary going", 1, []corev1.Pod{deleted(member("a-0", master, true))}, false, "False NoPrimary: no member is primary; 0 of 1 members are ready"},
		{"no members wanted", 0, nil, true, "False ScaledToZero: the cluster has no members"},
		{"members still going", 0, []corev1.Pod{member("a-0", master, true)}, false, "False ScaledToZero: the cluster has no members"},
		{
			"the first trouble in order of names", 3,
			[]corev1.Pod{waiting(member("a-2", "", false), "CrashLoopBackOff"), unscheduled(member("a-1", "", false)), member("a-0", master, true)},
			false, "False MembersMissing: 1 of 3 members are ready; pod a-1 is not scheduled: 0/2 nodes are available",
		},
		{"pulling, one of two reasons", 1, []corev1.Pod{waiting(member("a-0", "", false), "ErrImagePull")}, false, "False NoPrimary: no member is primary; 0 of 1 members are ready; container postgres of pod a-0 waits: ImagePullBackOff"},
		{"starting as it should", 1, []corev1.Pod{waiting(member("a-0", "", false), "PodInitializing")}, false, "False NoPrimary: no member is primary; 0 of 1 members are ready"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := passWith(tt.replicas, tt.pods...)
			m := countMembers(p.observed.pods, p.wantedReplicas(), p.config)
			require.Equal(t, tt.complete, m.complete())
			v := m.ready()
			require.Equal(t, tt.want, string(v.status)+" "+v.reason+": "+v.message)
		})
	}
}

func TestWantedReplicasWithoutObjects(t *testing.T) {
	t.Parallel()
	p := passWith(3)
	require.Equal(t, 3, p.wantedReplicas(), "what the live StatefulSet says")
	p.observed.objects = nil
	p.pg.Spec.NumberOfInstances = 5
	require.Equal(t, 5, p.wantedReplicas())
}

func TestSummaryWord(t *testing.T) {
	t.Parallel()
	refused, invalid := errors.New("refused"), &invalidError{errors.New("wrong")}
	tests := []struct {
		name    string
		before  string
		changed bool // the manifest, since the status was written
		exists  bool // the StatefulSet
		failure error
		settled bool
		want    string
	}{
		{name: "first pass", before: "", want: "Creating"},
		{name: "first pass fails", before: "", failure: refused, want: "CreateFailed"},
		{name: "goes on creating", before: "Creating", exists: true, want: "Creating"},
		{name: "changed while creating", before: "Creating", changed: true, exists: true, want: "Creating"},
		{name: "creation goes on after a failure", before: "CreateFailed", want: "Creating"},
		{name: "created", before: "Creating", exists: true, settled: true, want: "Running"},
		{name: "a cluster of Zalando's operator", before: "Running", exists: true, want: "Running"},
		{name: "runs on", before: "Running", exists: true, settled: true, want: "Running"},
		{name: "loses a pod", before: "Running", exists: true, want: "Running"},
		{name: "changed", before: "Running", changed: true, exists: true, want: "Updating"},
		{name: "changed, and done at once", before: "Running", changed: true, exists: true, settled: true, want: "Running"},
		{name: "goes on updating", before: "Updating", exists: true, want: "Updating"},
		{name: "change fails", before: "Running", changed: true, exists: true, failure: refused, want: "UpdateFailed"},
		{name: "change fails again", before: "UpdateFailed", exists: true, failure: refused, want: "UpdateFailed"},
		{name: "update goes on after a failure", before: "UpdateFailed", exists: true, want: "Updating"},
		{name: "resync fails", before: "Running", exists: true, failure: refused, want: "SyncFailed"},
		{name: "resync fails again", before: "SyncFailed", exists: true, failure: refused, want: "SyncFailed"},
		{name: "resync recovers", before: "SyncFailed", exists: true, want: "Updating"},
		{name: "invalid from the start", before: "", failure: invalid, want: "Invalid"},
		{name: "invalid by a change", before: "Running", changed: true, exists: true, failure: invalid, want: "Invalid"},
		{name: "valid again, never created", before: "Invalid", changed: true, want: "Creating"},
		{name: "valid again, creation fails", before: "Invalid", changed: true, failure: refused, want: "CreateFailed"},
		{name: "valid again, runs", before: "Invalid", changed: true, exists: true, settled: true, want: "Running"},
		{name: "valid again, rolls", before: "Invalid", changed: true, exists: true, want: "Updating"},
		{name: "waits for its namesake", before: "", failure: errUnfinished, want: "Creating"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := passWith(1)
			if !tt.exists {
				p.observed.objects = nil
			}
			p.pg.Status.PostgresClusterStatus = tt.before
			p.pg.Generation, p.pg.Status.ObservedGeneration = 2, 2
			if tt.changed {
				p.pg.Status.ObservedGeneration = 1
			}
			if tt.before == "" {
				p.pg.Status.ObservedGeneration = 0
			}
			require.Equal(t, tt.want, p.word(tt.failure, tt.settled))
		})
	}
}

func TestDeletionProtectedUntilAnnotated(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 1, 23, 59, 59, 0, time.Local)
	const date, name = "delete-date", "delete-clustername"
	tests := []struct {
		name        string
		dateKey     string
		nameKey     string
		owned       bool
		unknown     bool
		annotations map[string]string
		want        string
	}{
		{name: "off"},
		{name: "off, and nothing known", unknown: true},
		{name: "both right", dateKey: date, nameKey: name, annotations: map[string]string{date: "2026-08-01", name: clusterName}},
		{name: "yesterday", dateKey: date, annotations: map[string]string{date: "2026-07-31"}, want: `annotation delete-date is "2026-07-31", deletion needs the date of today`},
		{name: "no date", dateKey: date, want: `annotation delete-date is "", deletion needs the date of today`},
		{name: "other name", nameKey: name, annotations: map[string]string{name: "acid-other"}, want: `annotation delete-clustername is "acid-other", deletion needs the name of the cluster`},
		{name: "only one of both", dateKey: date, nameKey: name, annotations: map[string]string{date: "2026-08-01"}, want: `annotation delete-clustername is "", deletion needs the name of the cluster`},
		{name: "owner references do it", dateKey: date, owned: true},
		{name: "unknown", dateKey: date, unknown: true, want: "it was deleted while the operator was down, and its annotations are not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config.Default()
			c.DeleteAnnotationDateKey, c.DeleteAnnotationNameKey, c.EnableOwnerReferences = tt.dateKey, tt.nameKey, tt.owned
			require.Equal(t, tt.want, deletionProtected(c, clusterName, tt.annotations, !tt.unknown, now))
		})
	}
}

func TestSpreadStaysWithinATenth(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := spread(time.Minute)
		require.LessOrEqual(t, d, time.Minute)
		require.GreaterOrEqual(t, d, 54*time.Second)
		seen[d] = true
	}
	require.Greater(t, len(seen), 100)
	require.Equal(t, time.Nanosecond, spread(time.Nanosecond))
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	used := map[rune]bool{}
	first, err := newPassword()
	require.NoError(t, err)
	for range 100 {
		password, err := newPassword()
		require.NoError(t, err)
		require.Len(t, password, 64)
		require.NotEqual(t, first, password)
		for _, char := range password {
			require.True(t, strings.ContainsRune(passwordAlphabet, char))
			used[char] = true
		}
	}
	require.Len(t, used, 62, "each of the letters and digits occurs")
}

func TestEventTextIsCut(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short", cut("short"))
	long := cut(strings.Repeat("é", 1000))
	require.LessOrEqual(t, len(long), maxEventNote)
	require.True(t, strings.HasSuffix(long, "é …"))
	require.Equal(t, "MajorVersionUpgrade", action("Major Version Upgrade"))
}

// TestRolledOutGenerationWaitsForMembers: the pod that was recreated last runs what it should and is not ready; waves
// go by this generation, as the condition Ready may still be that of the pod before.
func TestRolledOutGenerationWaitsForMembers(t *testing.T) {
	t.Parallel()
	pg := &apiv1.Postgresql{Status: apiv1.PostgresStatus{StatefulSetGeneration: 2, RolledOutGeneration: 1}}
	state := rollout.State{Replicas: 1, Observed: true}
	done, underWay := rolloutVerdict(rollout.Step{Kind: rollout.None}, nil), rolloutVerdict(rollout.Step{Kind: rollout.Recreate}, nil)
	for _, tt := range []struct {
		name string
		pod  corev1.Pod
		v    verdict
		want int64
	}{
		{"starting", member("a-0", "", false), done, 1},
		{"ready, no role yet", member("a-0", "", true), done, 1},
		{"ready", member("a-0", names.RoleMaster, true), done, 2},
		{"the pod before", member("a-0", names.RoleMaster, true), underWay, 1},
	} {
		p := &rolloutPass{config: config.Default(), pg: pg, pods: []corev1.Pod{tt.pod}}
		require.Equal(t, tt.want, p.rolledOut(state, tt.v).generation, tt.name)
	}
}
