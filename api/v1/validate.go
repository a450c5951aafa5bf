package v1

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxNameLength is the longest name of a cluster. Every pod has the label controller-revision-hash,
// which is the name of the StatefulSet, a dash and up to ten digits, and at most 63 characters long
// (k8s.io/kubernetes/pkg/controller/history, HashControllerRevision).
const maxNameLength = 52

// longestSuffix is that of the Service of the replicas' pooler. A Service has at most 63 characters.
const longestSuffix = "-pooler-repl"

// checks are the rules for a spec, in the order in which they are reported.
func checks() []func(*PostgresSpec, *field.Path) field.ErrorList {
	return []func(*PostgresSpec, *field.Path) field.ErrorList{
		validateBasics, validateVolume, validatePatroni, validateRoles, validateClone, validateStandby,
		validateServices, validatePooler, validateContainers, validateAdditionalVolumes,
		validatePod, validateScheduling, validateBackup, validateTLS, validateStreams,
	}
}

// Validate reports what is wrong with a manifest whatever the operator's configuration: what the
// CustomResourceDefinition forbids, and what Kubernetes would refuse later, when the objects of the
// cluster are created. Each error names the field, its value and what is allowed.
func Validate(pg *Postgresql) field.ErrorList {
	errs := validateName(pg)
	if pg.DecodeError != "" {
		where, reason, _ := strings.Cut(pg.DecodeError, ": ")
		return append(errs, &field.Error{
			Type: field.ErrorTypeTypeInvalid, Field: where, BadValue: field.OmitValueType{}, Detail: reason,
		})
	}
	path := field.NewPath("spec")
	for _, check := range checks() {
		errs = append(errs, check(&pg.Spec, path)...)
	}
	return errs
}

// Policy are the options of the operator's configuration that forbid things in manifests.
//
// +kubebuilder:object:generate=false
type Policy struct {
	// TeamPrefix wants the name of a cluster to start with its team (enable_team_id_clustername_prefix).
	TeamPrefix bool
	// NoSidecars and NoInitContainers forbid these (enable_sidecars, enable_init_containers).
	NoSidecars, NoInitContainers bool
}

// ValidatePolicy reports what the operator's configuration forbids. It assumes that Validate was
// content.
func ValidatePolicy(pg *Postgresql, policy Policy) field.ErrorList {
	var errs field.ErrorList
	spec := field.NewPath("spec")
	if policy.TeamPrefix {
		name, prefix := strings.ToLower(pg.Name), strings.ToLower(pg.Spec.TeamID)+"-"
		switch {
		case pg.Spec.TeamID == "":
			errs = append(errs, field.Required(spec.Child("teamId"), "the name of a cluster must start with its team"))
		case !strings.HasPrefix(name, prefix) || name == prefix:
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), pg.Name,
				fmt.Sprintf("must start with the team and a dash, %q, and go on from there", prefix)))
		}
	}
	if policy.NoSidecars && len(pg.Spec.Sidecars) > 0 {
		errs = append(errs, field.Forbidden(spec.Child("sidecars"), "switched off by enable_sidecars of the operator's configuration"))
	}
	if policy.NoInitContainers && len(pg.Spec.InitContainers) > 0 {
		errs = append(errs, field.Forbidden(spec.Child("initContainers"), "switched off by enable_init_containers of the operator's configuration"))
	}
	return errs
}

// validateName checks the name of a cluster, which is also that of its StatefulSet, its primary's
// Service and its pods.
func validateName(pg *Postgresql) field.ErrorList {
	path := field.NewPath("metadata", "name")
	if pg.Name == "" {
		return field.ErrorList{field.Required(path, "name the cluster")}
	}
	limit, why := maxNameLength, "Kubernetes puts it, with 11 more, into a label of each pod"
	if on := pg.Spec.EnableReplicaConnectionPooler; on != nil && *on {
		limit, why = 63-len(longestSuffix), fmt.Sprintf("with %q it is the Service of the replicas' pooler", longestSuffix)
	}
	if len(pg.Name) > limit && !pg.Status.hasRun() {
		return field.ErrorList{field.Invalid(path, pg.Name, fmt.Sprintf(
			"must be no more than %d characters, it has %d: %s", limit, len(pg.Name), why))}
	}
	return problems(pg.Name, path, validation.IsDNS1035Label(pg.Name))
}

// hasRun is true of a cluster that was made: whatever its name, it has proved to work.
func (s PostgresStatus) hasRun() bool {
	return slices.Contains([]string{ClusterStatusRunning, ClusterStatusUpdating, ClusterStatusUpdateFailed, ClusterStatusSyncFailed},
		s.PostgresClusterStatus)
}

func versions() []string { return []string{"14", "15", "16", "17", "18"} }

func validateBasics(spec *PostgresSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, problem := range validation.IsValidLabelValue(spec.TeamID) {
		errs = append(errs, field.Invalid(path.Child("teamId"), spec.TeamID, "becomes a label: "+problem))
	}
	if spec.NumberOfInstances < 0 {
		errs = append(errs, field.Invalid(path.Child("numberOfInstances"), spec.NumberOfInstances, "must be 0 or more"))
	}
	if !slices.Contains(versions(), spec.Postgresql.PgVersion) {
		errs = append(errs, field.NotSupported(path.Child("postgresql", "version"), spec.Postgresql.PgVersion, versions()))
	}
	errs = append(errs, validateImage(spec.DockerImage, path.Child("dockerImage"))...)
	return append(errs, validateResources(spec.Resources, path.Child("resources"))...)
}

func validatePatroni(spec *PostgresSpec, path *field.Path) field.ErrorList {
	patroni, path := spec.Patroni, path.Child("patroni")
	errs := fits32(patroni.TTL, path.Child("ttl"))
	errs = append(errs, fits32(patroni.LoopWait, path.Child("loop_wait"))...)
	errs = append(errs, fits32(patroni.RetryTimeout, path.Child("retry_timeout"))...)
	return append(errs, fits32(patroni.SynchronousNodeCount, path.Child("synchronous_node_count"))...)
}

// fits32 reports what the schema's format int32 does not take.
func fits32(value uint32, path *field.Path) field.ErrorList {
	if value <= math.MaxInt32 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value, fmt.Sprintf("must be %d or less", math.MaxInt32))}
}

// matches reports a value that does not have the form of a pattern. An empty value is an absent one.
func matches(value string, pattern *regexp.Regexp, path *field.Path, want string) field.ErrorList {
	if value == "" || pattern.MatchString(value) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value, "want "+want)}
}

// oneOf reports a value that is none of those allowed. An empty value is an absent one.
func oneOf[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}

// between reports a number outside of its bounds. An absent number is fine.
func between[T int32 | int64](value *T, low, high T, path *field.Path) field.ErrorList {
	if value == nil || (low <= *value && *value <= high) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, *value, fmt.Sprintf("must be between %d and %d", low, high))}
}

func atMost(value *int32, high int32, path *field.Path) field.ErrorList {
	if value == nil || *value <= high {
		return nil
	}
	return field.ErrorList{field.Invalid(path, *value, fmt.Sprintf("must be %d or less", high))}
}

// dnsLabel reports a name that Kubernetes does not take for a container or a volume.
func dnsLabel(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return problems(name, path, validation.IsDNS1123Label(name))
}

// dnsSubdomain reports a name that Kubernetes does not take for most objects. Empty is absent.
func dnsSubdomain(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	return problems(name, path, apivalidation.NameIsDNSSubdomain(name, false))
}

func problems(value any, path *field.Path, texts []string) field.ErrorList {
	var errs field.ErrorList
	for _, text := range texts {
		errs = append(errs, field.Invalid(path, value, text))
	}
	return errs
}
