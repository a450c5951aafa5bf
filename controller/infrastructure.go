package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"postgres-operator/config"
	"postgres-operator/roles"
)

// infrastructure reads the roles that Secrets and ConfigMaps describe for every cluster. They are watched:
// a change of any brings every cluster into the queues. Without all of them nothing is known, since a role
// that is missing by mistake would be missing in connection poolers, too.
func (s shared) infrastructure(ctx context.Context, c config.Config) (roles.InfrastructureRoles, error) {
	sources := roles.InfrastructureSources(c)
	for i := range sources {
		key := types.NamespacedName(sources[i].SecretName)
		data, err := s.references.secret(ctx, key)
		if err != nil {
			return roles.InfrastructureRoles{}, fmt.Errorf("infrastructure roles: %w", err)
		}
		sources[i].Data = data
		described, err := s.references.get(ctx, configMapKind, key)
		if err != nil {
			return roles.InfrastructureRoles{}, fmt.Errorf("infrastructure roles: %w", err)
		}
		if described != nil {
			sources[i].Descriptions, _, _ = unstructured.NestedStringMap(described.Object, "data")
		}
	}
	return roles.ReadInfrastructure(sources), nil
}
