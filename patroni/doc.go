// Package patroni is a client of the REST API that Patroni serves in every
// database pod, on port 8008.
//
// Patroni decides who leads. The operator reads its view (Cluster, Status),
// changes the configuration that all members share (Config, ConfigDiff,
// PatchConfig, SetPause) and asks for operations (Restart, Switchover, Reload).
//
// The hazard is time. Patroni answers a restart or an immediate switchover only
// when it is over, which can take longer than anyone should wait for an answer.
// An answer that does not come in time is ErrUnknownOutcome: Patroni goes on,
// and the caller looks later what became of it.
//
// Reference: https://patroni.readthedocs.io/en/latest/rest_api.html; what
// answers look like is recorded in testdata/patroni from the versions named there.
package patroni
