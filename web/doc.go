// Package web serves what the operator is doing, at the paths and in the shapes of the REST API of
// Zalando's operator: its UI and scripts wait on them.
//
// That operator has workers, each with a queue of events and one cluster at a time. Here reconcilers
// share the work on a cluster, and every one of them works on several. A Recorder sees what goes
// into their queues and comes out of them, and numbers clusters off to as many workers as are
// configured: a worker is idle when none of its clusters is worked on, waits in a queue, or waits
// to be looked at again.
//
// All of it is memory of this process, bounded by options, and gone with it. No answer holds a
// secret: what is served is masked here, whoever hands it over.
package web
