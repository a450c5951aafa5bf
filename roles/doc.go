// Package roles keeps what lives inside Postgres as the manifest and the configuration ask for it:
// roles, memberships, parameters, databases, schemas, extensions, default privileges and the
// look-up function of the connection pooler.
//
// Three plain values, three steps, and only the ends talk to a server:
//
//	Desired(manifest, configuration)  ─► Set    what should be there (pure)
//	Read(connection, Set)             ─► State  what is there (two queries, one more per database)
//	Diff(Set, State, passwords)       ─► Plan   ordered statements, printable, passwords masked (pure)
//	Execute(connection, Plan)         ─► Report what was done and what could not be
//
// Sync runs them, Preview stops at the Plan. When State has all of Set, Plan is empty and nothing is written.
//
// What is asked for is added and kept, what is not mentioned is left alone: people and applications
// change roles too, so nothing is dropped, and a flag or membership that the manifest does not name
// is never taken away.
//
// The hazard is that all of this runs as superuser in databases that belong to others. So every name
// and value is quoted by the driver, sessions look up names in pg_catalog only, and a clear-text
// password never travels: the server gets a verifier that is computed here. One item that fails
// stops only the items that need it.
package roles
