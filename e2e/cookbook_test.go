//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/overlay"
	"postgres-operator/render"
	"postgres-operator/roles"
)

// foreignKinds are what recipes make that Kubernetes itself does not have: plural names by kind.
func foreignKinds() map[string]string {
	return map[string]string{
		"monitoring.coreos.com/v1/PodMonitor":         "podmonitors",
		"monitoring.coreos.com/v1/PrometheusRule":     "prometheusrules",
		"snapscheduler.backube/v1/SnapshotSchedule":   "snapshotschedules",
		"external-secrets.io/v1/ExternalSecret":       "externalsecrets",
		"external-secrets.io/v1alpha1/PushSecret":     "pushsecrets",
		"cert-manager.io/v1/Certificate":              "certificates",
		"autoscaling.k8s.io/v1/VerticalPodAutoscaler": "verticalpodautoscalers",
	}
}

// TestCookbook puts every recipe in force at once, over a cluster without members, and takes them away
// again: what they render is what is there, and then it is gone.
func TestCookbook(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "cookbook"), "acid-cookbook")
	k.installForeignKinds(t)
	k.grantForeignKinds(t)
	edits := []edit{
		instances(0), with(true, "spec", "enableConnectionPooler"),
		with(int64(1), "spec", "connectionPooler", "numberOfInstances"),
		with(map[string]any{"tier": "gold"}, "metadata", "labels"), with(map[string]any{"contact": "#db"}, "metadata", "annotations"),
	}
	c.apply(t, edits...)
	eventually(t, boot, "objects without overlays", func(ctx context.Context) error { return c.holds(ctx, nil) })
	before := c.shape(t)

	recipes := cookbookRecipes(t)
	require.GreaterOrEqual(t, len(recipes), 30)
	t.Cleanup(func() { k.dropOverlays(t) })
	for _, recipe := range recipes {
		require.NoError(t, k.Create(t.Context(), overlayConfigMap(recipe, c.namespace)))
	}
	eventually(t, boot, "what the recipes render", func(ctx context.Context) error { return c.holds(ctx, recipes) })
	t.Logf("%d recipes in force", len(recipes))
	for _, balanced := range []bool{true, false} { // the class of a load balancer is set when it becomes one
		c.apply(t, append(edits, with(balanced, "spec", "enableMasterLoadBalancer"))...)
		eventually(t, boot, "the load balancer follows", func(ctx context.Context) error { return c.holds(ctx, recipes) })
	}

	k.dropOverlays(t)
	eventually(t, boot, "no trace of the recipes", func(ctx context.Context) error {
		return errors.Join(c.holds(ctx, nil), c.lacksAdded(ctx, recipes))
	})
	require.Equal(t, before, c.shape(t))
}

// cookbookRecipes are the overlays of templates/overlays, by name.
func cookbookRecipes(t *testing.T) overlay.Set {
	t.Helper()
	root := filepath.Join("..", "templates", "overlays")
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	var set overlay.Set
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		files := map[string][]byte{}
		inside, err := os.ReadDir(filepath.Join(root, entry.Name()))
		require.NoError(t, err)
		for _, file := range inside {
			if overlay.IsFile(file.Name()) {
				files[file.Name()], err = os.ReadFile(filepath.Join(root, entry.Name(), file.Name()))
				require.NoError(t, err)
			}
		}
		o, err := overlay.New(entry.Name(), "cookbook", files)
		require.NoError(t, err)
		set = append(set, o)
	}
	return set
}

func overlayConfigMap(o overlay.Overlay, namespace string) *corev1.ConfigMap {
	data := map[string]string{}
	for _, file := range o.Files {
		data[file.Name] = string(file.Content)
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: operatorNamespace, Name: "cookbook-" + o.Name,
			Labels:      map[string]string{overlay.Label: "true", testLabel: "true"},
			Annotations: map[string]string{overlay.NamespacesAnnotation: namespace},
		},
		Data: data,
	}
}

func (k kube) dropOverlays(t *testing.T) {
	t.Helper()
	require.NoError(t, k.DeleteAllOf(context.Background(), &corev1.ConfigMap{}, client.InNamespace(operatorNamespace), client.MatchingLabels{testLabel: "true", overlay.Label: "true"}))
}

// rendered is what the operator has to make of the manifest, as `render` would.
func (c cluster) rendered(ctx context.Context, set overlay.Set) ([]render.Object, error) {
	pg, err := c.get(ctx)
	if err != nil {
		return nil, err
	}
	options, err := c.configuration(ctx)
	if err != nil {
		return nil, err
	}
	conf, err := config.FromConfigMap(options.Data, operatorNamespace)
	if err != nil {
		return nil, err
	}
	in := render.Input{Manifest: pg, Config: conf, Now: time.Now()}
	for _, role := range roles.Desired(pg, conf, roles.Extra{}).Roles {
		if role.NeedsSecret() {
			in.Credentials = append(in.Credentials, render.Credential{Role: role.Name, Kind: string(role.Kind), Username: role.Name, Password: "x"})
		}
	}
	view, err := render.NewView(in)
	if err != nil {
		return nil, err
	}
	renderer, err := render.New(set...)
	if err != nil {
		return nil, err
	}
	return renderer.Render(view)
}

// holds compares what is rendered with what is there. Data of Secrets are their own.
func (c cluster) holds(ctx context.Context, set overlay.Set) error {
	want, err := c.rendered(ctx, set)
	if err != nil {
		return err
	}
	var problems []error
	for _, o := range want {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(o.GroupVersionKind())
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), live); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", o.ID, err))
			continue
		}
		if o.GetKind() == "Secret" {
			delete(o.Object, "data")
		}
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations", names.UserListDigest) // of real passwords
		if o.GetKind() == "ServiceAccount" || o.GetKind() == "RoleBinding" {
			continue // made when missing, never changed
		}
		if lacks := missing(o.Object, live.Object, o.ID); lacks != "" {
			problems = append(problems, errors.New(lacks))
		}
	}
	return errors.Join(problems...)
}

// missing names a value that is wanted and not there. What is there beside it are defaults of Kubernetes.
func missing(want, live any, path string) string {
	switch want := want.(type) {
	case map[string]any:
		fields, ok := live.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if !ok {
				return path + " is not there"
			}
			if lacks := missing(want[key], fields[key], path+"."+key); lacks != "" {
				return lacks
			}
		}
		return ""
	case []any:
		items, _ := live.([]any)
		if len(items) != len(want) {
			return fmt.Sprintf("%s has %d items instead of %d", path, len(items), len(want))
		}
		for i := range want {
			if lacks := missing(want[i], items[i], fmt.Sprintf("%s[%d]", path, i)); lacks != "" {
				return lacks
			}
		}
		return ""
	}
	if fmt.Sprint(want) != fmt.Sprint(live) {
		return fmt.Sprintf("%s is %v instead of %v", path, live, want)
	}
	return ""
}

// lacksAdded: objects that only recipes make are gone.
func (c cluster) lacksAdded(ctx context.Context, set overlay.Set) error {
	with, err := c.rendered(ctx, set)
	if err != nil {
		return err
	}
	plain, err := c.rendered(ctx, nil)
	if err != nil {
		return err
	}
	var problems []error
	for _, o := range with {
		if slices.ContainsFunc(plain, func(p render.Object) bool { return p.ID == o.ID }) {
			continue
		}
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(o.GroupVersionKind())
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), live); !apierrors.IsNotFound(err) {
			problems = append(problems, errors.Join(fmt.Errorf("%s is still there", o.ID), err))
		}
	}
	return errors.Join(problems...)
}

// shape is what is specified of the cluster's objects: all that a recipe could leave behind.
func (c cluster) shape(t *testing.T) map[string]any {
	t.Helper()
	want, err := c.rendered(t.Context(), nil)
	require.NoError(t, err)
	shapes := map[string]any{}
	for _, o := range want {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(o.GroupVersionKind())
		require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(o), live))
		shapes[o.ID] = map[string]any{"spec": live.Object["spec"], "data": dataKeys(live), "labels": live.GetLabels(), "annotations": withoutRevision(live.GetAnnotations())}
	}
	return shapes
}

func dataKeys(o *unstructured.Unstructured) []string {
	data, _ := o.Object["data"].(map[string]any)
	return slices.Sorted(maps.Keys(data))
}

// withoutRevision leaves out what the Deployment controller counts.
func withoutRevision(annotations map[string]string) map[string]string {
	return maps.Collect(func(yield func(string, string) bool) {
		for key, value := range annotations {
			if !strings.HasPrefix(key, "deployment.kubernetes.io/") && !yield(key, value) {
				return
			}
		}
	})
}

// installForeignKinds registers stubs of kinds that other operators bring.
func (k kube) installForeignKinds(t *testing.T) {
	t.Helper()
	preserve := true
	for id, plural := range foreignKinds() {
		parts := strings.Split(id, "/")
		crd := &apiextensionsv1.CustomResourceDefinition{
			TypeMeta:   metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"},
			ObjectMeta: metav1.ObjectMeta{Name: plural + "." + parts[0], Labels: map[string]string{testLabel: "true"}, Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a stub for tests"}},
			Spec: apiextensionsv1.CustomResourceDefinitionSpec{
				Group: parts[0], Scope: apiextensionsv1.NamespaceScoped,
				Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: parts[2], Plural: plural},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
					Name: parts[1], Served: true, Storage: true,
					Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
						Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": {Type: "object", XPreserveUnknownFields: &preserve}},
					}},
				}},
			},
		}
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
		require.NoError(t, err)
		delete(object, "status")
		definition := &unstructured.Unstructured{Object: object}
		require.NoError(t, client.IgnoreAlreadyExists(k.Create(t.Context(), definition)))
		t.Cleanup(func() { _ = k.Delete(context.Background(), definition) })
	}
}

// grantForeignKinds lets the operator manage what recipes add, as their READMEs ask for.
func (k kube) grantForeignKinds(t *testing.T) {
	t.Helper()
	verbs := []string{"get", "list", "watch", "create", "patch", "delete"}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "postgres-operator-cookbook"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: verbs},
		{APIGroups: []string{"autoscaling"}, Resources: []string{"horizontalpodautoscalers"}, Verbs: verbs},
	}}
	for id, plural := range foreignKinds() {
		role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{strings.Split(id, "/")[0]}, Resources: []string{plural}, Verbs: verbs})
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: operatorNamespace, Name: operatorName}},
	}
	for _, o := range []client.Object{role, binding} {
		require.NoError(t, client.IgnoreNotFound(k.Delete(t.Context(), o)))
		o.SetResourceVersion("")
		require.NoError(t, k.Create(t.Context(), o))
		t.Cleanup(func() { _ = k.Delete(context.Background(), o) })
	}
}
