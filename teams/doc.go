// Package teams knows the people of teams, who get roles in the clusters of their team.
//
// Two sources say who they are. A Teams API is asked over HTTP, with a token, by [API]. PostgresTeam
// objects add members and teams to it, see [Additions]. [Additions.Roster] joins both for one cluster.
//
// The hazard is that an answer which is missing looks like a team that is empty. So a source that fails
// never takes anybody away: what was known last stays, and the roster says that it is not complete.
package teams
