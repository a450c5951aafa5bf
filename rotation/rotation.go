// Package rotation decides when the login that a Secret hands out changes, and to which. It is pure: time
// is an argument, and nothing is read or written.
//
// A rotation takes two steps, with Postgres in between, so that nobody who reads the Secret ever finds a
// login that does not work:
//
//	Next     ─► the Secret gets a pending login, which nobody uses yet
//	            Postgres gets it, beside the login that the Secret hands out
//	Promoted ─► the Secret hands out what was pending
//
// What is pending stands in the Secret and not in memory, so it does not matter when an operator is
// killed: the next one makes the same login, or finds it made, and goes on.
package rotation

import (
	"fmt"
	"slices"
	"time"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/roles"
)

// Mode is how the login of a role changes.
type Mode int

// The modes.
const (
	Off     Mode = iota
	Dated        // another login, named after the day, beside the old one
	InPlace      // the same login with another password
)

const day = 24 * time.Hour

// Policy is what manifest and configuration say about all roles of a cluster.
type Policy struct {
	global                   bool
	ignored, listed, inPlace []string
	interval, retention      time.Duration
}

// PolicyOf reads the manifest and the configuration.
func PolicyOf(m *apiv1.Postgresql, c config.Config) Policy {
	interval := time.Duration(c.PasswordRotationInterval) * day
	return Policy{
		global:    c.EnablePasswordRotation,
		ignored:   m.Spec.UsersIgnoringSecretRotation,
		listed:    m.Spec.UsersWithSecretRotation,
		inPlace:   m.Spec.UsersWithInPlaceSecretRotation,
		interval:  interval,
		retention: max(time.Duration(c.PasswordRotationUserRetention)*day, 2*interval),
	}
}

// Mode of a role. An error says why what is asked for cannot be; the role does not rotate then.
func (p Policy) Mode(role roles.Role) (Mode, error) {
	inPlace := slices.Contains(p.inPlace, role.Name)
	listed := inPlace || slices.Contains(p.listed, role.Name)
	global := p.global && !role.DatabaseOwner && (role.Kind == roles.Manifest || role.Kind == roles.Prepared)
	switch {
	case slices.Contains(p.ignored, role.Name) || !role.NeedsSecret() || !listed && !global:
		return Off, nil
	case !listed && !role.Login():
		return Off, nil
	case !role.Login():
		return Off, fmt.Errorf("role %q may not log in, so its password is not rotated", role.Name)
	case role.Kind == roles.Infrastructure:
		return Off, fmt.Errorf("the password of role %q comes from %s and is rotated there", role.Name, role.Field)
	case inPlace:
		return InPlace, nil
	case role.Kind == roles.Superuser || role.Kind == roles.Replication:
		return Off, fmt.Errorf("role %q is known to Patroni by its name, so its password can be rotated in place only: name it in spec.usersWithInPlaceSecretRotation", role.Name)
	}
	if _, err := roles.DatedLogin(role.Name, time.Time{}); err != nil {
		return Off, fmt.Errorf("not rotated: %w", err)
	}
	return Dated, nil
}

// KeptSince is the day before which dated logins are dropped.
func (p Policy) KeptSince(now time.Time) time.Time { return now.UTC().Truncate(day).Add(-p.retention) }

// Secret is what the Secret of a role holds.
type Secret struct {
	Username string // the login that it hands out
	Next     string // when that changes, RFC 3339; may be empty
	Known    bool   // it has a place for the date, because the role rotates or did
	Pending  string // the login that it hands out next; empty for none
}

// Step is how a Secret changes now.
type Step struct {
	Next    string // the date to write
	Known   bool
	Pending string    // the login to prepare with a new password; empty for none
	Again   time.Time // when to look again; zero for never
}

// Next is the step to do for a role in a mode. While a login is pending there is none: that one has to
// be brought to its end first.
func (p Policy) Next(role roles.Role, mode Mode, s Secret, now time.Time) Step {
	_, dated := roles.LoginDay(role.Name, s.Username)
	step := Step{Next: s.Next, Known: s.Known}
	switch {
	case s.Pending != "":
	case mode == Off && dated:
		step.Pending = role.Name
	case mode == Off:
		step.Next = ""
	default:
		due, next := p.due(s.Next, now)
		step.Next, step.Known = next.Format(time.RFC3339), true
		switch {
		case due && mode == Dated:
			step.Pending, _ = roles.DatedLogin(role.Name, now)
		case due || mode == InPlace && dated:
			step.Pending = role.Name
		default:
			step.Again = next
		}
	}
	return step
}

// due reads the date in a Secret. A date that is missing, unreadable, or further away than the
// interval, which may have become shorter, becomes that of now.
func (p Policy) due(stored string, now time.Time) (due bool, next time.Time) {
	latest := p.after(now)
	next, err := time.Parse(time.RFC3339, stored)
	if err != nil || next.After(latest) {
		return false, latest
	}
	return now.After(next), next.UTC()
}

// Promoted is the date to write when a pending login is handed out: that of its own end.
func (p Policy) Promoted(mode Mode, now time.Time) string {
	if mode == Off {
		return ""
	}
	return p.after(now).Format(time.RFC3339)
}

func (p Policy) after(now time.Time) time.Time {
	return now.UTC().Truncate(time.Second).Add(p.interval)
}
