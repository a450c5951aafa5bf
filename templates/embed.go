// Package templates holds the shape of every Kubernetes object of a cluster,
// in CUE, one file per group of objects. Decisions are taken before, in
// package render; what they came to is the value `input`, which input.cue
// describes.
//
// Lists that Kubernetes keys by name (containers, volumes, env, volumeMounts,
// ports) are structs here, so that an overlay can add to them and change one
// entry; the renderer makes lists of them.
//
// A field written `*x | type` is open: a site may set it, or, where the type
// includes null, leave it to others. A field written bare is what Patroni or
// the operator depend on: an overlay that contradicts it fails, and the error
// names both places.
package templates

import "embed"

//go:generate go run postgres-operator/generate/inputdoc -root ..

// FS holds the built-in templates.
//
//go:embed *.cue
var FS embed.FS
