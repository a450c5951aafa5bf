package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
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
func (p *Previewer) previewDatabase(ctx context.Context, pg *apiv1.Postgresql, pods []corev1.Pod) DatabasePreview {
	pass := &rolesPass{roleSyncer: p.roles, config: p.options.Config, pg: pg}
	pass.members.known = membersIn(pg)
	if why := roles.Skip(pg, pass.config, pg.Spec.NumberOfInstances); why != "" {
		return DatabasePreview{Unknown: why}
	}
	if primaryOf(pods, pass.config) == nil {
		return DatabasePreview{Unknown: "no member is primary"}
	}
	set, passwords, err := pass.desired(ctx)
	if err != nil {
		return DatabasePreview{Unknown: oneLine(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, rolesTimeout)
	defer cancel()
	server := pass.connector(passwords)
	server.Host = p.options.Database(pg, server.Host)
	plan, err := roles.Preview(ctx, server, set, roles.Passwords{Clear: passwords})
	if err != nil {
		return DatabasePreview{Unknown: fmt.Sprintf("the primary of %s cannot be read: %s", client.ObjectKeyFromObject(pg), oneLine(err))}
	}
	return DatabasePreview{Statements: plan.Statements, Problems: plan.Problems}
}
