// Package rollout decides what comes next when the pods of a cluster are not as the StatefulSet wants
// them. It decides only: Plan takes all facts as one value and returns one step with its reason; whoever
// calls it does the step, looks again and asks again. So nothing is remembered between two steps, and an
// operator that is killed goes on where it was.
//
//	nodes      the leadership leaves a node that goes, before all else        (nodes.go)
//	verdicts   for each pod: what differs, and what it takes                  (verdict.go, compare.go, parameters.go)
//	guards     why nothing may be touched now                                 (plan.go)
//	next step  replicas first, one at a time, switch over, primary last       (plan.go, candidate.go)
//	limits     what takes too long is called stuck, and waited for all the same (limits.go)
//
// The hazard is in the comparison and in the order. A StatefulSet has a new revision for differences that
// no running process can notice, and restarting databases for these is an outage without a cause. And a
// restart is safe only while all other members are there: one that was just recreated has to stream again
// before the next one goes, and the primary moves to a replica that is up to date before its pod is deleted.
package rollout
