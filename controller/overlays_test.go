package controller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/overlay"
)

var networkPolicyKind = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}

const aLabel = `package templates

pod: metadata: labels: "cost-center": "databases"
`

const aNetworkPolicy = `package templates

objects: "networkpolicy/members": {
	apiVersion: "networking.k8s.io/v1"
	kind:       "NetworkPolicy"
	metadata: {name: "\(input.name)-members", namespace: input.namespace}
	spec: podSelector: matchLabels: input.selector
}
`

// lay makes a ConfigMap with an overlay, or changes the one there is.
func (w *world) lay(name, cue string, annotations ...string) {
	w.Helper()
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: w.namespace, Labels: map[string]string{overlay.Label: "true"}, Annotations: map[string]string{},
	}, Data: map[string]string{"overlay.cue": cue}}
	for i := 0; i < len(annotations); i += 2 {
		m.Annotations[annotations[i]] = annotations[i+1]
	}
	if err := w.client.Create(w.Context(), m); err != nil {
		require.NoError(w, w.client.Update(w.Context(), m))
	}
}

// overlaysAre waits until our ConfigMap says so.
func (w *world) overlaysAre(state, inForce, message string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) {
		var m corev1.ConfigMap
		if !assert.NoError(c, w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: stateName}, &m)) {
			return
		}
		assert.Equal(c, state, m.Data[keyState], m.Data[keyMessage])
		assert.Equal(c, inForce, m.Data[keyInForce])
		assert.Contains(c, m.Data[keyMessage], message)
	}, "overlays are %s", state)
}

func (w *world) podLabel(cluster, key string) string {
	w.Helper()
	value, _, err := unstructured.NestedString(w.get(statefulSetKind, cluster).Object, "spec", "template", "metadata", "labels", key)
	require.NoError(w, err)
	return value
}

func (w *world) podLabelBecomes(cluster, key, value string) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) { assert.Equal(c, value, w.podLabel(cluster, key)) }, "label %s", key)
}

func TestOverlaysComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	require.Empty(t, w.podLabel(clusterName, "cost-center"))

	w.lay("site", aLabel)
	w.podLabelBecomes(clusterName, "cost-center", "databases")
	w.overlaysAre(stateInForce, "site (ConfigMap "+w.namespace+"/site)", "")

	w.lay("site", aLabel, overlay.SelectorAnnotation, "tier=gold")
	w.podLabelBecomes(clusterName, "cost-center", "")
	w.change(clusterName, func(o *unstructured.Unstructured) { o.SetLabels(map[string]string{"tier": "gold"}) })
	w.podLabelBecomes(clusterName, "cost-center", "databases")

	w.delete(configMapKind, "site")
	w.podLabelBecomes(clusterName, "cost-center", "")
	w.overlaysAre(stateInForce, "", "")
}

// TestBrokenOverlaysTouchNothing: neither do they when the operator starts anew.
func TestBrokenOverlaysTouchNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "overlay_trial_timeout", "20s", "overlay_trial_memory", "96Mi")
	op := w.start()
	w.createdCluster(clusterName)
	w.lay("site", aLabel)
	w.podLabelBecomes(clusterName, "cost-center", "databases")
	inForce := "site (ConfigMap " + w.namespace + "/site)"

	w.lay("zz-broken", "package templates\n\npod: metadata: labels: {\n")
	w.overlaysAre(stateRefused, inForce, `overlay "zz-broken": expected`)
	w.eventually(func(c *assert.CollectT) {
		assert.Contains(c, w.notes("ConfigMap", stateName), "Warning OverlaysRefused: the last good ones stay in force: overlay \"zz-broken\": expected '}', found 'EOF'; zz-broken/overlay.cue:3:26")
	}, "an event")

	w.lay("zz-broken", "package templates\n\nif input.name == \""+clusterName+"\" {statefulset: spec: serviceName: \"other\"}\n")
	w.overlaysAre(stateRefused, inForce, "(cluster "+w.namespace+"/"+clusterName+")")
	w.eventually(func(c *assert.CollectT) {
		rendered := condition(w.cluster(clusterName), apiv1.ConditionRendered)
		assert.Contains(c, rendered, "True RenderedWithWarnings: overlay \"zz-broken\": statefulset: spec.serviceName: conflicting values")
	}, "the cluster tells what keeps the overlays")

	w.lay("zz-broken", "package templates\n\nimport \"list\"\n\n_l: [for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) {a * b}]\npod: metadata: annotations: n: \"\\(len(_l))\"\n")
	w.overlaysAre(stateRefused, inForce, `overlay "zz-broken": it takes more than`)
	require.Equal(t, "databases", w.podLabel(clusterName, "cost-center"))

	op.stop()
	w.lay("site", "package templates\n\nnonsense: 1\n") // the last good one is nowhere but with us
	w.start()
	w.overlaysAre(stateRefused, inForce, `overlay "site": nonsense: no template uses this field`)
	w.change(clusterName, func(o *unstructured.Unstructured) { setField(o, int64(3), "spec", "numberOfInstances") })
	w.eventually(func(c *assert.CollectT) {
		assert.Equal(c, 3, replicasOf(w.get(statefulSetKind, clusterName)))
	}, "the cluster is served")
	require.Equal(t, "databases", w.podLabel(clusterName, "cost-center"))

	w.delete(configMapKind, "zz-broken")
	w.lay("site", aLabel)
	w.overlaysAre(stateInForce, inForce, "")
}

// TestAddedKinds: objects of a kind that the operator does not have anyway are kept like its own.
func TestAddedKinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.playKubernetes()
	op := w.start()
	w.createdCluster(clusterName)

	w.lay("network", aNetworkPolicy)
	w.overlaysAre(stateRefused, "", `grant its ClusterRole: apiGroups: ["networking.k8s.io"], resources: [networkpolicies], verbs: [get, list, watch, create, patch, delete]`)

	w.grantMore("networking.k8s.io", "networkpolicies")
	const policy = clusterName + "-members"
	w.appears(networkPolicyKind, policy)
	w.overlaysAre(stateInForce, "network (ConfigMap "+w.namespace+"/network)", "")
	w.edit(networkPolicyKind, policy, func(o *unstructured.Unstructured) { setField(o, []any{"Egress"}, "spec", "policyTypes") })
	w.delete(networkPolicyKind, policy)
	w.appears(networkPolicyKind, policy)

	op.stop()
	w.delete(configMapKind, "network")
	w.start()
	w.disappears(networkPolicyKind, policy)
	w.overlaysAre(stateInForce, "", "")
	w.eventually(func(c *assert.CollectT) {
		_, kinds, err := OverlaysInForce(w.Context(), w.client, w.namespace, "")
		assert.NoError(c, err)
		assert.Empty(c, kinds)
	}, "a kind that nobody makes any longer is not watched")

	w.lay("network", aNetworkPolicy)
	w.appears(networkPolicyKind, policy)
	w.delete(postgresqlKind, clusterName)
	w.disappears(networkPolicyKind, policy)
}

// TestFormerKindThatMayNotBeSeen: whoever takes an overlay away may take the right to see its objects with it. An
// operator that starts then does not ask for them for ever.
func TestFormerKindThatMayNotBeSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := w.grantMore("networking.k8s.io", "networkpolicies")
	op := w.start()
	w.createdCluster(clusterName)
	w.lay("network", aNetworkPolicy)
	w.appears(networkPolicyKind, clusterName+"-members")
	w.overlaysAre(stateInForce, "network (ConfigMap "+w.namespace+"/network)", "")
	op.stop()

	w.delete(configMapKind, "network")
	require.NoError(t, w.client.Delete(t.Context(), role))
	w.start()
	w.overlaysAre(stateInForce, "", "")
	w.eventually(func(c *assert.CollectT) {
		_, kinds, err := OverlaysInForce(w.Context(), w.client, w.namespace, "")
		assert.NoError(c, err)
		assert.Empty(c, kinds)
	}, "the kind is not watched any more")
	require.NotNil(t, w.get(networkPolicyKind, clusterName+"-members"), "nor deleted without the right to")
}

// grantMore lets the operator keep objects of one more resource.
func (w *world) grantMore(group, resource string) *rbacv1.ClusterRole {
	w.Helper()
	name := "more-" + resource + "-" + w.namespace
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs()},
	}}
	w.create(role)
	w.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "postgres-operator", Namespace: w.namespace}},
	})
	return role
}

// TestAddedConfigMapsAndSecrets: kinds that the operator has anyway, in caches that were made for less.
func TestAddedConfigMapsAndSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.createdCluster(clusterName)
	w.lay("facts", `package templates

for kind in ["ConfigMap", "Secret"] {
	objects: "\(kind)/facts": {
		apiVersion: "v1"
		"kind":     kind
		metadata: {name: "\(input.name)-facts", namespace: input.namespace}
		data: answer: "NDI="
	}
}
`)
	const name = clusterName + "-facts"
	for _, kind := range []schema.GroupVersionKind{configMapKind, secretKind} {
		w.appears(kind, name)
		w.edit(kind, name, func(o *unstructured.Unstructured) { setField(o, "NDM=", "data", "answer") })
		w.eventually(func(c *assert.CollectT) {
			answer, _, _ := unstructured.NestedString(w.get(kind, name).Object, "data", "answer")
			assert.Equal(c, "NDI=", answer)
		}, "%s is put right", kind.Kind)
	}
	w.delete(configMapKind, "facts")
	w.disappears(configMapKind, name)
	w.disappears(secretKind, name)
	require.NotEmpty(t, w.password("zalando"), "Secrets of the cluster stay")
}
