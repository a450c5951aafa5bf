package apply

import (
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// Object is one desired object: the fields that its author has an opinion on,
// and an id by which policies and readers know it, such as service/master.
type Object struct {
	ID string
	*unstructured.Unstructured
}

// Ref names one object of a cluster. Lists of it serve as inventory.
type Ref struct {
	ID         string `json:"id,omitempty"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// String is "service default/acid-minimal-cluster".
func (r Ref) String() string {
	if r.Namespace == "" {
		return strings.ToLower(r.Kind) + " " + r.Name
	}
	return strings.ToLower(r.Kind) + " " + r.Namespace + "/" + r.Name
}

// RefOf names an object.
func RefOf(id string, obj *unstructured.Unstructured) Ref {
	return Ref{id, obj.GetAPIVersion(), obj.GetKind(), obj.GetNamespace(), obj.GetName()}
}

// identity is what makes two references the same object, whatever its version.
type identity struct{ group, kind, namespace, name string }

func (r Ref) identity() identity {
	gv, _ := runtimeschema.ParseGroupVersion(r.APIVersion)
	return identity{gv.Group, r.Kind, r.Namespace, r.Name}
}

func (r Ref) groupKind() runtimeschema.GroupKind {
	return runtimeschema.FromAPIVersionAndKind(r.APIVersion, r.Kind).GroupKind()
}

// Managed names the live objects that a field manager has applied. As
// Request.Previous it makes pruning need no stored inventory.
func Managed(live []*unstructured.Unstructured, manager string) []Ref {
	var refs []Ref
	for _, obj := range live {
		if ownedFields(obj, manager) != nil {
			refs = append(refs, RefOf("", obj))
		}
	}
	return refs
}

// Immutable says what to do when a field differs that the API server does not
// let change.
type Immutable string

const (
	// Refuse reports an error that names the fields.
	Refuse Immutable = ""
	// Orphan deletes the object but keeps what belongs to it (a StatefulSet's
	// pods, which the new one takes over), and creates it once it is gone.
	Orphan Immutable = "orphan"
	// Replace deletes the object with all that belongs to it, and creates it
	// once it is gone.
	Replace Immutable = "replace"
)

// Policy is how an object is treated. The zero value: applied, pruned in the
// background, immutable fields refused.
type Policy struct {
	// CreateOnly objects are created when missing; an existing one is neither
	// compared nor changed.
	CreateOnly bool
	// Keep objects are never pruned.
	Keep bool
	// Exact objects are applied only as long as they are the ones that were seen: the desired object
	// repeats what somebody else may just have changed. Otherwise the error is a Conflict.
	Exact bool
	// Immutable says what to do when an immutable field differs.
	Immutable Immutable
	// Propagation is what happens to an object's dependents when it is pruned;
	// empty means in the background.
	Propagation metav1.DeletionPropagation
}

// Rule gives a policy to objects by kind and id. An empty field fits all.
type Rule struct {
	Kind string
	ID   string // a pattern of path.Match: secret/*
	Policy
}

func (r Rule) fits(ref Ref) bool {
	if r.Kind != "" && r.Kind != ref.Kind {
		return false
	}
	fits, _ := path.Match(r.ID, ref.ID)
	return fits || r.ID == "" || r.ID == ref.ID
}

// policyOf is the policy of the first rule that fits. Without one, data and
// what holds data is kept.
func policyOf(rules []Rule, ref Ref) Policy {
	for _, rule := range rules {
		if rule.fits(ref) {
			return rule.Policy
		}
	}
	precious := []string{"PersistentVolumeClaim", "PersistentVolume", "Secret", "Namespace", "CustomResourceDefinition"}
	return Policy{Keep: slices.Contains(precious, ref.Kind)}
}

// order is the order in which kinds are applied: what others refer to comes
// first. Pruning goes the other way. Kinds that are not listed come last.
func order(kind string) int {
	kinds := []string{
		"Namespace", "CustomResourceDefinition", "PriorityClass",
		"ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding",
		"Secret", "ConfigMap", "PersistentVolumeClaim",
		"Service", "Endpoints", "EndpointSlice", "NetworkPolicy", "PodDisruptionBudget",
		"StatefulSet", "Deployment", "DaemonSet", "CronJob", "Job", "Ingress", "HorizontalPodAutoscaler",
	}
	if i := slices.Index(kinds, kind); i >= 0 {
		return i
	}
	return len(kinds)
}

// immutable are the fields of a kind that the API server lets nobody change
// once the object exists.
func immutable(gk runtimeschema.GroupKind) []string {
	switch gk.String() {
	case "StatefulSet.apps":
		return []string{"spec.podManagementPolicy", "spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"}
	case "Deployment.apps", "DaemonSet.apps":
		return []string{"spec.selector"}
	case "Job.batch":
		return []string{"spec.completionMode", "spec.selector", "spec.template"}
	case "RoleBinding.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io":
		return []string{"roleRef"}
	case "Secret":
		return []string{"type"}
	case "PersistentVolumeClaim":
		return []string{"spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeMode", "spec.volumeName"}
	case "PriorityClass.scheduling.k8s.io":
		return []string{"preemptionPolicy", "value"}
	}
	return nil
}

// released are the fields that an adopted object's former writer may own
// although their value is somebody else's by now.
func released(gk runtimeschema.GroupKind) []string {
	switch gk.String() {
	case "StatefulSet.apps", "Deployment.apps":
		return []string{"spec.replicas"} // an autoscaler's
	case "Endpoints":
		return []string{"subsets"} // of whoever serves them
	}
	return nil
}
