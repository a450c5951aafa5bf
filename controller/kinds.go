package controller

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind is one row of the table of object kinds that belong to a cluster. The table drives
// the watches, the caches, pruning and deletion; a test compares it with the RBAC manifest.
type kind struct {
	schema.GroupVersionKind
	// prunable kinds are deleted when they carry our labels and field manager but are no
	// longer rendered. Volumes and credentials follow the switches of the configuration.
	prunable bool
}

var (
	postgresqlKind     = schema.GroupVersionKind{Group: "acid.zalan.do", Version: "v1", Kind: "postgresql"}
	postgresTeamKind   = schema.GroupVersionKind{Group: "acid.zalan.do", Version: "v1", Kind: "PostgresTeam"}
	statefulSetKind    = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "StatefulSet"}
	deploymentKind     = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	cronJobKind        = schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "CronJob"}
	serviceKind        = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	endpointsKind      = schema.GroupVersionKind{Version: "v1", Kind: "Endpoints"}
	secretKind         = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
	configMapKind      = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	volumeClaimKind    = schema.GroupVersionKind{Version: "v1", Kind: "PersistentVolumeClaim"}
	budgetKind         = schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}
	serviceAccountKind = schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"}
	nodeKind           = schema.GroupVersionKind{Version: "v1", Kind: "Node"}
	streamKind         = schema.GroupVersionKind{Group: "zalando.org", Version: "v1", Kind: "FabricEventStream"}
	definitionKind     = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	roleBindingKind    = schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"}
)

// clusterKinds are the kinds that carry the labels of a cluster.
func clusterKinds() []kind {
	return []kind{
		{statefulSetKind, true},
		{deploymentKind, true},
		{cronJobKind, true},
		{serviceKind, true},
		{endpointsKind, true},
		{budgetKind, true},
		{secretKind, false},
		{configMapKind, false},
		{volumeClaimKind, false},
	}
}

// namespaceKinds are the kinds of which one object serves all clusters of a namespace.
func namespaceKinds() []kind {
	return []kind{
		{serviceAccountKind, false},
		{roleBindingKind, false},
	}
}

// newObject returns an empty unstructured object of a kind, to name it in watches and reads.
func newObject(gvk schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	return u
}

// newList returns an empty unstructured list for the objects of a kind.
func newList(gvk schema.GroupVersionKind) *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	return l
}
