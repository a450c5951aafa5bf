package upgrade

import "postgres-operator/patroni"

// State is everything that the decision rests on. Versions are major versions, 0 while unknown.
type State struct {
	// Wanted is the version that the cluster is to have, Known the one that ran when last seen.
	Wanted, Known int

	// Forbidden is why the configuration does not let this cluster upgrade; empty when it does.
	Forbidden string

	// Failed tells that an earlier attempt failed, and nobody has looked at it since.
	Failed bool

	// Window is until when a maintenance window is waited for; empty inside of one.
	Window string

	// Unsettled is why the pods are not as their StatefulSet wants them; empty when they are. The script
	// reads the wanted version from the environment of its pod.
	Unsettled string

	// Expected is the number of members that the cluster shall have.
	Expected int
	Members  []Member

	// Run is the upgrade that is under way, nil when there is none.
	Run *Run
}

// Member is one pod, as its own Patroni and the primary's view of the cluster tell it.
type Member struct {
	Pod     string
	Answers bool   // its Patroni
	Role    string // see package patroni
	State   string // of its Postgres
	Version int

	// Streams is false for a replica that does not stream; Lag is in bytes, negative while unknown.
	Streams bool
	Lag     int64
}

func (m Member) primary() bool { return m.Role == patroni.RolePrimary }

// Run is an upgrade that was claimed.
type Run struct {
	Pod      string
	From, To int

	// Begun: the script may have been started. Before, a claim can be given up as if it had not been.
	Begun bool

	Process Process
	Code    int    // with which it ended
	Said    string // the last line of its output
	Why     string // a Lost one was lost
}

// Process is what is known of the script in the pod.
type Process string

// What the script may be.
const (
	// Absent: it was never started.
	Absent Process = "absent"

	// Running: it has not ended.
	Running Process = "running"

	// Ended: it has left its exit code.
	Ended Process = "ended"

	// Lost: it ended without one, or its container did.
	Lost Process = "lost"

	// Unseen: the pod cannot be looked into at present.
	Unseen Process = "unseen"
)

// primary returns the member that leads, nil if none is known to.
func (s State) primary() *Member {
	for i := range s.Members {
		if s.Members[i].primary() {
			return &s.Members[i]
		}
	}
	return nil
}

// Version is what runs: of the primary or standby leader, else what was known before.
func (s State) Version() int {
	for _, m := range s.Members {
		if (m.primary() || m.Role == patroni.RoleStandbyLeader) && m.Version > 0 {
			return m.Version
		}
	}
	return s.Known
}

// standby tells whether the cluster follows a primary elsewhere.
func (s State) standby() bool {
	for _, m := range s.Members {
		if m.Role == patroni.RoleStandbyLeader {
			return true
		}
	}
	return false
}
