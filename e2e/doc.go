//go:build e2e

// Package e2e tests the operator as its users meet it: manifests go to a real
// Kubernetes, pods run, SQL answers.
//
// It needs the local Kubernetes of `make up` (`make e2e` starts it and sets the
// environment) and works on that one alone, because it replaces the operator
// there, changes its configuration and kills it. Clusters of others on it are
// left alone; namespaces that a broken run has left behind are removed.
//
// Nothing sleeps. What has to happen is polled for, with a limit generous
// enough for a machine that is busy otherwise; what must not happen is checked
// after something else that proves the operator has had its turn, such as a
// later manifest being served or a number of further reconciliations.
//
// Tests run one after another, each in its own namespace. When one fails it
// prints what a person would ask for first: the manifest's status, events, the
// end of the operator's log and of the pods' logs.
package e2e
