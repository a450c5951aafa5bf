package names

import (
	"regexp"
	"strings"
)

// maxTeamClusterName is what is left of a DNS label of 63 characters for a
// cluster's name when "-repl" is appended to it.
const maxTeamClusterName = 58

// dns1035 is a DNS label that starts with a letter, as services need it.
var dns1035 = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// DNS is what the public name of a service is made of.
type DNS struct {
	Format       string // placeholders {cluster} {namespace} {team} {hostedzone}
	LegacyFormat string // the same, {cluster} stands without its team prefix
	Cluster      string
	Namespace    string
	Team         string
	HostedZone   string
}

// Hostnames gives the value of the annotation ExternalDNSHostname: the name by
// Format and, for a cluster named after its team, also the one by LegacyFormat.
func (d DNS) Hostnames() string {
	hostnames := strings.ToLower(d.fill(d.Format, d.Cluster))
	short, found := WithoutTeam(d.Cluster, d.Team)
	if !found || d.LegacyFormat == "" {
		return hostnames
	}
	return hostnames + "," + strings.ToLower(d.fill(d.LegacyFormat, short))
}

func (d DNS) fill(format, cluster string) string {
	return Fill(format, map[string]string{
		"cluster":    cluster,
		"namespace":  d.Namespace,
		"team":       d.Team,
		"hostedzone": d.HostedZone,
	})
}

// WithoutTeam cuts the prefix "<team>-" off a cluster's name. It reports
// whether the name follows that scheme: it does when it starts with the team
// in upper or lower case, has something left behind it, is a DNS label, and is
// short enough for every name derived from it.
func WithoutTeam(cluster, team string) (short string, ok bool) {
	if team == "" || len(cluster) < len(team)+2 || len(cluster) > maxTeamClusterName {
		return "", false
	}
	if !strings.EqualFold(cluster[:len(team)+1], team+"-") || !dns1035.MatchString(cluster) {
		return "", false
	}
	return cluster[len(team)+1:], true
}

// Host is the name by which a service is reached from inside the Kubernetes
// cluster; domain is the option cluster_domain.
func Host(service, namespace, domain string) string {
	return service + "." + namespace + ".svc." + domain
}
