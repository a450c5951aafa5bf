// Package pgbouncer speaks to the administration console of PgBouncer: it holds the clients of a pooler
// back while the server behind it changes, and lets them go on.
//
// The hazard is a pooler that stays paused: its clients wait, and after query_wait_timeout they get
// errors. PgBouncer does not resume by itself when whoever paused it is gone, so a caller notes
// that it pauses before it does, and has DeadMan's command run beside PgBouncer.
//
// The console is a database of the name pgbouncer, for those in admin_users.
// https://www.pgbouncer.org/usage.html#admin-console
package pgbouncer
