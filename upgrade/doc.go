// Package upgrade decides what comes next on the way of a cluster to another major version of
// Postgres. It decides only: Plan takes all facts as one value and returns one step with its reason.
//
//	due        the manifest asks for more than what runs, and is allowed to      (plan.go)
//	checks     every member runs, streams and is free of lag                     (check.go)
//	run        claimed, started in the primary's pod, running, ended or lost     (run.go)
//
// The hazard is the script in the primary's pod: it stops the database, replaces its data, and must
// neither be started twice nor be taken for finished when it was cut off. So a run is claimed in the
// cluster's status before anything is done, it goes on in the pod without the operator, and what came
// of it is read from what it left there. A run whose end nobody can know counts as failed.
package upgrade
