// Package render turns facts about a Postgres cluster into the Kubernetes
// objects it consists of. It is pure: no client, no clock, no randomness, so
// that a test, a command and the controller get the same bytes for the same
// facts.
//
// There are two steps, and the line between them is the point of the package:
//
//	Input ──NewView──► View ──Renderer.Render──► []Object
//	        policy, Go        shape, CUE
//
// Policy is what needs a decision: which of manifest and configuration wins,
// limits, quantities, look-ups. It lives here, one file per topic, and ends in
// the View. Shape is where a value sits in an object. It lives in the package
// templates, and sites change it by overlays without touching Go.
//
// What cannot be rendered is an error that names its place: *InputError for a
// field of the manifest, *MissingError for an object that the configuration
// asks for, *TemplateError for a template or overlay, with file and line.
package render
