package render

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	apiv1 "postgres-operator/api/v1"
)

const (
	cpu    = "cpu"
	memory = "memory"

	// resourceLimits is the reason of the event that Zalando's operator emits
	// when it raises a limit.
	resourceLimits = "ResourceLimits"
)

// amounts are quantities by resource; a missing one counts as none.
type amounts map[string]resource.Quantity

// resourceDefaults holds the configured values of a class of containers.
type resourceDefaults struct {
	cpuRequest, memoryRequest, cpuLimit, memoryLimit string
}

func (p *policy) podDefaults() resourceDefaults {
	c := p.config
	return resourceDefaults{c.DefaultCPURequest, c.DefaultMemoryRequest, c.DefaultCPULimit, c.DefaultMemoryLimit}
}

// postgresResources computes the resources of the postgres container, the only
// one that the configured smallest limits and largest requests apply to.
func (p *policy) postgresResources() *ResourcesView {
	requests, limits := p.baseResources("spec.resources", p.spec.Resources, p.podDefaults())
	bounded := !p.annotated(p.config.IgnoreResourcesLimitsAnnotationKey)
	if bounded {
		p.raiseLimit(limits, cpu, "min_cpu_limit", p.config.MinCPULimit)
		p.raiseLimit(limits, memory, "min_memory_limit", p.config.MinMemoryLimit)
	}
	p.reconcile(requests, limits)
	if bounded {
		p.capRequest(requests, cpu, "max_cpu_request", p.config.MaxCPURequest)
		p.capRequest(requests, memory, "max_memory_request", p.config.MaxMemoryRequest)
	}
	return resourcesView(requests, limits)
}

// containerResources computes the resources of any other container.
func (p *policy) containerResources(field string, given *apiv1.Resources, defaults resourceDefaults) *ResourcesView {
	requests, limits := p.baseResources(field, given, defaults)
	p.reconcile(requests, limits)
	return resourcesView(requests, limits)
}

// baseResources takes the values of the manifest, and the configured ones
// where it has none. Huge pages have no configured values.
func (p *policy) baseResources(field string, given *apiv1.Resources, d resourceDefaults) (requests, limits amounts) {
	if given == nil {
		given = &apiv1.Resources{}
	}
	requests = p.amounts(field+".requests", given.ResourceRequests, d.cpuRequest, d.memoryRequest)
	limits = p.amounts(field+".limits", given.ResourceLimits, d.cpuLimit, d.memoryLimit)
	return requests, limits
}

func (p *policy) amounts(field string, d apiv1.ResourceDescription, defaultCPU, defaultMemory string) amounts {
	a := amounts{}
	for _, entry := range []struct {
		name     string
		value    *string
		fallback string
	}{
		{cpu, d.CPU, defaultCPU},
		{memory, d.Memory, defaultMemory},
		{"hugepages-2Mi", d.HugePages2Mi, ""},
		{"hugepages-1Gi", d.HugePages1Gi, ""},
	} {
		if entry.value != nil && !unset(*entry.value) {
			p.parse(a, entry.name, field+"."+entry.name, *entry.value)
		} else if !unset(entry.fallback) {
			p.parse(a, entry.name, "configuration", entry.fallback)
		}
	}
	return a
}

// unset tells whether a quantity is one of the spellings of "no opinion".
func unset(quantity string) bool { return quantity == "" || quantity == "0" || quantity == "null" }

func (p *policy) parse(a amounts, name, field, text string) {
	quantity, err := parseQuantity(text)
	if err != nil || quantity.Sign() < 0 {
		p.invalid(field, text, "no quantity of %s; examples are 500m and 1Gi", name)
		return
	}
	a[name] = quantity
}

// hugeExponent is what resource.Quantity reads, and then computes with for
// minutes.
var hugeExponent = regexp.MustCompile(`[eE][+-]?[0-9]{3,}$`)

func parseQuantity(text string) (resource.Quantity, error) {
	if hugeExponent.MatchString(text) {
		return resource.Quantity{}, fmt.Errorf("%q is too large or too small", text)
	}
	return resource.ParseQuantity(text)
}

// raiseLimit makes sure that a limit is at least the configured smallest one.
func (p *policy) raiseLimit(limits amounts, name, option, smallest string) {
	bound, ok := p.bound(option, smallest)
	limit := limits[name]
	if !ok || limit.Cmp(bound) >= 0 {
		return
	}
	limits[name] = bound
	p.warn(resourceLimits, "the %s limit %s of the postgres container is below %s and was raised to %s", name, limit.String(), option, smallest)
}

// capRequest makes sure that a request is at most the configured largest one.
func (p *policy) capRequest(requests amounts, name, option, largest string) {
	bound, ok := p.bound(option, largest)
	request, found := requests[name]
	if ok && found && request.Cmp(bound) > 0 {
		requests[name] = bound
	}
}

func (p *policy) bound(option, text string) (resource.Quantity, bool) {
	if unset(text) {
		return resource.Quantity{}, false
	}
	bound, err := parseQuantity(text)
	if err != nil { // the configuration was checked when it was read
		p.warn("Configuration", "%s: %s is no quantity", option, text)
	}
	return bound, err == nil
}

// reconcile raises limits to requests, which Kubernetes demands, and memory
// requests to limits where configured, so that no pod is evicted for using
// what it may use.
func (p *policy) reconcile(requests, limits amounts) {
	for _, name := range []string{cpu, memory} {
		request, requested := requests[name]
		limit, limited := limits[name]
		if requested && limited && limit.Cmp(request) < 0 {
			limits[name] = request
		}
	}
	request, limit := requests[memory], limits[memory]
	if p.config.SetMemoryRequestToLimit && request.Cmp(limit) < 0 {
		requests[memory] = limit
	}
}

// resourcesView writes quantities in their canonical form ("1000m" as "1"), as
// the API server stores them: any other form would look like a change.
func resourcesView(requests, limits amounts) *ResourcesView {
	view := ResourcesView{Requests: canonical(requests), Limits: canonical(limits)}
	if view.Requests == nil && view.Limits == nil {
		return nil
	}
	return &view
}

func canonical(a amounts) map[string]string {
	var texts map[string]string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if texts == nil {
			texts = map[string]string{}
		}
		quantity := a[name]
		texts[name] = quantity.String()
	}
	return texts
}
