package teams

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
)

func objects(specs ...apiv1.PostgresTeamSpec) Additions {
	var all []apiv1.PostgresTeam
	for _, spec := range specs {
		all = append(all, apiv1.PostgresTeam{Spec: spec})
	}
	return Merge(all)
}

type lists = map[string][]string

func TestTeamsOf(t *testing.T) {
	a := objects(
		apiv1.PostgresTeamSpec{
			AdditionalSuperuserTeams: lists{"acid": {"root"}, "root": {"acid", "gods"}},
			AdditionalTeams:          lists{"acid": {"b", "a"}, "b": {"c", "acid"}, "c": {"b"}},
		},
		apiv1.PostgresTeamSpec{AdditionalTeams: lists{"acid": {"a", "root", "d"}}},
	)
	all := Policy{SuperuserTeams: []string{"gods", "dba"}, AdditionalSuperuser: true}
	super := func(names ...string) (out []Team) {
		for _, name := range names {
			out = append(out, Team{name, true})
		}
		return out
	}
	for name, test := range map[string]struct {
		owner  string
		policy Policy
		want   []Team
	}{
		"through others, in circles": {"acid", all, append(super("root", "gods", "dba"), Team{"a", false}, Team{"b", false}, Team{"d", false}, Team{"c", false}, Team{"acid", false})},
		"superusers not allowed":     {"acid", Policy{}, []Team{{"a", false}, {"b", false}, {"d", false}, {"root", false}, {"c", false}, {"acid", false}}},
		"owner is superuser":         {"solo", Policy{OwnerIsSuperuser: true}, super("solo")},
		"owner is a superuser team":  {"dba", all, super("gods", "dba")},
		"no owner":                   {"", all, super("gods", "dba")},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, a.TeamsOf(test.owner, test.policy)) })
	}
}

func TestRoster(t *testing.T) {
	a := objects(
		apiv1.PostgresTeamSpec{AdditionalMembers: lists{"acid": {"eve"}, "virtual": {"ann", "bob"}}},
		apiv1.PostgresTeamSpec{AdditionalMembers: lists{"acid": {"eve", "dan"}}},
	)
	broken := errors.New("500 Internal Server Error")
	ask := func(team string) ([]string, error) {
		switch team {
		case "acid":
			return []string{"bob", "eve"}, nil
		case "stale":
			return []string{"joe"}, broken
		}
		return nil, ErrUnknownTeam
	}
	teams := []Team{{"virtual", true}, {"acid", false}, {"stale", false}, {"nowhere", false}}
	r := a.Roster(teams, Sources{Objects: true, Ask: ask})
	require.Equal(t, []Member{
		{Name: "ann", Superuser: true, Source: "virtual"},
		{Name: "bob", Superuser: true, Source: "virtual", Team: "acid"},
		{Name: "dan", Source: "acid"},
		{Name: "eve", Source: "acid", Team: "acid"},
		{Name: "joe", Source: "stale", Team: "stale"},
	}, r.Members)
	require.Equal(t, []string{"team stale: 500 Internal Server Error; its members keep the roles that they have"}, r.Failures)
	require.Equal(t, []string{"team nowhere: the Teams API does not know this team; roles that its members had stay"}, r.Warnings)
}

// Only who is certainly gone is gone.
func TestGone(t *testing.T) {
	answered := func(string) ([]string, error) { return nil, nil }
	failed := func(string) ([]string, error) { return nil, errors.New("broken") }
	unknown := func(string) ([]string, error) { return nil, ErrUnknownTeam }
	earlier := []Known{{"api", "acid"}, {"former", "team-of-another-owner"}, {"object", ""}, {"stays", ""}}
	for name, test := range map[string]struct {
		from Sources
		want []string
	}{
		"both asked":       {Sources{Objects: true, Ask: answered}, []string{"api", "former", "object"}},
		"API fails":        {Sources{Objects: true, Ask: failed}, []string{"former", "object"}},
		"API has no team":  {Sources{Objects: true, Ask: unknown}, []string{"former", "object"}},
		"API switched off": {Sources{Objects: true}, []string{"former", "object"}},
		"no objects":       {Sources{Ask: answered}, []string{"api", "former"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := objects(apiv1.PostgresTeamSpec{AdditionalMembers: lists{"acid": {"stays"}}})
			var gone []string
			for _, m := range a.Roster([]Team{{"acid", false}}, test.from).Gone(earlier) {
				gone = append(gone, m.Name)
			}
			require.Equal(t, test.want, gone)
		})
	}
}

func TestTogether(t *testing.T) {
	require.Equal(t, []Known{{"a", "1"}, {"b", ""}, {"c", "3"}}, Together([]Known{{"c", "3"}, {"a", "1"}}, []Known{{"a", "2"}, {"b", ""}}))
	require.Equal(t, []Known{{"a", ""}}, a1().Known())
}

func a1() Roster {
	return objects(apiv1.PostgresTeamSpec{AdditionalMembers: lists{"t": {"a"}}}).Roster([]Team{{"t", false}}, Sources{Objects: true})
}
