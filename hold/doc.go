// Package hold decides whether a pod template may reach a cluster now, or whether the pods keep their
// shape until somebody lets the change through.
//
// A template has two kinds of authors. The user of a cluster writes its manifest, and a change of it goes
// through at once. The platform team owns the rest: the operator's version, its configuration, the
// templates. A change of that kind concerns the whole fleet, and where it would restart pods it waits: for
// a maintenance window, for an approval, for the cluster's turn in a wave.
//
// Which of the two a difference comes from is told by rendering, not by bookkeeping: the manifest that the
// present template was made from is rendered again, by the operator, configuration and templates of today.
// What is different then is the fleet's, and what the manifest of today adds to that is the user's. The
// user's part alone can be put on top of the present template.
//
// The package is pure: it sees three templates and the state of the gate.
package hold
