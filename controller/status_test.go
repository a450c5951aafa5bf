package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
)

func TestWordsOfALife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	words := w.words(clusterName)
	before := 0
	said := func(want ...string) {
		t.Helper()
		w.eventually(func(c *assert.CollectT) { assert.Equal(c, want, words()[before:]) }, "words of the summary")
		before += len(want)
	}
	w.start()

	w.deny(statefulSetKind, clusterName, admissionregistrationv1.Create)
	w.create(w.minimal(clusterName))
	w.reaches(clusterName, apiv1.ClusterStatusCreateFailed)
	w.allow(statefulSetKind, clusterName)
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	said("CreateFailed", "Creating", "Running")

	w.change(clusterName, setReplicas(3))
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	said("Updating", "Running")

	w.deny(statefulSetKind, clusterName, admissionregistrationv1.Update)
	w.change(clusterName, setReplicas(2))
	w.reaches(clusterName, apiv1.ClusterStatusUpdateFailed)
	w.allow(statefulSetKind, clusterName)
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	said("UpdateFailed", "Updating", "Running")

	w.deny(serviceKind, clusterName, admissionregistrationv1.Create)
	w.delete(serviceKind, clusterName)
	w.reaches(clusterName, apiv1.ClusterStatusSyncFailed)
	w.allow(serviceKind, clusterName)
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	said("SyncFailed", "Running")

	w.eventually(func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		var types []string
		for _, condition := range pg.Status.Conditions {
			types = append(types, condition.Type)
			assert.Equal(c, pg.Generation, condition.ObservedGeneration, condition.Type)
		}
		assert.ElementsMatch(c, []string{
			apiv1.ConditionReady, apiv1.ConditionProgressing, apiv1.ConditionDegraded, apiv1.ConditionRendered,
			apiv1.ConditionApplied, apiv1.ConditionRolledOut, apiv1.ConditionConfigured, apiv1.ConditionRolesSynced,
			apiv1.ConditionVolumesResized, apiv1.ConditionUpgraded,
		}, types)
		assert.Equal(c, "True PrimaryAndReplicasReady: 2 of 2 members are ready", condition(pg, apiv1.ConditionReady))
		assert.Equal(c, "False AsDesired: nothing is changing", condition(pg, apiv1.ConditionProgressing))
		assert.Equal(c, "False AsExpected: nothing needs attention", condition(pg, apiv1.ConditionDegraded))
		assert.Equal(c, "True UpToDate: every pod runs what its StatefulSet says", condition(pg, apiv1.ConditionRolledOut))
		assert.Equal(c, "Unknown Skipped: enable_database_access is off", condition(pg, apiv1.ConditionRolesSynced))
	}, "every condition speaks of the newest generation")

	w.eventually(func(c *assert.CollectT) {
		counted := map[string]int{}
		for _, note := range w.notes("postgresql", clusterName) {
			reason, _, _ := strings.Cut(note, ":")
			counted[reason]++
			assert.NotContains(c, note, "times)")
		}
		if counted["Normal Running"] == 4 {
			counted["Normal Running"] = 3 // twice of one generation: one event where that goes fast
		}
		delete(counted, "Normal Create") // where the first failure was over before the cache had heard of it
		assert.Equal(c, map[string]int{"Warning Create": 1, "Warning Update": 1, "Warning Sync": 1, "Normal Running": 3}, counted)
	}, "each thing that happened has one event")
}

func TestCreationIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.ElementsMatch(c, []string{
			"Normal Create: cluster creation started", "Normal Running: cluster runs with every member",
		}, w.notes("postgresql", clusterName))
	}, "the events of a creation")
}

func TestPodThatDoesNotStartIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.playKubernetes()
	k.breakPods(clusterName, "ErrImagePull")
	w.start()
	w.create(w.minimal(clusterName))
	w.create(w.minimal("acid-good"))
	const trouble = "no member is primary; 0 of 2 members are ready; container postgres of pod acid-test-0 waits: ImagePullBackOff"
	w.eventually(func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		assert.Equal(c, "False NoPrimary: "+trouble, condition(pg, apiv1.ConditionReady))
		assert.Equal(c, "True MembersStarting: "+trouble, condition(pg, apiv1.ConditionProgressing))
		assert.Equal(c, apiv1.ClusterStatusCreating, pg.Status.PostgresClusterStatus)
	}, "the condition names the pod and its trouble")
	w.reaches("acid-good", apiv1.ClusterStatusRunning)
	k.breakPods(clusterName, "")
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
}

func TestLostMemberShowsInConditionsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	k.breakPods(clusterName, "CrashLoopBackOff")
	pod := newObject(podKind)
	pod.SetNamespace(w.namespace)
	pod.SetName(clusterName + "-1")
	require.NoError(t, w.client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)))
	w.eventually(func(c *assert.CollectT) {
		pg := w.cluster(clusterName)
		assert.Equal(c, "False MembersMissing: 1 of 2 members are ready; container postgres of pod acid-test-1 waits: CrashLoopBackOff", condition(pg, apiv1.ConditionReady))
		assert.Equal(c, apiv1.ClusterStatusRunning, pg.Status.PostgresClusterStatus)
	}, "the loss shows")
	k.breakPods(clusterName, "")
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, "True PrimaryAndReplicasReady: 2 of 2 members are ready", condition(w.cluster(clusterName), apiv1.ConditionReady))
	}, "it comes back")
}

func TestNoPrimaryKeepsRolesWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_database_access", "true")
	w.start()
	w.createdCluster(clusterName)
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, "Unknown NoPrimary: no member is primary", condition(w.cluster(clusterName), apiv1.ConditionRolesSynced))
	}, "the condition says what is waited for")
}

func TestScaledToZero(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.change(clusterName, setReplicas(0))
	pg := w.reaches(clusterName, apiv1.ClusterStatusRunning)
	require.Equal(t, "False ScaledToZero: the cluster has no members", condition(pg, apiv1.ConditionReady))
	require.Empty(t, w.pods(clusterName))
	w.change(clusterName, setReplicas(1))
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
}

func TestDeletionThatFailsIsSaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_finalizers", "true")
	w.playKubernetes()
	w.start()
	w.runningCluster(clusterName)
	w.deny(statefulSetKind, clusterName, admissionregistrationv1.Delete)
	w.delete(postgresqlKind, clusterName)
	var pg *apiv1.Postgresql
	w.eventually(func(c *assert.CollectT) {
		pg = w.cluster(clusterName)
		assert.Contains(c, condition(pg, apiv1.ConditionProgressing), "False DeleteFailed: delete statefulset "+w.namespace+"/"+clusterName)
	}, "the status says why it stays")
	w.stays(func() bool { return w.cluster(clusterName).ResourceVersion == pg.ResourceVersion }, "retries write no status")
	failed := meta.FindStatusCondition(pg.Status.Conditions, apiv1.ConditionProgressing)
	require.Contains(t, w.notes("postgresql", clusterName), "Warning Delete: "+failed.Message)
	w.allow(statefulSetKind, clusterName)
	w.disappears(postgresqlKind, clusterName)
}

func TestConflictIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "enable_finalizers", "true")
	w.create(w.minimal(clusterName))
	stale := w.cluster(clusterName)
	w.change(clusterName, setReplicas(3))
	r := w.reconciler(outdated{w.client, stale})
	_, err := r.Reconcile(t.Context(), w.request(clusterName))
	require.ErrorContains(t, err, "change finalizers")
	require.Empty(t, w.cluster(clusterName).Status, "the next pass sees the newer manifest")
}

// outdated is a client that still has an old manifest, as a cache that lags.
type outdated struct {
	client.Client
	manifest *apiv1.Postgresql
}

func (o outdated) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if pg, ok := into.(*apiv1.Postgresql); ok {
		o.manifest.DeepCopyInto(pg)
		return nil
	}
	return o.Client.Get(ctx, key, into, options...)
}

func TestErrorTextIsSteady(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0) // reset
			_ = conn.Close()
		}
	}()
	broken := func() error {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write([]byte("?"))
		require.NoError(t, err)
		_, err = io.ReadAll(conn)
		require.Error(t, err)
		return fmt.Errorf("read roles: %w", err)
	}
	first, second := broken(), broken()
	require.NotEqual(t, first.Error(), second.Error(), "each connection has another port")
	require.Equal(t, oneLine(first), oneLine(second))
	require.Equal(t, "read roles: read tcp 127.0.0.1->"+listener.Addr().String()+": read: connection reset by peer", oneLine(first))
	require.Equal(t, "one; two", oneLine(errors.Join(errors.New("one"), errors.New("two"))))
}

func TestStatusIsWrittenWhenSomethingChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.minimal(clusterName))
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	recorded, err := client.New(w.env.Config, client.Options{Scheme: w.client.Scheme()})
	require.NoError(t, err)
	writer := statusWriter{client: recorded, owner: "test", now: func() time.Time { return now }}
	write := func(sum part, verdicts ...verdict) int {
		w.env.Requests.Reset()
		require.NoError(t, writer.write(t.Context(), w.cluster(clusterName), sum, verdicts))
		return len(w.env.Requests.Writes())
	}
	require.Equal(t, 1, write(&summary{word: "Creating"}, bad("B", "Why", "text"), good("A", "Fine", "text")))
	now = now.Add(time.Hour)
	require.Equal(t, 0, write(&summary{word: "Creating"}, good("A", "Fine", "text"), bad("B", "Why", "text")))
	require.Equal(t, 0, write(nil, good("A", "Fine", "text"), bad("B", "Why", "text")))
	require.Equal(t, 1, write(nil, good("A", "Fine", "other text"), bad("B", "Why", "text")))
	pg := w.cluster(clusterName)
	require.Equal(t, "A", pg.Status.Conditions[0].Type)
	require.Equal(t, now.Add(-time.Hour), pg.Status.Conditions[0].LastTransitionTime.UTC(), "the status of the condition is the same")
	require.Equal(t, 1, write(nil, bad("A", "Why", "other text"), bad("B", "Why", "text")))
	require.Equal(t, now, w.cluster(clusterName).Status.Conditions[0].LastTransitionTime.UTC())
	require.Equal(t, 1, write(&summary{word: "Running"}, bad("A", "Why", "other text"), bad("B", "Why", "text")))
	w.change(clusterName, setReplicas(3))
	require.Equal(t, 1, write(nil, bad("A", "Why", "other text"), bad("B", "Why", "text")), "the conditions speak of another generation")

	long := strings.Repeat("é", maxConditionMessage)
	require.Equal(t, 1, write(nil, bad("A", "Why", long), bad("B", "Why", "text")))
	require.Equal(t, 0, write(nil, bad("A", "Why", long), bad("B", "Why", "text")), "a text that was cut is the same text")
	require.True(t, sameMessage(w.cluster(clusterName), bad("A", "Why", long)))
}

func TestPartsWithoutEffectAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "min_memory_limit", "500Mi")
	w.playKubernetes()
	w.start()
	o := w.minimal(clusterName)
	setField(o, "250Mi", "spec", "resources", "limits", "memory")
	w.create(o)
	w.reaches(clusterName, apiv1.ClusterStatusRunning)
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, strings.Join(w.notes("postgresql", clusterName), "\n"), "Warning ResourceLimits: ")
	}, "an event tells of a limit that was raised")
	for _, note := range w.notes("postgresql", clusterName) {
		require.NotContains(t, note, "times)", "once")
	}
}

func TestStatusOfADeletedManifestIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.minimal(clusterName))
	before := w.cluster(clusterName)
	w.delete(postgresqlKind, clusterName)
	writer := statusWriter{client: w.client, owner: "test", now: time.Now}
	require.NoError(t, writer.write(t.Context(), before, summary{word: "Running"}, []verdict{good("A", "Fine", "text")}))
}
