package rollout

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"postgres-operator/names"
)

// standbyParameters must not be lower in a standby than in its primary. A standby whose configuration
// asks for less keeps what its primary has until that has restarted, as Patroni sees to.
// https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN
func standbyParameters() []string {
	return []string{"max_connections", "max_prepared_transactions", "max_locks_per_transaction", "max_worker_processes", "max_wal_senders"}
}

// pendingRestart looks for parameters that take effect with a restart of Postgres. One that is of no use
// now, or was just made, is not due.
func pendingRestart(s State, pod Pod) (Action, string) {
	member, ok := s.member(pod.Name)
	if !ok || !member.PendingRestart {
		return Keep, ""
	}
	reason := pendingReason(member)
	switch {
	case s.held(member):
		return Held, reason
	case s.tried(pod, reason) && s.leaderPends(member):
		return Held, reason // of an older Patroni, which gives no reasons
	case s.tried(pod, reason):
		return Tried, reason
	}
	return Restart, reason
}

func pendingReason(member Member) string {
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(member.PendingReason)) {
		change := member.PendingReason[name]
		changes = append(changes, fmt.Sprintf("%s: %s → %s", name, change.Old, change.New))
	}
	if len(changes) == 0 {
		return "Patroni reports a pending restart"
	}
	return "Patroni reports a pending restart: " + strings.Join(changes, "; ")
}

// held tells whether a standby would come up with the same values again: it is to have lower ones than a
// primary that itself waits for its restart.
func (s State) held(m Member) bool {
	return len(m.PendingReason) > 0 && len(s.keeps(m)) == len(m.PendingReason)
}

// keeps are the changes that a member would wait for after a restart of its own as before.
func (s State) keeps(m Member) map[string]ParameterChange {
	kept := map[string]ParameterChange{}
	for name, change := range m.PendingReason {
		if s.leaderPends(m) && slices.Contains(standbyParameters(), name) && change.lowers() {
			kept[name] = change
		}
	}
	return kept
}

// leaderPends tells whether it is the leader's turn to restart before a member can get all that is new.
func (s State) leaderPends(m Member) bool {
	leader, led := s.leader()
	return led && leader.PendingRestart && leader.Name != m.Name
}

// lowered tells whether a member waits for a restart that lowers one of the parameters which a standby
// must not have below its primary, and for none that raises one.
func lowered(m Member) bool {
	lower := false
	for _, name := range standbyParameters() {
		if change, ok := m.PendingReason[name]; ok {
			if !change.lowers() {
				return false
			}
			lower = true
		}
	}
	return lower
}

// lowers is true for numbers of which the new one is less.
func (c ParameterChange) lowers() bool {
	before, errBefore := strconv.Atoi(c.Old)
	after, errAfter := strconv.Atoi(c.New)
	return errBefore == nil && errAfter == nil && after < before
}

// tried tells whether Postgres was restarted for the same reason already, in a cluster whose leader was
// in the same state, and not so long ago that it is time to try again. The annotation that says so is
// written after a restart: what Patroni reports of it must not restart a database in a circle.
func (s State) tried(pod Pod, reason string) bool {
	digest, when := lastRestart(pod)
	return digest == s.digest(pod, reason) && s.Now.Before(when.Add(max(s.Limits.Retry, s.settles())))
}

// reconnects is how long a standby may take to come back to a primary that was restarted, and to learn
// its parameters from it: wal_retrieve_retry_interval.
const reconnects = 5 * time.Second

// settles is how long after a restart Patroni may still report what was before it: members tell their
// state to the others once in a loop.
func (s State) settles() time.Duration { return cmp.Or(s.Patroni.Loop, 10*time.Second) + reconnects }

// restarting tells whether what Patroni says of a member may be from before its restart.
func (s State) restarting(pod Pod) bool {
	_, when := lastRestart(pod)
	return !when.IsZero() && s.Now.Before(when.Add(s.settles()))
}

// lastRestart reads the annotation of a restart in place.
func lastRestart(pod Pod) (digest string, when time.Time) {
	digest, at, _ := strings.Cut(pod.Annotations[names.PostgresRestarted], " ")
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return "", time.Time{}
	}
	return digest, when
}

// restartMark is the annotation of a restart that is made now.
func (s State) restartMark(pod Pod, reason string) map[string]*string {
	value := s.digest(pod, reason) + " " + s.Now.UTC().Format(time.RFC3339)
	return map[string]*string{names.PostgresRestarted: &value}
}

func (s State) digest(pod Pod, reason string) string {
	member, _ := s.member(pod.Name)
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, reason, s.leaderPends(member)) // a hash takes all
	return strconv.FormatUint(h.Sum64(), 36)
}
