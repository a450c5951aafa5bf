package rotation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/roles"
)

var now = time.Date(2026, 11, 29, 23, 30, 0, 500, time.FixedZone("west", -3600)) // the 30th in UTC

func policy(change func(*config.Config, *apiv1.PostgresSpec)) Policy {
	c, m := config.Default(), &apiv1.Postgresql{}
	if change != nil {
		change(&c, &m.Spec)
	}
	return PolicyOf(m, c)
}

func role(name string, kind roles.Kind) roles.Role {
	return roles.Role{Name: name, Kind: kind, Flags: []string{"LOGIN"}}
}

func TestMode(t *testing.T) {
	p := policy(func(c *config.Config, s *apiv1.PostgresSpec) {
		c.EnablePasswordRotation = true
		s.UsersIgnoringSecretRotation = []string{"ignored", "both"}
		s.UsersWithSecretRotation = []string{"both", "owner", "postgres", "pooler", "fes_user", "robot", strings.Repeat("x", 58), "mute", "listed_twice"}
		s.UsersWithInPlaceSecretRotation = []string{"in_place", "standby", "owner_in_place", "listed_twice"}
	})
	owner, ownerInPlace := role("owner", roles.Manifest), role("owner_in_place", roles.Prepared)
	owner.DatabaseOwner, ownerInPlace.DatabaseOwner = true, true
	other := owner
	other.Name = "other_owner"
	reader, mute := role("db_reader", roles.Prepared), role("mute", roles.Manifest)
	reader.Flags, mute.Flags = []string{"NOLOGIN"}, []string{"NOLOGIN"}
	silent := mute
	silent.Name = "silent"
	for _, test := range []struct {
		role roles.Role
		mode Mode
		err  string
	}{
		{role: role("app", roles.Manifest), mode: Dated},
		{role: role("db_reader_user", roles.Prepared), mode: Dated},
		{role: reader}, {role: other}, {role: role("ignored", roles.Manifest)}, {role: role("both", roles.Manifest)}, {role: silent},
		{role: role("member", roles.Team)}, {role: role("other_robot", roles.Infrastructure)}, {role: role("admin_user", roles.Superuser)},
		{role: owner, mode: Dated}, {role: ownerInPlace, mode: InPlace}, {role: role("in_place", roles.Manifest), mode: InPlace},
		{role: role("pooler", roles.Pooler), mode: Dated}, {role: role("fes_user", roles.Stream), mode: Dated},
		{role: role("standby", roles.Replication), mode: InPlace}, {role: role("listed_twice", roles.Manifest), mode: InPlace},
		{role: role("postgres", roles.Superuser), err: "in place only"},
		{role: role("robot", roles.Infrastructure), err: "is rotated there"},
		{role: mute, err: "may not log in"},
		{role: role(strings.Repeat("x", 58), roles.Manifest), err: "leaves no room for a date"},
	} {
		mode, err := p.Mode(test.role)
		require.Equal(t, test.mode, mode, test.role.Name)
		if test.err == "" {
			require.NoError(t, err, test.role.Name)
		} else {
			require.ErrorContains(t, err, test.err)
		}
	}
	mode, err := policy(nil).Mode(role("app", roles.Manifest))
	require.NoError(t, err)
	require.Equal(t, Off, mode, "rotation is off as shipped")
}

func TestNext(t *testing.T) {
	p := policy(func(c *config.Config, _ *apiv1.PostgresSpec) { c.PasswordRotationInterval = 30 })
	const latest, soon, past = "2026-12-30T00:30:00Z", "2026-12-01T00:00:00Z", "2026-11-30T00:29:59Z"
	for i, test := range []struct {
		mode   Mode
		secret Secret
		want   string
	}{
		{Off, Secret{Username: "app"}, "date \"\" false, pending \"\""},
		{Off, Secret{Username: "app", Next: past, Known: true}, "date \"\" true, pending \"\""},
		{Off, Secret{Username: "app201031", Next: soon, Known: true}, "date " + quote(soon) + " true, pending \"app\""},
		{Dated, Secret{Username: "app"}, "date " + quote(latest) + " true, pending \"\", again"},
		{Dated, Secret{Username: "app", Known: true}, "date " + quote(latest) + " true, pending \"\", again"},
		{Dated, Secret{Username: "app", Next: "soon", Known: true}, "date " + quote(latest) + " true, pending \"\", again"},
		{Dated, Secret{Username: "app", Next: soon, Known: true}, "date " + quote(soon) + " true, pending \"\", again"},
		{Dated, Secret{Username: "app", Next: "2027-02-01T00:00:00Z", Known: true}, "date " + quote(latest) + " true, pending \"\", again"},
		{Dated, Secret{Username: "app201031", Next: past, Known: true}, "date " + quote(past) + " true, pending \"app261130\""},
		{Dated, Secret{Username: "app", Next: "2026-11-30T01:29:59+01:00", Known: true}, "date " + quote(past) + " true, pending \"app261130\""},
		{InPlace, Secret{Username: "app", Next: soon, Known: true}, "date " + quote(soon) + " true, pending \"\", again"},
		{InPlace, Secret{Username: "app", Next: past, Known: true}, "date " + quote(past) + " true, pending \"app\""},
		{InPlace, Secret{Username: "app201031", Next: soon, Known: true}, "date " + quote(soon) + " true, pending \"app\""},
		{Dated, Secret{Username: "app", Next: past, Known: true, Pending: "app"}, "date " + quote(past) + " true, pending \"\""},
		{Off, Secret{Username: "app201031", Next: past, Known: true, Pending: "app261129"}, "date " + quote(past) + " true, pending \"\""},
	} {
		step := p.Next(role("app", roles.Manifest), test.mode, test.secret, now)
		got := fmt.Sprintf("date %q %v, pending %q", step.Next, step.Known, step.Pending)
		if !step.Again.IsZero() {
			got += ", again"
			require.Equal(t, step.Next, step.Again.Format(time.RFC3339))
		}
		require.Equal(t, test.want, got, "case %d", i)
	}
}

func quote(text string) string { return fmt.Sprintf("%q", text) }

// Each date that is written is the date that is read: a second look changes nothing.
func TestDatesSettle(t *testing.T) {
	p := policy(nil)
	for _, stored := range []string{"", "2030-01-01T00:00:00Z", "nonsense"} {
		first := p.Next(role("app", roles.Manifest), Dated, Secret{Username: "app", Next: stored}, now)
		second := p.Next(role("app", roles.Manifest), Dated, Secret{Username: "app", Next: first.Next, Known: true}, now.Add(time.Hour))
		require.Equal(t, first, second)
	}
	require.Equal(t, "2027-02-28T00:30:00Z", p.Promoted(Dated, now))
	require.Empty(t, p.Promoted(Off, now))
}

func TestKeptSince(t *testing.T) {
	for _, test := range []struct {
		interval, retention uint32
		want                string
	}{{90, 180, "2026-06-03"}, {30, 30, "2026-10-01"}, {1, 10, "2026-11-20"}} {
		p := policy(func(c *config.Config, _ *apiv1.PostgresSpec) {
			c.PasswordRotationInterval, c.PasswordRotationUserRetention = test.interval, test.retention
		})
		require.Equal(t, test.want, p.KeptSince(now).Format(time.DateOnly))
	}
}
