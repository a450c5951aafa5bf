package render

import (
	"maps"

	"k8s.io/apimachinery/pkg/util/intstr"

	"postgres-operator/names"
)

// budgets decides about both disruption budgets. Where they are switched off
// they stay, opened: a removed budget would need somebody to notice when it is
// switched on again.
func (p *policy) budgets() BudgetsView {
	cluster := p.manifest.Name
	enabled := p.config.EnablePodDisruptionBudget && p.spec.NumberOfInstances > 0
	critical := maps.Clone(p.scheme.Selector(cluster))
	critical[names.CriticalOperation] = "true"
	primary := PrimaryBudgetView{
		Name:     names.PrimaryBudget(string(p.config.PDBNameFormat), cluster),
		Selector: p.scheme.Selector(cluster),
	}
	if p.config.PDBMasterLabelSelector {
		primary.Selector = p.scheme.RoleSelector(cluster, names.RoleMaster)
	}
	maxUnavailable := intstr.FromString("100%")
	if enabled {
		primary.MinAvailable = p.minAvailable()
		maxUnavailable = intstr.FromInt32(0)
	}
	return BudgetsView{
		Primary: primary,
		Critical: CriticalBudgetView{
			Name:           names.CriticalBudget(cluster),
			MaxUnavailable: maxUnavailable,
			Selector:       critical,
		},
	}
}

// minAvailable is how many of the selected pods have to stay. A budget over
// all members of a strictly synchronous cluster must leave the primary and
// every standby that a commit waits for.
func (p *policy) minAvailable() int32 {
	patroni := p.spec.Patroni
	if p.config.PDBMasterLabelSelector || !patroni.SynchronousModeStrict {
		return 1
	}
	return int32(patroni.SynchronousNodeCount) + 1
}
