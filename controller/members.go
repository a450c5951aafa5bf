package controller

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

// members counts the pods of a cluster.
type members struct {
	wanted, exist, ready_, labelled int
	primary                         string
	trouble                         string // of the first pod that is not ready, as its containers tell it
}

// countMembers looks at the pods of a cluster that wants so many.
func countMembers(pods []corev1.Pod, wanted int, c config.Config) members {
	m := members{wanted: wanted}
	byName := slices.SortedFunc(slices.Values(pods), func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	for i := range byName {
		pod := &byName[i]
		if pod.DeletionTimestamp != nil {
			continue
		}
		m.exist++
		if pod.Labels[c.PodRoleLabel] != "" {
			m.labelled++
		}
		if podReady(pod) {
			m.ready_++
		} else if m.trouble == "" {
			m.trouble = podTrouble(pod, "pod "+pod.Name)
		}
	}
	if primary := primaryOf(pods, c); primary != nil {
		m.primary = primary.Name
	}
	return m
}

// complete tells whether every member is there, ready, and has its role.
func (m members) complete() bool {
	return m.exist == m.wanted && m.ready_ == m.wanted && m.labelled == m.wanted && (m.primary != "" || m.wanted == 0)
}

func (m members) ready() verdict {
	counted := fmt.Sprintf("%d of %d members are ready", m.ready_, m.wanted)
	if m.trouble != "" {
		counted += "; " + m.trouble
	}
	switch {
	case m.wanted == 0:
		return bad(apiv1.ConditionReady, reasonScaledToZero, "the cluster has no members")
	case m.primary == "":
		return bad(apiv1.ConditionReady, "NoPrimary", "no member is primary; "+counted)
	case !m.complete():
		return bad(apiv1.ConditionReady, "MembersMissing", counted)
	}
	return good(apiv1.ConditionReady, "PrimaryAndReplicasReady", counted)
}
