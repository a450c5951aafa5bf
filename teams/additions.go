package teams

import (
	"maps"
	"slices"
	"strings"

	apiv1 "postgres-operator/api/v1"
)

// Additions are what all PostgresTeam objects together add to teams, by team, each list sorted.
type Additions struct {
	SuperuserTeams map[string][]string
	Teams          map[string][]string
	Members        map[string][]string
}

// Merge joins objects: of lists for one team, each entry counts once.
func Merge(objects []apiv1.PostgresTeam) Additions {
	a := Additions{SuperuserTeams: map[string][]string{}, Teams: map[string][]string{}, Members: map[string][]string{}}
	for _, o := range objects {
		join(a.SuperuserTeams, o.Spec.AdditionalSuperuserTeams)
		join(a.Teams, o.Spec.AdditionalTeams)
		join(a.Members, o.Spec.AdditionalMembers)
	}
	return a
}

func join(into, more map[string][]string) {
	for team, entries := range more {
		into[team] = clean(slices.Concat(into[team], entries))
	}
}

// clean sorts names and drops empty and repeated ones.
func clean(all []string) []string {
	out := []string{}
	for _, name := range all {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// has tells whether the objects know a team, which then may be unknown to the API.
func (a Additions) has(team string) bool {
	if _, named := a.Members[team]; named {
		return true
	}
	for _, teams := range []map[string][]string{a.Teams, a.SuperuserTeams} {
		if _, named := teams[team]; named {
			return true
		}
		for entries := range maps.Values(teams) {
			if slices.Contains(entries, team) {
				return true
			}
		}
	}
	return false
}

// Policy is what the configuration says about teams.
type Policy struct {
	SuperuserTeams      []string // of every cluster
	AdditionalSuperuser bool     // objects may name superuser teams
	OwnerIsSuperuser    bool     // the owning team is one
}

// Team whose members get roles in a cluster.
type Team struct {
	Name      string
	Superuser bool
}

// TeamsOf lists the teams of a cluster: superuser teams, additional ones, and last its owner. A team that is
// added to another takes those along that are added to it.
func (a Additions) TeamsOf(owner string, p Policy) []Team {
	var super []string
	if p.AdditionalSuperuser {
		super = follow(a.SuperuserTeams, owner)
	}
	for _, team := range p.SuperuserTeams {
		if !slices.Contains(super, team) {
			super = append(super, team)
		}
	}
	var out []Team
	for _, team := range super {
		out = append(out, Team{team, true})
	}
	for _, team := range follow(a.Teams, owner) {
		if !slices.Contains(super, team) {
			out = append(out, Team{team, false})
		}
	}
	if owner != "" && !slices.Contains(super, owner) {
		out = append(out, Team{owner, p.OwnerIsSuperuser})
	}
	return out
}

// follow lists what is added to a team, directly or through others, in the order in which it is met.
func follow(added map[string][]string, start string) []string {
	var found []string
	seen := map[string]bool{start: true}
	for next := []string{start}; len(next) > 0; next = next[1:] {
		for _, team := range added[next[0]] {
			if !seen[team] {
				seen[team] = true
				found, next = append(found, team), append(next, team)
			}
		}
	}
	return found
}
