// Package image builds the container images of the local cluster on a bare
// Debian machine: no Docker engine, no registry, only Debian's mirror and Go.
//
// Every image becomes one OCI archive, which `ctr images import` reads. The
// layers come from three kinds of recipe:
//
//	debootstrap ─► base layer ─┬─► + postgresql, patroni … ─► spilo stand-in
//	                           └─► + pgbouncer ─────────────► pooler stand-in
//	go build ───► one static program ───────────────────────► pause, operator
//
// The Postgres and PgBouncer images are stand-ins: they carry the names which
// the shipped manifests refer to and honour the same environment, so that the
// same manifests work on any Kubernetes, but they are our own builds from
// Debian packages, meant for development and tests, never for production.
//
// Results are cached below one directory under a digest of their recipe
// (package lists, scripts, embedded program sources): a second run only reads
// the cache. A recipe does not pin package versions: delete the directory to
// build with what Debian offers today.
package image
