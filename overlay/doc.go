// Package overlay knows what a platform team lays over the built-in templates:
// sets of files, where they come from, in which order they count and which
// clusters they are for.
//
// An Overlay is a handful of files under one name: *.cue, which package render
// unifies with its templates or merges over finished objects, and *.yaml.tmpl,
// Go templates of objects. A Set is a list of them; a later one comes after
// the earlier ones. What the files mean is none of this package's business: it
// carries them as bytes, so that a set can be written down, digested, kept, and
// handed to another process.
package overlay
