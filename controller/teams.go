package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/roles"
	"postgres-operator/teams"
)

// membersHold is how long an answer of the Teams API holds at most.
const membersHold = 5 * time.Minute

// teamObjects tells whether PostgresTeam objects are to be read. Their kind need not be installed: the
// option is on by default in one form of the configuration.
func teamObjects(mgr manager.Manager, c config.Config) bool {
	if !c.EnablePostgresTeamCRD {
		return false
	}
	if _, err := mgr.GetRESTMapper().RESTMapping(postgresTeamKind.GroupKind(), postgresTeamKind.Version); err != nil {
		mgr.GetLogger().Info("enable_postgres_team_crd has no effect: the kind PostgresTeam is not installed", "error", err.Error())
		return false
	}
	return true
}

// teamMembers is what a pass over roles knows of team members.
type teamMembers struct {
	roster teams.Roster
	gone   []teams.Known // former members whose roles are to be retired
	known  []teams.Known // what the status is to say
}

// addMembers puts the members of a cluster's teams where they get roles, and former ones where they lose
// their login. A source that fails is a problem, and takes nobody away.
func (p *rolesPass) addMembers(ctx context.Context, x *roles.Extra) {
	p.members.roster = p.roster(ctx)
	for _, m := range p.members.roster.Members {
		x.Members = append(x.Members, roles.TeamMember{Name: m.Name, Superuser: m.Superuser, Source: m.Source})
	}
	for _, failure := range p.members.roster.Failures {
		x.Problems = append(x.Problems, roles.Problem{Field: "enable_teams_api", Reason: failure})
	}
	if !p.config.EnableTeamMemberDeprecation {
		return
	}
	p.members.gone = p.members.roster.Gone(p.members.known)
	for _, m := range p.members.gone {
		x.Former = append(x.Former, m.Name)
	}
}

// roster asks who is in the teams of the cluster.
func (p *rolesPass) roster(ctx context.Context) teams.Roster {
	var additions teams.Additions
	from := teams.Sources{Objects: p.teamObjects}
	if from.Objects {
		var list apiv1.PostgresTeamList
		if err := p.client.List(ctx, &list); err != nil {
			return teams.Roster{Failures: []string{"list PostgresTeam objects: " + oneLine(err)}}
		}
		additions = teams.Merge(list.Items)
	}
	if p.config.EnableTeamsAPI {
		source, err := p.teamsSource(ctx)
		from.Ask = func(team string) ([]string, error) {
			if err != nil {
				return nil, err
			}
			members, err := p.teams.Members(ctx, source, team)
			if err != nil && !errors.Is(err, teams.ErrUnknownTeam) {
				err = errors.New(oneLine(err))
			}
			return members, err
		}
	}
	return additions.Roster(additions.TeamsOf(p.pg.Spec.TeamID, teams.Policy{
		SuperuserTeams:      p.config.PostgresSuperuserTeams,
		AdditionalSuperuser: p.config.EnablePostgresTeamCRDSuperusers,
		OwnerIsSuperuser:    p.config.EnableTeamSuperuser,
	}), from)
}

// teamsSource reads the token for the Teams API. Its Secret is watched.
func (p *rolesPass) teamsSource(ctx context.Context) (teams.Source, error) {
	const typeKey, tokenKey = "read-only-token-type", "read-only-token-secret"
	source := teams.Source{URL: p.config.TeamsAPIUrl, MaxAge: min(membersHold, p.config.ResyncPeriod/2)}
	name := p.config.OAuthTokenSecretName
	data, err := p.references.secret(ctx, types.NamespacedName(name))
	switch {
	case err != nil:
		return source, fmt.Errorf("token for the Teams API: %w", err)
	case data == nil:
		return source, fmt.Errorf("there is no Secret %s with the token for the Teams API: create it, or switch enable_teams_api off", name)
	case string(data[typeKey]) != "Bearer":
		return source, fmt.Errorf("secret %s with the token for the Teams API: %s has to be Bearer", name, typeKey)
	case len(data[tokenKey]) == 0:
		return source, fmt.Errorf("secret %s with the token for the Teams API: %s is missing or empty", name, tokenKey)
	}
	source.Token = strings.TrimSpace(string(data[tokenKey]))
	return source, nil
}

func membersIn(pg *apiv1.Postgresql) []teams.Known {
	var known []teams.Known
	for _, m := range pg.Status.TeamMembers {
		known = append(known, teams.Known(m))
	}
	return known
}

// rememberMembers writes down who is about to get a role, so that it can be taken back even by an operator
// that has just started. The roles are made when the status says so, which brings the cluster back.
func (p *rolesPass) rememberMembers(ctx context.Context) (wait bool, err error) {
	if !p.config.EnableTeamMemberDeprecation {
		p.members.known = nil
		return false, nil
	}
	p.members.known = teams.Together(p.members.roster.Known(), p.members.known)
	if slices.Equal(p.members.known, membersIn(p.pg)) {
		return false, nil
	}
	var said []verdict
	if c := meta.FindStatusCondition(p.pg.Status.Conditions, apiv1.ConditionRolesSynced); c != nil {
		said = append(said, verdict{c.Type, c.Status, c.Reason, c.Message})
	}
	return true, p.writeStatus(ctx, said...)
}

// forgetMembers leaves those out whose roles were retired.
func (p *rolesPass) forgetMembers(report roles.Report) {
	if report.Skipped > 0 {
		return
	}
	p.members.known = slices.DeleteFunc(p.members.known, func(m teams.Known) bool {
		return slices.Contains(p.members.gone, m) && !report.Failed(m.Name)
	})
}

// inStepVerdict says that all is as it should be, and what people should know of it.
func (p *rolesPass) inStepVerdict() verdict {
	const message = "roles and databases are as the manifest says"
	if warnings := p.members.roster.Warnings; len(warnings) > 0 {
		return good(apiv1.ConditionRolesSynced, reasonRoleWarnings, message+"; "+strings.Join(warnings, "; "))
	}
	return good(apiv1.ConditionRolesSynced, "Synced", message)
}

// memberList is the list of team members in a cluster's status.
type memberList []teams.Known

func (l memberList) differs(pg *apiv1.Postgresql) bool { return !slices.Equal(l, membersIn(pg)) }

func (l memberList) fields(*apiv1.Postgresql) map[string]any {
	var list []any
	for _, m := range l {
		entry := map[string]any{"name": m.Name}
		if m.Team != "" {
			entry["team"] = m.Team
		}
		list = append(list, entry)
	}
	if list == nil {
		return map[string]any{}
	}
	return map[string]any{"teamMembers": list}
}

// writeStatus writes verdicts and the list of members. A list that is out of date must not be written back:
// somebody on it would be forgotten.
func (p *rolesPass) writeStatus(ctx context.Context, verdicts ...verdict) error {
	w, list := p.roleSyncer.status, memberList(p.members.known)
	w.exact = list.differs(p.pg)
	return w.write(ctx, p.pg, list, verdicts)
}
