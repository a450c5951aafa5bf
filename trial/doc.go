// Package trial finds out whether a set of overlays works, without risk for
// the process that asks.
//
// An evaluation of CUE cannot be cancelled: an overlay with a comprehension
// over a billion numbers would hold a worker of the operator for ever, and its
// memory with it. So a set is compiled, and rendered for every cluster there
// is, in a child process that may be killed: it gets the set and the clusters
// on its standard input, says what it is at and what came of it on its standard
// output, and has so much time and memory and no more. The child is the same
// program, started with another command, so it renders exactly as the operator
// will.
//
// The clusters are Views. Callers put placeholders where credentials would be.
package trial
