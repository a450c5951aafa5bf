// Package v1 holds the Kubernetes API of the operator: the manifest of a Postgres cluster
// ([Postgresql]), the operator's own configuration as an object ([OperatorConfiguration]) and extra
// team members ([PostgresTeam]).
//
// The types say what a user may write and nothing about what becomes of it. Three layers guard them:
//
//  1. the CustomResourceDefinitions, generated from the markers in this package, are enforced by the
//     API server: types, patterns, enumerations and CEL rules;
//  2. [Validate] checks what a schema cannot express, and answers offline what the API server or
//     Kubernetes would refuse later;
//  3. [DecodeStrict] reads a manifest file the way the API server would with strict field validation.
//
// Reading never fails for a whole list because of one bad object: a [Postgresql] that does not decode
// is kept with its metadata and the reason, see [Postgresql.UnmarshalJSON].
//
// +kubebuilder:object:generate=true
// +groupName=acid.zalan.do
package v1
