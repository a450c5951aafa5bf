package controller

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

const postgresqlDefinition = "postgresqls." + apiv1.GroupName

// checkKinds refuses to work with a definition of the kind postgresql that has no place for
// conditions, as that of Zalando's operator: the API server would drop them, and with them the
// progress of every cluster. It matters where enable_crd_registration is off.
func checkKinds(ctx context.Context, c client.Client, conf config.Config) error {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := c.Get(ctx, types.NamespacedName{Name: postgresqlDefinition}, &definition); err != nil {
		return fmt.Errorf("read definition %s: %w", postgresqlDefinition, err)
	}
	for _, version := range definition.Spec.Versions {
		if version.Name != apiv1.GroupVersion.Version || version.Schema == nil || version.Schema.OpenAPIV3Schema == nil {
			continue
		}
		status := version.Schema.OpenAPIV3Schema.Properties["status"].Properties
		needed := []string{"conditions", "statefulSetGeneration", "patroniConfiguration", "rolledOutGeneration"}
		if conf.EnableTeamMemberDeprecation {
			needed = append(needed, "teamMembers")
		}
		for _, field := range needed {
			if _, ok := status[field]; !ok {
				return tooOld(field)
			}
		}
		return nil
	}
	return tooOld("version " + apiv1.GroupVersion.Version)
}

func tooOld(missing string) error {
	return fmt.Errorf("definition %s is too old: its status has no %s; "+
		"set enable_crd_registration, or apply manifests/postgresql.crd.yaml of this version", postgresqlDefinition, missing)
}
