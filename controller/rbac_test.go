package controller

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"postgres-operator/names"
)

// right is one verb on one resource, as group/resource:verb, with the names it is restricted to.
func right(group, resource, verb string, only ...string) string {
	text := group + "/" + resource + ":" + verb
	if len(only) > 0 {
		text += "(" + strings.Join(only, ",") + ")"
	}
	return text
}

// granted are the rights of the operator in the shipped manifest.
func granted(t *testing.T) []string {
	t.Helper()
	var rights []string
	for _, o := range manifestObjects(t, "operator-service-account-rbac.yaml") {
		if o.GetName() != "postgres-operator" || o.GetKind() != "ClusterRole" && o.GetKind() != "Role" {
			continue
		}
		var role rbacv1.ClusterRole // a Role has the same rules
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role))
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						rights = append(rights, right(group, resource, verb, rule.ResourceNames...))
					}
				}
			}
		}
	}
	slices.Sort(rights)
	require.Equal(t, slices.Compact(slices.Clone(rights)), rights, "nothing is granted twice")
	return rights
}

// needed are the rights that the controllers use, each with what for.
func needed(t *testing.T) map[string]string {
	t.Helper()
	need := map[string]string{}
	add := func(group, resource, verbs, reason string, only ...string) {
		for verb := range strings.FieldsSeq(verbs) {
			need[right(group, resource, verb, only...)] = reason
		}
	}
	kind := func(gvk schema.GroupVersionKind, verbs, reason string) {
		resource, _ := meta.UnsafeGuessKindToResource(gvk)
		if gvk == endpointsKind {
			resource.Resource = "endpoints"
		}
		add(gvk.Group, resource.Resource, verbs, reason)
	}
	for _, k := range clusterKinds() {
		kind(k.GroupVersionKind, "list watch delete", "caches, and the deletion of a cluster")
		if k.GroupVersionKind != volumeClaimKind && k.GroupVersionKind != configMapKind {
			kind(k.GroupVersionKind, "create patch", "server-side apply")
		}
	}
	for _, k := range namespaceKinds() {
		kind(k.GroupVersionKind, "list watch create patch", "made where missing")
	}
	kind(podKind, "list watch patch delete", "caches, annotations, rolling updates")
	add("", "pods/exec", "create", "the end of a pooler's pause, and major upgrades")
	kind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ControllerRevision"}, "list watch", "what pods were made from")
	kind(postgresqlKind, "get list watch patch", "manifests and their finalizer; get before a deletion")
	add("acid.zalan.do", "postgresqls/status", "patch", "status")
	add("acid.zalan.do", "postgresqls/finalizers", "update", "owner references that block, where the API server checks that")
	add("acid.zalan.do", "operatorconfigurations", "get list watch", "configuration at start, and its changes")
	add("storage.k8s.io", "storageclasses", "get", "whether a claim can grow")
	add("", "persistentvolumes", "get patch", "EBS volumes, and their capacity in mode ebs")
	add("", "persistentvolumeclaims", "patch", "volumes that grow, and their annotations")
	add("", "secrets", "get", "asked before a password is made")
	add("", "nodes", "list watch", "whether a node is about to go")
	add("", "configmaps", "get", "configuration at start")
	add("apiextensions.k8s.io", "customresourcedefinitions", "create", "registration; cannot be restricted by name")
	add("apiextensions.k8s.io", "customresourcedefinitions", "get patch", "registration",
		"fleetrollouts.acid.zalan.do", "operatorconfigurations.acid.zalan.do", "postgresqls.acid.zalan.do", "postgresteams.acid.zalan.do")
	add("acid.zalan.do", "fleetrollouts", "list watch create", "made before the first wave; pausing is read")
	add("acid.zalan.do", "fleetrollouts/status", "patch", "progress of waves")
	add("apiextensions.k8s.io", "customresourcedefinitions", "get list watch", "whether event streams are installed", names.StreamDefinition)
	kind(streamKind, "list watch create patch delete", "event streams")
	add("rbac.authorization.k8s.io", "clusterroles", "bind", "the binding of the pod service account", "postgres-pod")
	add("events.k8s.io", "events", "create patch", "events")
	add("coordination.k8s.io", "leases", "get create update", "leader election")
	return need
}

// spare are rights that no code of today's uses, each with the reason to grant it.
func spare(right string) string {
	group, rest, _ := strings.Cut(right, "/")
	resource, verb, _ := strings.Cut(rest, ":")
	switch {
	case verb == "get" && group != "apiextensions.k8s.io":
		return "shows nothing that list does not"
	case strings.HasPrefix(verb, "update") || verb == "patch" && resource == "leases":
		return "may no more than patch, which the same rule has; clients use either"
	case resource == "events" && group == "":
		return "leader election and older clients write events of the core group"
	case resource == "configmaps" && (verb == "create" || verb == "patch"):
		return "Patroni's objects inherit annotations of their manifest"
	case resource == "namespaces" || resource == "postgresteams":
		return "read only: namespaces by pattern, additional team members"
	}
	return ""
}

func TestRightsAreWhatIsNeeded(t *testing.T) {
	t.Parallel()
	have, need := granted(t), needed(t)
	for _, right := range slices.Sorted(maps.Keys(need)) {
		require.Contains(t, have, right, "needed for: %s", need[right])
	}
	for _, right := range have {
		if need[right] == "" {
			require.NotEmpty(t, spare(right), "%s is granted without a reason", right)
		}
	}
}

// What is rendered is watched: a kind that is not would be restored at the next resync only.
func TestRenderedKindsAreWatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	o := w.minimal(clusterName)
	setField(o, true, "spec", "enableConnectionPooler")
	setField(o, true, "spec", "enableReplicaConnectionPooler")
	setField(o, true, "spec", "enableLogicalBackup")
	w.create(o)
	w.appears(statefulSetKind, clusterName)
	r := w.reconciler(w.client)
	p := &clusterPass{cluster: r, config: r.settings.get(), pg: w.cluster(clusterName)}
	for _, phase := range []func(context.Context) error{p.observe, p.mintCredentials, p.render} {
		require.NoError(t, phase(t.Context()))
	}
	for _, o := range p.desired {
		watched := slices.ContainsFunc(slices.Concat(clusterKinds(), namespaceKinds()), func(k kind) bool {
			return k.GroupVersionKind == o.GroupVersionKind()
		})
		require.True(t, watched, "%s of kind %s", o.ID, o.GroupVersionKind())
	}
}
