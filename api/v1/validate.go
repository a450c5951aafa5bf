package v1

import "k8s.io/apimachinery/pkg/util/validation/field"

// Validate checks what a schema cannot express. It does not depend on the operator's configuration.
func Validate(pg *Postgresql) field.ErrorList {
	var errs field.ErrorList
	if pg.Spec.TeamID == "" {
		errs = append(errs, field.Required(field.NewPath("spec", "teamId"), "name the team that owns the cluster"))
	}
	return errs
}
