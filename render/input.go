package render

import (
	"fmt"
	"time"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

// Input is everything that decides what a cluster's objects look like. What
// comes after it reads nothing else.
type Input struct {
	Manifest    *apiv1.Postgresql
	Config      config.Config
	Credentials []Credential
	Observed    Observed
	Now         time.Time
}

// Kinds of roles that own a credential.
const (
	KindSuperuser      = "superuser"
	KindReplication    = "replication"
	KindManifest       = "manifest"
	KindInfrastructure = "infrastructure"
	KindPrepared       = "prepared"
	KindPooler         = "pooler"
	KindStream         = "stream"
)

// Credential is a login that is handed out in a Secret. The controller makes
// passwords once, before rendering, and reads existing ones back.
type Credential struct {
	Role      string // the role in the manifest or configuration; names the Secret
	Kind      string // one of the Kind constants
	Namespace string // of the Secret; empty for the namespace of the cluster
	Username  string // in the database: Role, or a dated name after a rotation; empty for Role
	Password  string

	// NextRotation is when the password changes next, as RFC 3339. It is part
	// of the Secret once rotation was on for the role, and may then be empty.
	NextRotation string
	Rotates      bool

	// The login that the Secret hands out next; it is being made in Postgres.
	// Empty for none.
	PendingUsername string
	PendingPassword string
}

// Observed holds the live facts that change what is rendered.
type Observed struct {
	// StatefulSetExists makes the switches enable_sidecars and
	// enable_init_containers warnings only: they guard the creation of a
	// cluster, not the care for one that runs.
	StatefulSetExists bool

	// Replicas is the number of members that the live StatefulSet has, and
	// PrimaryOrdinal the number at the end of the name of the primary's pod, nil
	// while there is no primary.
	Replicas       int32
	PrimaryOrdinal *int

	// MajorVersion of Postgres that runs, and TemplateVersion that the pods of the
	// live StatefulSet are told; empty while unknown.
	MajorVersion    string
	TemplateVersion string

	// PodEnvironmentSecret holds the keys of the Secret that the option
	// pod_environment_secret names; nil when there is none.
	PodEnvironmentSecret []string

	// StreamsMissing: the kind of event streams is not installed, as far as is
	// known. StreamsPending: it is not known that the database has what new
	// streams read from. Streams holds the names of those that exist, by
	// application id; they stay.
	StreamsMissing bool
	StreamsPending bool
	Streams        map[string]string

	// BackupEnvironmentSecret holds the keys of the Secret that the option
	// logical_backup_cronjob_environment_secret names; nil when there is none.
	BackupEnvironmentSecret []string

	// PoolerUserLists holds, by role, what the annotation names.UserListDigest
	// of the pooler's Deployment says; nothing where there is no Deployment.
	PoolerUserLists map[string]string

	// PodEnvironmentConfigMap holds the data of the ConfigMap that the option
	// pod_environment_configmap names; nil when there is none.
	PodEnvironmentConfigMap map[string]string
}

// InputError says which field of a manifest cannot be rendered, and why.
type InputError struct {
	Field  string // path in the manifest, such as spec.volume.size
	Value  any    // as it stands there; nil when it is absent
	Reason string // what is wrong, and what is allowed
}

func (e *InputError) Error() string {
	if e.Value == nil {
		return e.Field + ": " + e.Reason
	}
	return fmt.Sprintf("%s: %v: %s", e.Field, e.Value, e.Reason)
}

// MissingError says which object of the cluster's environment is not there.
// It goes away when somebody creates the object.
type MissingError struct {
	Kind      string
	Namespace string
	Name      string
	Option    string // key of the configuration that asks for the object
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s %s/%s, named by the option %s, does not exist", e.Kind, e.Namespace, e.Name, e.Option)
}

// Warning is something in a manifest that has no or not the expected effect.
// The controller makes it an event.
type Warning struct {
	Reason  string // in CamelCase, as events have it
	Message string
}
