package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"postgres-operator/names"
	"postgres-operator/patroni"
)

// kubernetes plays in one namespace what an API server alone does not do: the StatefulSet
// controller, the kubelet, the garbage collector, and Patroni in the pods.
type kubernetes struct {
	w *world

	mu        sync.Mutex
	broken    map[string]string // why the pods of a cluster do not start, by cluster
	lingering bool              // pods do not go away
	patronis  map[string]string // addresses at which the members of a cluster answer, by cluster; nil for none
}

// answer lets the members of all clusters answer as Patroni does, so that the operator can replace them.
func (k *kubernetes) answer() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.patronis = map[string]string{}
}

// addressOf is where the members of a cluster answer.
func (k *kubernetes) addressOf(ctx context.Context, cluster string) string {
	if address := k.patronis[cluster]; address != "" || k.patronis == nil {
		return address
	}
	address := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
	listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(patroni.Port)))
	if err != nil {
		k.note(err)
		return ""
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cluster" {
			_, _ = fmt.Fprintf(answer, `{"members":[%s]}`, strings.Join(k.membersOf(r.Context(), cluster), ","))
			return
		}
		_, _ = answer.Write([]byte("{}"))
	})}
	go func() { _ = server.Serve(listener) }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	k.patronis[cluster] = address
	return address
}

// membersOf are the members of a cluster in Patroni's words.
func (k *kubernetes) membersOf(ctx context.Context, cluster string) []string {
	var members []string
	for _, pod := range k.podsOf(ctx, cluster) {
		switch {
		case !podReady(&pod):
		case pod.Labels["spilo-role"] == names.RoleMaster:
			members = append(members, fmt.Sprintf(`{"name":%q,"role":"leader","state":"running","timeline":1}`, pod.Name))
		default:
			members = append(members, fmt.Sprintf(`{"name":%q,"role":"replica","state":"streaming","timeline":1,"lag":0}`, pod.Name))
		}
	}
	return members
}

// playKubernetes plays until the test ends.
func (w *world) playKubernetes() *kubernetes {
	w.Helper()
	k := &kubernetes{w: w, broken: map[string]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		for ctx.Err() == nil {
			k.round(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(75 * time.Millisecond):
			}
		}
	})
	w.Cleanup(func() { cancel(); wait.Wait() })
	return k
}

// breakPods keeps new pods of a cluster from starting; an empty reason lets them.
func (k *kubernetes) breakPods(cluster, reason string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken[cluster] = reason
}

func (k *kubernetes) linger(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lingering = on
}

// round does what is due. Errors are those of objects that changed meanwhile: the next round comes.
func (k *kubernetes) round(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var sets appsv1.StatefulSetList
	if k.w.client.List(ctx, &sets, client.InNamespace(k.w.namespace)) != nil {
		return
	}
	k.releaseClaims(ctx)
	k.releaseDeployments(ctx)
	for i := range sets.Items {
		set := &sets.Items[i]
		pods := k.podsOf(ctx, set.Name)
		if set.DeletionTimestamp != nil {
			k.collect(ctx, set, pods)
			continue
		}
		k.members(ctx, set, pods)
	}
}

// releaseClaims lets go of deleted claims that no pod uses.
func (k *kubernetes) releaseClaims(ctx context.Context) {
	var claims corev1.PersistentVolumeClaimList
	if k.w.client.List(ctx, &claims, client.InNamespace(k.w.namespace)) != nil {
		return
	}
	for i := range claims.Items {
		claim := &claims.Items[i]
		member := strings.TrimPrefix(claim.Name, names.DataVolume+"-")
		if claim.DeletionTimestamp != nil && len(k.podsOf(ctx, member[:max(0, strings.LastIndexByte(member, '-'))])) == 0 {
			claim.Finalizers = nil
			k.note(k.w.client.Update(ctx, claim))
		}
	}
}

// releaseDeployments lets go of deleted Deployments: nobody makes pods of them here.
func (k *kubernetes) releaseDeployments(ctx context.Context) {
	var deployments appsv1.DeploymentList
	if k.w.client.List(ctx, &deployments, client.InNamespace(k.w.namespace)) != nil {
		return
	}
	for i := range deployments.Items {
		if d := &deployments.Items[i]; d.DeletionTimestamp != nil {
			d.Finalizers = nil
			k.note(k.w.client.Update(ctx, d))
		}
	}
}

// note keeps what goes wrong for the log of a failed test.
func (k *kubernetes) note(err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
		k.w.log.add("kubernetes", err.Error())
	}
}

func (k *kubernetes) podsOf(ctx context.Context, set string) []corev1.Pod {
	var pods corev1.PodList
	if k.w.client.List(ctx, &pods, client.InNamespace(k.w.namespace)) != nil {
		return nil
	}
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return !strings.HasPrefix(p.Name, set+"-") })
}

// collect is the garbage collector's part in a foreground or orphaning deletion.
func (k *kubernetes) collect(ctx context.Context, set *appsv1.StatefulSet, pods []corev1.Pod) {
	if controllerutil.ContainsFinalizer(set, metav1.FinalizerOrphanDependents) {
		for i := range pods {
			pods[i].OwnerReferences = nil
			k.note(k.w.client.Update(ctx, &pods[i]))
		}
		pods = nil
	}
	if k.lingering && len(pods) > 0 {
		return
	}
	for i := range pods {
		k.note(k.w.client.Delete(ctx, &pods[i], client.GracePeriodSeconds(0)))
	}
	if len(pods) == 0 {
		set.Finalizers = nil
		k.note(k.w.client.Update(ctx, set))
	}
}

// members makes and removes pods and claims, and reports the set's status.
func (k *kubernetes) members(ctx context.Context, set *appsv1.StatefulSet, pods []corev1.Pod) {
	revision := k.revision(ctx, set)
	ready := 0
	for i := range pods {
		if ordinalOf(pods[i].Name) >= int(*set.Spec.Replicas) {
			k.note(k.w.client.Delete(ctx, &pods[i], client.GracePeriodSeconds(0)))
			continue
		}
		k.kubelet(ctx, set, &pods[i])
		if podReady(&pods[i]) {
			ready++
		}
	}
	for n := range int(*set.Spec.Replicas) {
		name := names.Pod(set.Name, fmt.Sprint(n))
		if !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Name == name }) {
			k.newMember(ctx, set, name, revision)
		}
	}
	status := appsv1.StatefulSetStatus{
		ObservedGeneration: set.Generation, Replicas: int32(len(pods)), ReadyReplicas: int32(ready),
		CurrentRevision: revision, UpdateRevision: revision,
	}
	if set.Status.ObservedGeneration != status.ObservedGeneration || set.Status.UpdateRevision != revision || set.Status.ReadyReplicas != status.ReadyReplicas {
		set.Status = status
		k.note(k.w.client.Status().Update(ctx, set))
	}
}

func ordinalOf(pod string) int {
	n := -1
	_, _ = fmt.Sscanf(pod[strings.LastIndexByte(pod, '-')+1:], "%d", &n)
	return n
}

// revision is the name of the revision of a set's template, which it also stores.
func (k *kubernetes) revision(ctx context.Context, set *appsv1.StatefulSet) string {
	template, err := json.Marshal(map[string]any{"spec": map[string]any{"template": set.Spec.Template}})
	if err != nil {
		panic(err)
	}
	hash := fnv.New32a()
	_, _ = hash.Write(template)
	name := fmt.Sprintf("%s-%08x", set.Name, hash.Sum32())
	if set.Status.UpdateRevision != name {
		k.note(k.w.client.Create(ctx, &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: name, Labels: set.Spec.Selector.MatchLabels},
			Data:       runtime.RawExtension{Raw: template},
			Revision:   set.Generation,
		}))
	}
	return name
}

func (k *kubernetes) newMember(ctx context.Context, set *appsv1.StatefulSet, name, revision string) {
	for _, template := range set.Spec.VolumeClaimTemplates {
		claim := template.DeepCopy()
		claim.Namespace, claim.Name, claim.Labels = set.Namespace, template.Name+"-"+name, set.Spec.Selector.MatchLabels
		k.note(k.w.client.Create(ctx, claim))
	}
	labels := map[string]string{}
	for key, value := range set.Spec.Template.Labels {
		labels[key] = value
	}
	labels[appsv1.StatefulSetRevisionLabel] = revision
	spec := set.Spec.Template.Spec.DeepCopy()
	for _, template := range set.Spec.VolumeClaimTemplates {
		claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: template.Name + "-" + name}
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: template.Name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}})
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: set.Namespace, Name: name, Labels: labels, Annotations: set.Spec.Template.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))},
		},
		Spec: *spec,
	}
	k.note(k.w.client.Create(ctx, pod))
}

// kubelet starts a pod; then Patroni in it labels it and writes its state.
func (k *kubernetes) kubelet(ctx context.Context, set *appsv1.StatefulSet, pod *corev1.Pod) {
	if podReady(pod) || pod.DeletionTimestamp != nil {
		return
	}
	if reason := k.broken[set.Name]; reason != "" {
		waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
		if len(pod.Status.ContainerStatuses) == 0 {
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: names.PostgresContainer, State: waiting}}
			k.note(k.w.client.Status().Update(ctx, pod))
		}
		return
	}
	pod.Labels["spilo-role"] = names.RoleReplica
	if ordinalOf(pod.Name) == 0 {
		pod.Labels["spilo-role"] = names.RoleMaster
		k.patroniState(ctx, set)
	}
	if k.w.client.Update(ctx, pod) != nil {
		return
	}
	if address := k.addressOf(ctx, set.Name); address != "" {
		pod.Status.PodIP, pod.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ContainerStatuses = nil
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	k.note(k.w.client.Status().Update(ctx, pod))
}

func (k *kubernetes) patroniState(ctx context.Context, set *appsv1.StatefulSet) {
	for _, name := range names.PatroniObjects(set.Name)[:2] {
		k.note(k.w.client.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: name, Labels: set.Spec.Selector.MatchLabels},
		}))
	}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{
		Namespace: set.Namespace, Name: names.PatroniConfigService(set.Name), Labels: set.Spec.Selector.MatchLabels,
	}}
	service.Spec.ClusterIP = corev1.ClusterIPNone
	k.note(k.w.client.Create(ctx, service))
}

// setReplicas is an edit of a manifest.
func setReplicas(n int64) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { setField(o, n, "spec", "numberOfInstances") }
}
