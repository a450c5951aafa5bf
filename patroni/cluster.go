package patroni

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
)

// Roles of a member, as Cluster and Status name them.
const (
	RoleLeader        = "leader"         // Cluster: leads, and takes writes
	RolePrimary       = "primary"        // Status: takes writes; "master" before Patroni 4
	RoleStandbyLeader = "standby_leader" // leads a standby cluster: replicates from elsewhere
	RoleSyncStandby   = "sync_standby"   // Cluster: a replica that commits wait for
	RoleQuorumStandby = "quorum_standby" // Cluster: a replica that counts for the quorum, Patroni 4
	RoleReplica       = "replica"
)

// States of a member that matter to others than people. Patroni has more.
const (
	StateRunning         = "running"
	StateStreaming       = "streaming"           // Cluster, Patroni 3.0.4 and later: a replica connected to its source
	StateArchiveRecovery = "in archive recovery" // Cluster, Patroni 3.0.4 and later: a replica fed from the archive
	StateCreatingReplica = "creating replica"
)

// Cluster is the view of all members that they share.
type Cluster struct {
	Scope               string               `json:"scope"` // name of the cluster; Patroni 3.0 leaves it out
	Members             []Member             `json:"members"`
	Paused              bool                 `json:"pause"`
	ScheduledSwitchover *ScheduledSwitchover `json:"scheduled_switchover"`
}

// Member is one Postgres in a Cluster.
type Member struct {
	Name           string         `json:"name"`
	Role           string         `json:"role"`
	State          string         `json:"state"`
	APIURL         string         `json:"api_url"`
	Host           string         `json:"host"`
	Port           int            `json:"port"`
	Timeline       int64          `json:"timeline"` // 0 while unknown
	Lag            Lag            `json:"lag"`      // of a replica behind its leader
	ReceiveLag     Lag            `json:"receive_lag"`
	ReplayLag      Lag            `json:"replay_lag"`
	PendingRestart bool           `json:"pending_restart"`
	PendingReason  PendingReason  `json:"pending_restart_reason"` // Patroni 3.3 and later
	Tags           map[string]any `json:"tags"`
}

// ScheduledSwitchover is a switchover that waits for its time.
type ScheduledSwitchover struct {
	At   string `json:"at"`   // RFC 3339
	From string `json:"from"` // empty: whoever leads then
	To   string `json:"to"`   // empty: the best replica
}

// Leads tells whether the member is the leader of its cluster, be it a
// standby cluster or not.
func (m Member) Leads() bool { return m.Role == RoleLeader || m.Role == RoleStandbyLeader }

// Runs tells whether the member's Postgres is up.
func (m Member) Runs() bool {
	return m.State == StateRunning || m.State == StateStreaming || m.State == StateArchiveRecovery
}

// Leader returns the member that leads, if any does.
func (c Cluster) Leader() (Member, bool) {
	for _, m := range c.Members {
		if m.Leads() {
			return m, true
		}
	}
	return Member{}, false
}

// Member returns the member called name.
func (c Cluster) Member(name string) (Member, bool) {
	for _, m := range c.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// Lag is how far a replica is behind, in bytes of WAL.
type Lag struct {
	Bytes int64
	Known bool // false: not reported, as for leaders and members that just start
}

// UnmarshalJSON takes a number; Patroni writes "unknown" or nothing otherwise.
func (l *Lag) UnmarshalJSON(text []byte) error {
	var number json.Number
	if json.Unmarshal(text, &number) != nil {
		*l = Lag{}
		return nil
	}
	bytes, err := strconv.ParseInt(number.String(), 10, 64)
	*l = Lag{Bytes: bytes, Known: err == nil}
	return nil
}

// String returns the bytes or "unknown".
func (l Lag) String() string {
	if !l.Known {
		return "unknown"
	}
	return strconv.FormatInt(l.Bytes, 10)
}

// Cluster reads the view of all members: GET /cluster. Any member answers.
func (c *Client) Cluster(ctx context.Context) (Cluster, error) {
	var answer Cluster
	_, err := c.do(ctx, request{method: http.MethodGet, path: "cluster", idempotent: true}, &answer)
	return answer, err
}

// Members reads the members of the cluster, sorted by name.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	cluster, err := c.Cluster(ctx)
	return cluster.Members, err
}
