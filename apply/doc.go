// Package apply makes a Kubernetes cluster hold the objects it is given, and
// sends nothing when it does already. It knows nothing of what the objects are
// for.
//
// # Desired, live, change
//
// A [Request] holds the objects that shall be and those that are, the latter
// from the caller's informer caches. Comparing the two gives a [ChangeSet]:
// per object a verb and, field by field, what differs. [Applier.Plan] only
// computes it; [Applier.Apply] also executes it, in the order of a kind table,
// and goes on after an error.
//
// # What equal means
//
// A desired object is part of an object: it holds the fields its author has an
// opinion on. Server-side apply records who owns which field. Nothing is sent
// when both hold:
//
//   - the live object has every desired field with its value. Quantities are
//     compared as quantities (1000m is 1), and inside maps and lists that are
//     one value (a fieldRef, a StatefulSet's claim templates) what the API
//     server is known to fill in is no difference;
//   - our field manager owns exactly the desired fields. One more would be a
//     field that we sent earlier and must now remove; one less is a field that
//     somebody else has taken.
//
// Fields that we never sent belong to others and are not looked at.
//
// # Fixed points
//
// An admission webhook may change what we send, every time. Sending it again
// would be a fight without end. So when all differing fields are ours already,
// only their values being others, a dry-run apply tells what the API server
// would make of them: exactly what is there means that this is as near as the
// object gets, and nothing is sent. The answer is remembered in memory, by the
// desired object and what remains different, so that it is asked once per
// process and object and again only when one of the two changes. Nothing is
// stored on the object: after a restart, the owner entry in the object's
// managedFields shows again that the fields are ours, and one dry run gives
// the same answer.
//
// What remains different after an apply is remembered the same way. A webhook
// that writes another value each time is therefore met at most once per process.
//
// # Taking over
//
// Objects that another program wrote by plain updates ([Options.Legacy]) are
// adopted: its entry in managedFields becomes ours, then the object is applied.
// Fields with the same value stay untouched, fields that are no longer desired
// go. That takes two writes at most, once.
//
// # Deleting
//
// [Request.Previous] lists what was applied earlier. Of that, what is no longer
// desired is deleted if it still carries the caller's labels and was written
// by our field manager, unless its [Policy] keeps it. Nothing is deleted in a
// pass in which an apply failed: its replacement may be what failed.
//
// # Fields that cannot change
//
// Where the API server refuses changes (a StatefulSet's claim templates),
// [Policy.Immutable] says what to do. Recreating takes two passes: delete, with
// dependents orphaned, then, when the object is gone, create. Nothing waits
// between them and nothing is remembered: a process killed in the middle finds
// the object missing and creates it.
package apply
