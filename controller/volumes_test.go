package controller

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/testenv/ec2"
)

func setSize(size string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { setField(o, size, "spec", "volume", "size") }
}

// bindClaims plays the provisioner: the claims of a cluster get volumes of a storage class, on EBS disks when
// their ids are given.
func (w *world) bindClaims(class string, expandable bool, disks ...string) {
	w.Helper()
	w.create(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Provisioner: "test", AllowVolumeExpansion: &expandable})
	w.Cleanup(func() {
		_ = w.client.Delete(context.Background(), &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: class}})
	})
	for i := range 2 {
		name := "pgdata-" + clusterName + "-" + string(rune('0'+i))
		var claim corev1.PersistentVolumeClaim
		require.NoError(w, w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &claim))
		volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: w.namespace + "-" + string(rune('0'+i))}}
		volume.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: resourceOne}
		volume.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		volume.Spec.StorageClassName = class
		volume.Spec.HostPath = &corev1.HostPathVolumeSource{Path: "/nowhere"}
		if len(disks) > 0 {
			volume.Spec.HostPath = nil
			volume.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: disks[i]}
		}
		w.create(volume)
		w.Cleanup(func() { _ = w.client.Delete(context.Background(), volume) })
		claim.Spec.VolumeName = volume.Name
		require.NoError(w, w.client.Update(w.Context(), &claim))
		claim.Status.Phase, claim.Status.Capacity = corev1.ClaimBound, volume.Spec.Capacity
		require.NoError(w, w.client.Status().Update(w.Context(), &claim))
	}
}

func (w *world) requested(claim string) string {
	var found corev1.PersistentVolumeClaim
	if err := w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: claim}, &found); err != nil {
		return err.Error()
	}
	q := found.Spec.Resources.Requests[corev1.ResourceStorage]
	return q.String()
}

// resized waits for the condition.
func (w *world) resized(want string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, condition(w.cluster(clusterName), apiv1.ConditionVolumesResized), want)
	}, "condition VolumesResized says %q", want)
}

// classed is a cluster with pods, whose claims name a storage class.
func (w *world) classed(class string) {
	w.Helper()
	w.playKubernetes()
	w.start()
	o := w.minimal(clusterName)
	setField(o, class, "spec", "volume", "storageClass")
	w.create(o)
	for _, name := range []string{clusterName + "-0", clusterName + "-1"} {
		w.appears(volumeClaimKind, "pgdata-"+name)
		w.appears(podKind, name)
	}
}

func TestVolumesGrowByTheirClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	class := w.namespace + "-growing"
	w.classed(class)
	w.bindClaims(class, true)
	w.resized("True Resized: every volume is as the manifest asks")
	pods := w.podUIDs()
	w.change(clusterName, setSize("2Gi"))
	w.resized("False Resizing: claim pgdata-acid-test-0: it grows from 1Gi to 2Gi; claim pgdata-acid-test-1: it grows from 1Gi to 2Gi")
	require.Equal(t, "2Gi", w.requested("pgdata-acid-test-0"))
	require.Equal(t, "2Gi", w.requested("pgdata-acid-test-1"))
	w.eventually(func(c *assert.CollectT) {
		set := w.get(statefulSetKind, clusterName)
		if assert.NotNil(c, set) {
			templates, _, _ := unstructured.NestedSlice(set.Object, "spec", "volumeClaimTemplates")
			size, _, _ := unstructured.NestedString(templates[0].(map[string]any), "spec", "resources", "requests", "storage")
			assert.Equal(c, "2Gi", size)
		}
	}, "the StatefulSet is made anew")
	require.Equal(t, pods, w.podUIDs(), "pods stay")
	w.change(clusterName, setSize("1Gi"))
	w.resized("False ShrinkRefused: claim pgdata-acid-test-0: it keeps 2Gi: volumes do not shrink")
	require.Equal(t, "2Gi", w.requested("pgdata-acid-test-0"))
	require.Contains(t, strings.Join(w.notes("postgresql", clusterName), "\n"), "Warning Volumes: claim pgdata-acid-test-0: it keeps 2Gi")
}

func (w *world) podUIDs() map[string]types.UID {
	var pods corev1.PodList
	require.NoError(w, w.client.List(w.Context(), &pods, client.InNamespace(w.namespace)))
	uids := map[string]types.UID{}
	for _, p := range pods.Items {
		uids[p.Name] = p.UID
	}
	return uids
}

func TestVolumesOfAClassThatCannotGrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	class := w.namespace + "-rigid"
	w.classed(class)
	w.bindClaims(class, false)
	w.change(clusterName, setSize("2Gi"))
	w.resized("False NotExpandable: claim pgdata-acid-test-0: it cannot grow to 2Gi: the storage class " + class + " has no allowVolumeExpansion")
	require.Equal(t, "1Gi", w.requested("pgdata-acid-test-0"))
}

// commands answers in place of pods.
type commands struct {
	mu   sync.Mutex
	ran  []string
	says map[string]string // by the beginning of a command
}

func (c *commands) run(_ context.Context, pod types.NamespacedName, _ string, command []string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := strings.Join(command, " ")
	c.ran = append(c.ran, pod.Name+": "+line)
	for beginning, answer := range c.says {
		if strings.HasPrefix(line, beginning) {
			return answer, nil
		}
	}
	return "", nil
}

func (c *commands) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.ran...)
}

// Mode ebs: the disk by EC2, the file system in the pod, then the volume's capacity; the claim stays.
func TestVolumesGrowByEC2Alone(t *testing.T) {
	server := ec2.Start(t, ec2.Volume{ID: "vol-0", SizeGiB: 1, Type: "gp3"}, ec2.Volume{ID: "vol-1", SizeGiB: 1, Type: "gp3"})
	w := newWorld(t, "storage_resize_mode", "ebs", "resource_check_interval", "1s")
	pods := &commands{says: map[string]string{"df ": "Filesystem Type 1024-blocks Used Available Capacity Mounted on\n/dev/nvme1n1 ext4 1 1 1 1% /home/postgres/pgdata\n"}}
	w.options.exec = pods
	class := w.namespace + "-ebs"
	w.classed(class)
	w.bindClaims(class, true, "vol-0", "vol-1")
	w.change(clusterName, setSize("2Gi"))
	w.resized("EC2 is modifying vol-0")
	require.Equal(t, 2, server.Volume("vol-0").SizeGiB)
	require.Empty(t, pods.all(), "the file system waits for the disk")
	server.Settle("vol-0", "optimizing")
	server.Settle("vol-1", "completed")
	w.resized("True Resized: every volume is as the manifest asks")
	require.Subset(t, pods.all(), []string{
		"acid-test-0: df -PT /home/postgres/pgdata", "acid-test-0: resize2fs /dev/nvme1n1",
		"acid-test-1: df -PT /home/postgres/pgdata", "acid-test-1: resize2fs /dev/nvme1n1",
	})
	require.Equal(t, "1Gi", w.requested("pgdata-acid-test-0"))
	var volume corev1.PersistentVolume
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: w.namespace + "-0"}, &volume))
	require.Zero(t, volume.Spec.Capacity.Storage().Cmp(resource.MustParse("2Gi")))
}

// Mode mixed: what EC2 refuses is told, and the claim grows all the same.
func TestVolumesAreTunedByEC2(t *testing.T) {
	server := ec2.Start(t, ec2.Volume{ID: "vol-2", SizeGiB: 1, IOPS: 3000, Throughput: 125, Type: "gp3"}, ec2.Volume{ID: "vol-3", SizeGiB: 1, IOPS: 3000, Throughput: 125, Type: "gp3"})
	w := newWorld(t, "storage_resize_mode", "mixed", "resource_check_interval", "1s")
	class := w.namespace + "-mixed"
	w.classed(class)
	w.bindClaims(class, true, "vol-2", "vol-3")
	server.Refuse("VolumeModificationRateExceeded")
	w.change(clusterName, func(o *unstructured.Unstructured) {
		setSize("2Gi")(o)
		setField(o, int64(4000), "spec", "volume", "iops")
		setField(o, int64(250), "spec", "volume", "throughput")
	})
	w.resized("False ResizeFailed: modify EBS volume vol-2: ")
	require.Equal(t, "2Gi", w.requested("pgdata-acid-test-0"))
	server.Refuse("")
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, ec2.Volume{ID: "vol-2", SizeGiB: 2, IOPS: 4000, Throughput: 250, Type: "gp3", State: "modifying"}, server.Volume("vol-2"))
	}, "vol-2 is modified")
}
