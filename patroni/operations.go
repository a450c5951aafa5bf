package patroni

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// unmet is what Patroni answers, with status 503, when nothing had to be
// restarted; seen with 3.0.2, 3.3.8 and 4.1.4.
const unmet = "restart conditions are not satisfied"

// RestartRequest limits a restart.
type RestartRequest struct {
	// OnlyPending restarts only when a changed parameter waits for it.
	OnlyPending bool
	// Timeout after which Patroni gives up, and fails over when the member is
	// the primary. 0 leaves it to primary_start_timeout.
	Timeout time.Duration
}

// Restart restarts the Postgres of this member, not its pod: POST /restart. It
// returns what Patroni says; that nothing was pending is no error. Patroni
// answers when the restart is over; an answer that does not come in time is
// ErrUnknownOutcome.
func (c *Client) Restart(ctx context.Context, r RestartRequest) (string, error) {
	body := map[string]any{}
	if r.OnlyPending {
		body["restart_pending"] = true
	}
	if r.Timeout > 0 {
		body["timeout"] = int(r.Timeout.Round(time.Second).Seconds())
	}
	said, err := c.operation(ctx, "restart", body)
	var refused *Error
	if errors.As(err, &refused) && strings.Contains(refused.Body, unmet) {
		return unmet, nil
	}
	return said, err
}

// SwitchoverRequest names who hands over to whom.
type SwitchoverRequest struct {
	Leader    string    // who leads now; another leader refuses the switchover
	Candidate string    // who is to lead; empty leaves it to Patroni
	At        time.Time // zero for now
}

// Switchover hands leadership over in order: POST /switchover. It returns what
// Patroni says. An immediate switchover is answered when it is over; an answer
// that does not come in time is ErrUnknownOutcome. A switchover that Patroni
// holds impossible is an *Error with status 412.
func (c *Client) Switchover(ctx context.Context, s SwitchoverRequest) (string, error) {
	body := map[string]any{"leader": s.Leader}
	if s.Candidate != "" {
		body["candidate"] = s.Candidate
	}
	if !s.At.IsZero() {
		body["scheduled_at"] = s.At.Format(time.RFC3339)
	}
	return c.operation(ctx, "switchover", body)
}

// Reload makes this member read its own configuration again: POST /reload.
func (c *Client) Reload(ctx context.Context) error {
	_, err := c.do(ctx, request{method: http.MethodPost, path: "reload", idempotent: true}, nil)
	return err
}

func (c *Client) operation(ctx context.Context, path string, body map[string]any) (string, error) {
	said, err := c.do(ctx, request{method: http.MethodPost, path: path, body: body}, nil)
	return strings.TrimSpace(said), err
}
