package v1

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateScheduling applies the rules of Kubernetes for where pods may run. Without them a wrong value
// would show only when the StatefulSet is refused.
func validateScheduling(spec *PostgresSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, toleration := range spec.Tolerations {
		errs = append(errs, validateToleration(toleration, path.Child("tolerations").Index(i))...)
	}
	for i := range spec.TopologySpreadConstraints {
		errs = append(errs, validateSpread(&spec.TopologySpreadConstraints[i], path.Child("topologySpreadConstraints").Index(i))...)
	}
	return append(errs, validateNodeAffinity(spec.NodeAffinity, path.Child("nodeAffinity"))...)
}

func validateToleration(toleration corev1.Toleration, path *field.Path) field.ErrorList {
	errs := oneOf(toleration.Effect, path.Child("effect"),
		corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
	if toleration.Key != "" {
		errs = append(errs, problems(toleration.Key, path.Child("key"), validation.IsQualifiedName(toleration.Key))...)
	} else if toleration.Operator != corev1.TolerationOpExists {
		errs = append(errs, field.Invalid(path.Child("operator"), string(toleration.Operator), `must be "Exists" when key is empty`))
	}
	if toleration.Operator == corev1.TolerationOpExists && toleration.Value != "" {
		errs = append(errs, field.Invalid(path.Child("value"), toleration.Value, `must be empty when operator is "Exists"`))
	}
	if toleration.TolerationSeconds != nil && toleration.Effect != corev1.TaintEffectNoExecute {
		errs = append(errs, field.Invalid(path.Child("effect"), string(toleration.Effect), `must be "NoExecute" when tolerationSeconds is set`))
	}
	return errs
}

func validateSpread(spread *corev1.TopologySpreadConstraint, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spread.MaxSkew < 1 {
		errs = append(errs, field.Invalid(path.Child("maxSkew"), spread.MaxSkew, "must be 1 or more"))
	}
	if spread.TopologyKey == "" {
		errs = append(errs, field.Required(path.Child("topologyKey"), ""))
	} else {
		errs = append(errs, problems(spread.TopologyKey, path.Child("topologyKey"), validation.IsQualifiedName(spread.TopologyKey))...)
	}
	if spread.WhenUnsatisfiable == "" {
		errs = append(errs, field.Required(path.Child("whenUnsatisfiable"), ""))
	}
	errs = append(errs, oneOf(spread.WhenUnsatisfiable, path.Child("whenUnsatisfiable"), corev1.DoNotSchedule, corev1.ScheduleAnyway)...)
	return append(errs, metav1validation.ValidateLabelSelector(spread.LabelSelector,
		metav1validation.LabelSelectorValidationOptions{}, path.Child("labelSelector"))...)
}

func validateNodeAffinity(affinity *corev1.NodeAffinity, path *field.Path) field.ErrorList {
	if affinity == nil {
		return nil
	}
	var errs field.ErrorList
	if required := affinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		path := path.Child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
		if len(required.NodeSelectorTerms) == 0 {
			errs = append(errs, field.Required(path, "want at least one term"))
		}
		for i := range required.NodeSelectorTerms {
			errs = append(errs, validateTerm(&required.NodeSelectorTerms[i], path.Index(i))...)
		}
	}
	for i := range affinity.PreferredDuringSchedulingIgnoredDuringExecution {
		term := &affinity.PreferredDuringSchedulingIgnoredDuringExecution[i]
		path := path.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i)
		errs = append(errs, between(&term.Weight, 1, 100, path.Child("weight"))...)
		errs = append(errs, validateTerm(&term.Preference, path.Child("preference"))...)
	}
	return errs
}

func validateTerm(term *corev1.NodeSelectorTerm, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range term.MatchExpressions {
		expression, path := &term.MatchExpressions[i], path.Child("matchExpressions").Index(i)
		errs = append(errs, problems(expression.Key, path.Child("key"), validation.IsQualifiedName(expression.Key))...)
		errs = append(errs, validateRequirement(expression, path)...)
	}
	return errs
}

// validateRequirement checks that operator and values go together.
func validateRequirement(requirement *corev1.NodeSelectorRequirement, path *field.Path) field.ErrorList {
	values := path.Child("values")
	switch requirement.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		if len(requirement.Values) == 0 {
			return field.ErrorList{field.Required(values, `must be given when operator is "In" or "NotIn"`)}
		}
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
		if len(requirement.Values) > 0 {
			return field.ErrorList{field.Forbidden(values, `may not be given when operator is "Exists" or "DoesNotExist"`)}
		}
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		if len(requirement.Values) != 1 {
			return field.ErrorList{field.Required(values, `must be one number when operator is "Gt" or "Lt"`)}
		}
		if _, err := strconv.ParseInt(requirement.Values[0], 10, 64); err != nil {
			return field.ErrorList{field.Invalid(values.Index(0), requirement.Values[0], "want a number")}
		}
	default:
		return field.ErrorList{field.NotSupported(path.Child("operator"), requirement.Operator, []corev1.NodeSelectorOperator{
			corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn, corev1.NodeSelectorOpExists,
			corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt})}
	}
	return nil
}
