package teams

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Member of a team, by the name of the role.
type Member struct {
	Name      string
	Superuser bool   // as a member of any superuser team
	Source    string // the first team that has the member
	Team      string // the first in which the Teams API has the member; empty when only objects do
}

// Roster is who gets a role in one cluster.
type Roster struct {
	Members []Member // by name

	// Failures say why members may be missing or outdated. Warnings are for people to know.
	Failures, Warnings []string

	objects    bool     // PostgresTeam objects are honoured
	unanswered []string // teams of which the Teams API did not say who is in them
}

// Sources say who is in a team beside Additions.
type Sources struct {
	// Objects is true where PostgresTeam objects are honoured.
	Objects bool

	// Ask is the Teams API; nil where none is to be asked.
	Ask func(team string) ([]string, error)
}

// Roster joins the members of teams.
func (a Additions) Roster(teams []Team, from Sources) Roster {
	out := Roster{objects: from.Objects}
	members := map[string]Member{}
	add := func(team Team, name, api string) {
		m, known := members[name]
		if !known {
			m = Member{Name: name, Source: team.Name}
		}
		m.Superuser = m.Superuser || team.Superuser
		if m.Team == "" {
			m.Team = api
		}
		members[name] = m
	}
	for _, team := range teams {
		for _, name := range a.Members[team.Name] {
			add(team, name, "")
		}
		names, err := out.ask(team.Name, from)
		if errors.Is(err, ErrUnknownTeam) && !a.has(team.Name) {
			out.Warnings = append(out.Warnings, fmt.Sprintf("team %s: %s; roles that its members had stay", team.Name, err))
		}
		for _, name := range names {
			add(team, name, team.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		out.Members = append(out.Members, members[name])
	}
	return out
}

func (r *Roster) ask(team string, from Sources) ([]string, error) {
	if from.Ask == nil {
		r.unanswered = append(r.unanswered, team)
		return nil, nil
	}
	names, err := from.Ask(team)
	if err != nil {
		r.unanswered = append(r.unanswered, team)
	}
	if err != nil && !errors.Is(err, ErrUnknownTeam) {
		r.Failures = append(r.Failures, fmt.Sprintf("team %s: %s; its members keep the roles that they have", team, err))
	}
	return names, err
}

// Known is a member who has a role in a cluster: the name, and the team in which the Teams API had the
// member, empty when an object did.
type Known struct{ Name, Team string }

// Known are the members as they are to be remembered.
func (r Roster) Known() []Known {
	var all []Known
	for _, m := range r.Members {
		all = append(all, Known{m.Name, m.Team})
	}
	return all
}

// Gone are those of earlier members of whom it is certain that they left: their source was asked and does
// not name them any more.
func (r Roster) Gone(earlier []Known) []Known {
	var gone []Known
	for _, m := range earlier {
		named := slices.ContainsFunc(r.Members, func(now Member) bool { return now.Name == m.Name })
		certain := r.objects
		if m.Team != "" {
			certain = !slices.Contains(r.unanswered, m.Team)
		}
		if !named && certain {
			gone = append(gone, m)
		}
	}
	return gone
}

// Together are all members of two lists, by name. Of one who is in both, the first list tells the team.
func Together(first, second []Known) []Known {
	all := slices.Concat(first, second)
	slices.SortStableFunc(all, func(a, b Known) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b Known) bool { return a.Name == b.Name })
}
