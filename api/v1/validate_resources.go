package v1

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The forms of quantities, as in the CustomResourceDefinition. They let through what Kubernetes does not
// take, such as the suffix K, so that what has the form is parsed, too.
var (
	memoryPattern = regexp.MustCompile(`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`)
	cpuPattern    = regexp.MustCompile(`^(\d+m|\d+(\.\d{1,3})?)$`)

	// sanePattern bounds digits and exponent: to compare 1e999999999 with anything takes Kubernetes'
	// arithmetic minutes and gigabytes.
	sanePattern = regexp.MustCompile(`^[\d.]{1,20}(e0*1?\d)?\D{0,2}$`)
)

const (
	memoryForm = `a number of bytes with an optional suffix Ki, Mi, Gi, Ti, Pi, Ei, M, G, T, P or E, such as "10Gi"`
	tooLarge   = "must be less than 8Ei, in 20 digits at most"
	cpuForm    = `a number of cores with at most three decimals, or of thousandths with suffix m, such as "500m" or "1.5"`
)

func validateVolume(spec *PostgresSpec, path *field.Path) field.ErrorList {
	volume, path := spec.Volume, path.Child("volume")
	errs := validateSize(volume.Size, path.Child("size"))
	errs = append(errs, dnsSubdomain(volume.StorageClass, path.Child("storageClass"))...)
	errs = append(errs, validateSubPath(volume.SubPath, path.Child("subPath"))...)
	errs = append(errs, atMost(volume.Iops, 80000, path.Child("iops"))...)
	errs = append(errs, atMost(volume.Throughput, 2000, path.Child("throughput"))...)
	return append(errs, metav1validation.ValidateLabelSelector(volume.Selector,
		metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
}

// validateSize checks the size of a volume: more than nothing, and no more than 64 bits can count.
func validateSize(size string, path *field.Path) field.ErrorList {
	if size == "" {
		return field.ErrorList{field.Required(path, "want "+memoryForm)}
	}
	quantity, errs := parseQuantity(size, memoryPattern, memoryForm, path)
	if len(errs) > 0 {
		return errs
	}
	if quantity.Sign() <= 0 {
		return field.ErrorList{field.Invalid(path, size, "must be more than 0")}
	}
	return nil
}

func validateResources(resources *Resources, path *field.Path) field.ErrorList {
	if resources == nil {
		return nil
	}
	errs := validateAmounts(resources.ResourceRequests, path.Child("requests"))
	return append(errs, validateAmounts(resources.ResourceLimits, path.Child("limits"))...)
}

func validateAmounts(amounts ResourceDescription, path *field.Path) field.ErrorList {
	errs := validateAmount(amounts.CPU, cpuPattern, cpuForm, path.Child("cpu"))
	errs = append(errs, validateAmount(amounts.Memory, memoryPattern, memoryForm, path.Child("memory"))...)
	errs = append(errs, validateAmount(amounts.HugePages2Mi, memoryPattern, memoryForm, path.Child("hugepages-2Mi"))...)
	return append(errs, validateAmount(amounts.HugePages1Gi, memoryPattern, memoryForm, path.Child("hugepages-1Gi"))...)
}

// validateAmount lets nil, "" and "null" pass: they stand for the default.
func validateAmount(amount *string, pattern *regexp.Regexp, form string, path *field.Path) field.ErrorList {
	if amount == nil || *amount == "" || *amount == "null" {
		return nil
	}
	_, errs := parseQuantity(*amount, pattern, form, path)
	return errs
}

// saneQuantities keeps from Kubernetes what its arithmetic would choke on. The rest is its to judge.
func saneQuantities(amounts corev1.ResourceList, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		quantity := amounts[name]
		if text := strings.TrimPrefix(quantity.String(), "-"); !sanePattern.MatchString(text) {
			errs = append(errs, field.Invalid(path.Key(string(name)), text, tooLarge))
		}
	}
	return errs
}

func parseQuantity(text string, pattern *regexp.Regexp, form string, path *field.Path) (resource.Quantity, field.ErrorList) {
	if !pattern.MatchString(text) {
		return resource.Quantity{}, field.ErrorList{field.Invalid(path, text, "want "+form)}
	}
	if !sanePattern.MatchString(text) {
		return resource.Quantity{}, field.ErrorList{field.Invalid(path, text, tooLarge)}
	}
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return quantity, field.ErrorList{field.Invalid(path, text, "Kubernetes does not take this quantity: want "+form)}
	}
	if quantity.CmpInt64(math.MaxInt64) >= 0 {
		return quantity, field.ErrorList{field.Invalid(path, text, tooLarge)}
	}
	return quantity, nil
}

// validateSubPath applies the rules of Kubernetes for the subPath of a mount.
func validateSubPath(subPath string, path *field.Path) field.ErrorList {
	if strings.HasPrefix(subPath, "/") {
		return field.ErrorList{field.Invalid(path, subPath, "must be a relative path")}
	}
	for part := range strings.SplitSeq(subPath, "/") {
		if part == ".." {
			return field.ErrorList{field.Invalid(path, subPath, `must not contain ".."`)}
		}
	}
	return nil
}
