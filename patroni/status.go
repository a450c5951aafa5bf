package patroni

import (
	"context"
	"encoding/json"
	"net/http"
)

// Status is what one member says of itself.
type Status struct {
	State            string         `json:"state"`
	Role             string         `json:"role"`           // RolePrimary, RoleStandbyLeader or RoleReplica
	ServerVersion    int64          `json:"server_version"` // 170004 is 17.4; 0 while Postgres is down
	Timeline         int64          `json:"timeline"`       // 0 while unknown
	ReplicationState string         `json:"replication_state"`
	SyncStandby      bool           `json:"sync_standby"`
	PendingRestart   bool           `json:"pending_restart"` // a changed parameter waits for a restart
	PendingReason    PendingReason  `json:"pending_restart_reason"`
	Paused           bool           `json:"pause"`
	Unlocked         bool           `json:"cluster_unlocked"` // nobody leads
	SystemIdentifier string         `json:"database_system_identifier"`
	XLog             XLog           `json:"xlog"`
	Replication      []Replication  `json:"replication"` // connections of replicas to this member
	Patroni          Identity       `json:"patroni"`
	Tags             map[string]any `json:"tags"`
}

// XLog holds WAL positions in bytes since the beginning of the WAL.
type XLog struct {
	Location         int64 `json:"location"`          // of a primary
	ReceivedLocation int64 `json:"received_location"` // of a replica
	ReplayedLocation int64 `json:"replayed_location"` // of a replica
	ReplayPaused     bool  `json:"paused"`
}

// Replication is a connection by which a replica follows.
type Replication struct {
	ApplicationName string `json:"application_name"` // name of the member
	ClientAddress   string `json:"client_addr"`
	User            string `json:"usename"`
	State           string `json:"state"`
	SyncState       string `json:"sync_state"`
}

// Identity names the Patroni that answers.
type Identity struct {
	Name    string `json:"name"` // Patroni 3.0 leaves it out
	Scope   string `json:"scope"`
	Version string `json:"version"`
}

// PendingReason says by parameter why a restart is due, where Patroni tells (3.3 and later do).
type PendingReason map[string]ValueChange

// ValueChange is a value in force and the one that a restart brings.
type ValueChange struct {
	Old any `json:"old_value"`
	New any `json:"new_value"`
}

// UnmarshalJSON drops a reason in a form that is not known: it explains, and
// must not hide the rest of the answer.
func (r *PendingReason) UnmarshalJSON(text []byte) error {
	var reasons map[string]ValueChange
	if json.Unmarshal(text, &reasons) != nil {
		reasons = nil
	}
	*r = reasons
	return nil
}

// Status reads what this member says of itself: GET /patroni. It answers while
// Postgres is down as well.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var answer Status
	if _, err := c.do(ctx, request{method: http.MethodGet, path: "patroni", idempotent: true}, &answer); err != nil {
		return Status{}, err
	}
	if answer.Role == "master" {
		answer.Role = RolePrimary
	}
	return answer, nil
}
