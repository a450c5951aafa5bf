package names

import "maps"

// Label keys and values that no option changes.
const (
	TeamLabel        = "team"
	ApplicationLabel = "application"
	PoolerLabel      = "connection-pooler"

	// PoolerApplication keeps pooler pods, which carry the role label too,
	// out of every selector of Postgres pods.
	PoolerApplication = "db-connection-pooler"
	BackupApplication = "spilo-logical-backup"

	// CriticalOperation, with the value "true", puts a pod under the critical
	// budget: during bootstrap and major upgrades.
	CriticalOperation = "critical-operation"
)

// Scheme is how an installation labels its objects: the options
// cluster_labels, cluster_name_label and pod_role_label.
type Scheme struct {
	Static  map[string]string
	NameKey string
	RoleKey string
}

// Owner is what of a cluster's manifest reaches the labels of its objects.
type Owner struct {
	Cluster   string
	Team      string
	Inherited map[string]string // see Pick
}

// Pick returns those entries of from whose key is listed, nil when none is.
// It gives the labels and annotations that objects inherit from a manifest.
func Pick(keys []string, from map[string]string) map[string]string {
	var picked map[string]string
	for _, key := range keys {
		value, found := from[key]
		if !found {
			continue
		}
		if picked == nil {
			picked = map[string]string{}
		}
		picked[key] = value
	}
	return picked
}

// Selector gives the labels that select everything of a cluster. They may not
// change during its life: selectors of a StatefulSet are immutable.
func (s Scheme) Selector(cluster string) map[string]string {
	labels := maps.Clone(s.Static)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[s.NameKey] = cluster
	return labels
}

// RoleSelector selects the members of a cluster in a role.
func (s Scheme) RoleSelector(cluster, role string) map[string]string {
	labels := s.Selector(cluster)
	labels[s.RoleKey] = role
	return labels
}

// Object gives the labels that an object of a cluster carries. Inherited
// labels come last, but never change what selectors rely on.
func (s Scheme) Object(o Owner) map[string]string {
	labels := map[string]string{TeamLabel: o.Team}
	maps.Copy(labels, o.Inherited)
	maps.Copy(labels, s.Selector(o.Cluster))
	return labels
}

// RoleObject gives the labels of an object that stands for a role.
func (s Scheme) RoleObject(o Owner, role string) map[string]string {
	labels := s.Object(o)
	labels[s.RoleKey] = role
	return labels
}

// PoolerSelector gives the labels that select the pods of a pooler.
func (s Scheme) PoolerSelector(cluster, role string) map[string]string {
	return poolerLabels(s.Selector(cluster), cluster, role)
}

// PoolerObject gives the labels that the Deployment and pods of a pooler carry.
func (s Scheme) PoolerObject(o Owner, role string) map[string]string {
	return poolerLabels(s.RoleObject(o, role), o.Cluster, role)
}

// BackupObject gives the labels of the backup CronJob, its jobs and pods.
func (s Scheme) BackupObject(o Owner) map[string]string {
	labels := s.Object(o)
	labels[ApplicationLabel] = BackupApplication
	return labels
}

func poolerLabels(labels map[string]string, cluster, role string) map[string]string {
	labels[ApplicationLabel] = PoolerApplication
	labels[PoolerLabel] = Pooler(cluster, role)
	return labels
}
