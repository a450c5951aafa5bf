package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
	"postgres-operator/roles"
)

// DatabasePreview is what would be changed inside Postgres.
type DatabasePreview struct {
	// Statements in their order; they print with what is secret masked.
	Statements []roles.Statement
	// Problems are what cannot be done.
	Problems []roles.Problem
	// Unknown says why nothing was read.
	Unknown string
}

// previewDatabase reads what roles and databases a primary has, and compares as reconciler Roles does.
func (p *Previewer) previewDatabase(ctx context.Context, cluster *clusterPass) DatabasePreview {
	pg := cluster.pg
	pass := &rolesPass{roleSyncer: p.roles, config: p.options.Config, pg: pg}
	pass.members.known = membersIn(pg)
	if why := roles.Skip(pg, pass.config, pg.Spec.NumberOfInstances); why != "" {
		return DatabasePreview{Unknown: why}
	}
	if primaryOf(cluster.observed.pods, pass.config) == nil {
		return DatabasePreview{Unknown: "no member is primary"}
	}
	set, logins, err := pass.desired(ctx)
	if err != nil {
		return DatabasePreview{Unknown: oneLine(err)}
	}
	for _, made := range cluster.credentials {
		if logins.clear[made.Role] == "" {
			logins.clear[made.Role] = made.Password // there will be a Secret before there is the role
		}
	}
	ctx, cancel := context.WithTimeout(ctx, rolesTimeout)
	defer cancel()
	server := pass.connector(logins)
	server.Host = cluster.serviceAddress(names.Service(pg.Name, names.RoleMaster), server.Host)
	plan, err := roles.Preview(ctx, server, set, roles.Passwords{Clear: logins.clear})
	if err != nil {
		return DatabasePreview{Unknown: fmt.Sprintf("the primary of %s cannot be read: %s", client.ObjectKeyFromObject(pg), oneLine(err))}
	}
	return DatabasePreview{Statements: plan.Statements, Problems: plan.Problems}
}

// serviceAddress is the address of a Service, where it has one: outside of a cluster its name means nothing.
func (p *clusterPass) serviceAddress(name, otherwise string) string {
	for _, o := range p.observed.objects {
		if o.GetKind() != serviceKind.Kind || o.GetName() != name {
			continue
		}
		address, _, _ := unstructured.NestedString(o.Object, "spec", "clusterIP")
		if address != "" && address != corev1.ClusterIPNone {
			return address
		}
	}
	return otherwise
}
