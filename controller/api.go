package controller

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
	"postgres-operator/web"
)

// apiClusters tells the REST API what it serves beside the work of the reconcilers, from the caches.
type apiClusters struct {
	shared
	options Options
}

// List implements web.Clusters.
func (a apiClusters) List(ctx context.Context) ([]web.Cluster, error) {
	var list apiv1.PostgresqlList
	if err := a.client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	var clusters []web.Cluster
	for i := range list.Items {
		if pg := &list.Items[i]; ownedBy(pg, a.controllerID) {
			clusters = append(clusters, apiCluster(pg))
		}
	}
	slices.SortFunc(clusters, func(a, b web.Cluster) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return clusters, nil
}

func apiCluster(pg *apiv1.Postgresql) web.Cluster {
	return web.Cluster{
		Namespace: pg.Namespace, Name: pg.Name, UID: string(pg.UID), Team: pg.Spec.TeamID,
		Status:    pg.Status.PostgresClusterStatus,
		Databases: slices.Sorted(maps.Keys(pg.Spec.Databases)),
	}
}

// Get implements web.Clusters.
func (a apiClusters) Get(ctx context.Context, key types.NamespacedName) (web.Cluster, error) {
	pg, err := readManifest(ctx, a.client, key)
	if err != nil {
		return web.Cluster{}, err
	}
	if pg == nil || !ownedBy(pg, a.controllerID) {
		return web.Cluster{}, fmt.Errorf("there is no cluster %s", key)
	}
	cluster := apiCluster(pg)
	if cluster.Spec, err = specOf(pg); err != nil {
		return web.Cluster{}, err
	}
	cluster.Objects, err = a.objects(ctx, key)
	return cluster, err
}

// specOf is the spec of a manifest as plain values.
func specOf(pg *apiv1.Postgresql) (map[string]any, error) {
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&pg.Spec)
	if err != nil {
		return nil, fmt.Errorf("take the spec of cluster %s/%s apart: %w", pg.Namespace, pg.Name, err)
	}
	return spec, nil
}

// objects are those that the API names, each where it exists.
func (a apiClusters) objects(ctx context.Context, key types.NamespacedName) (map[string]any, error) {
	c := a.settings.get()
	live, err := observeObjects(ctx, a.client, c, key)
	if err != nil {
		return nil, err
	}
	objects := map[string]any{}
	for field, wanted := range map[string]struct {
		kind schema.GroupVersionKind
		name string
	}{
		"MasterService":                 {serviceKind, names.Service(key.Name, names.RoleMaster)},
		"ReplicaService":                {serviceKind, names.Service(key.Name, names.RoleReplica)},
		"MasterEndpoint":                {endpointsKind, names.Service(key.Name, names.RoleMaster)},
		"ReplicaEndpoint":               {endpointsKind, names.Service(key.Name, names.RoleReplica)},
		"StatefulSet":                   {statefulSetKind, names.StatefulSet(key.Name)},
		"PrimaryPodDisruptionBudget":    {budgetKind, names.PrimaryBudget(string(c.PDBNameFormat), key.Name)},
		"CriticalOpPodDisruptionBudget": {budgetKind, names.CriticalBudget(key.Name)},
	} {
		if wanted.kind == endpointsKind && c.EtcdHost == "" && c.KubernetesUseConfigMaps {
			continue // they are Kubernetes' own there
		}
		for _, o := range live {
			if o.GetKind() == wanted.kind.Kind && o.GetName() == wanted.name && o.GetNamespace() == key.Namespace {
				objects[field] = o.Object
			}
		}
	}
	return objects, nil
}

// apiProcess is the state of the process as the API calls it. What this operator does not have is zero: a
// wait for definitions, a limit of its client.
type apiProcess struct {
	InfrastructureRoles  map[string]apiRole
	NoDatabaseAccess     bool
	NoTeamsAPI           bool
	CRDReadyWaitInterval int64
	CRDReadyWaitTimeout  int64
	ConfigMapName        string
	Namespace            string
	IgnoredAnnotations   []string
	EnableJsonLogging    bool //nolint:revive // as the API writes it
	KubeQPS              int
	KubeBurst            int
}

// apiRole is a role as the API shows it. Its password is masked.
type apiRole struct {
	Origin     int
	Name       string
	Namespace  string
	Password   string
	Flags      []string
	MemberOf   []string
	Parameters map[string]string
	AdminRole  string
	IsDbOwner  bool
	Deleted    bool
	Rotated    bool
	Degraded   bool
}

// originInfrastructure is the number by which the API tells where a role comes from.
const originInfrastructure = 2

// Configuration implements web.Clusters.
func (a apiClusters) Configuration(ctx context.Context) (process, options any, err error) {
	c := a.settings.get()
	_, source := a.options.Source.object()
	found, err := a.infrastructureRoles(ctx)
	if err != nil {
		return nil, nil, err
	}
	p := apiProcess{
		InfrastructureRoles: found,
		NoDatabaseAccess:    !c.EnableDBAccess,
		NoTeamsAPI:          !c.EnableTeamsAPI,
		ConfigMapName:       source.String(),
		Namespace:           a.options.Source.OperatorNamespace,
		IgnoredAnnotations:  c.IgnoredAnnotations,
		EnableJsonLogging:   a.options.JSONLog,
	}
	return p, c, nil
}

func (a apiClusters) infrastructureRoles(ctx context.Context) (map[string]apiRole, error) {
	infrastructure, err := a.infrastructure(ctx, a.settings.get())
	if err != nil {
		return nil, err
	}
	found := map[string]apiRole{}
	for _, role := range infrastructure.Roles {
		found[role.Name] = apiRole{
			Origin: originInfrastructure, Name: role.Name, Password: "***", Flags: role.Flags, MemberOf: role.MemberOf,
			Parameters: role.Parameters, AdminRole: role.AdminRole, IsDbOwner: role.DatabaseOwner,
		}
	}
	return found, nil
}
