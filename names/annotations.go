package names

// Annotations on manifests.
const (
	// ControllerAnnotation names the operator, by its CONTROLLER_ID, that a
	// manifest belongs to.
	ControllerAnnotation = APIGroup + "/controller"

	// ScaleIn on a StatefulSet is the number of members that it will have once
	// the primary is one of those that stay.
	ScaleIn = APIGroup + "/scale-in"

	// FleetChangePolicy overrides the option fleet_change_policy for one cluster.
	FleetChangePolicy = APIGroup + "/fleet-change-policy"

	// FleetChange approves a change that waits: it holds the digest that the
	// status names, or the word "approved" for whatever waits just now, which
	// the operator replaces by that digest.
	FleetChange = APIGroup + "/fleet-change"

	// RenderedFrom on a StatefulSet holds the pod template as it was applied,
	// and the manifest that it was made from.
	RenderedFrom = APIGroup + "/rendered-from"

	// UpgradeSuccess and UpgradeFailure hold the time of the last major
	// upgrade. A failure blocks further attempts until it is removed.
	UpgradeSuccess = "last-major-upgrade-success"
	UpgradeFailure = "last-major-upgrade-failure"
)

// Annotations on the objects of a cluster.
const (
	// ClusterAnnotation on a Secret outside the namespace of its cluster holds
	// <namespace>/<name> of that cluster: there may be one of the same name in
	// the namespace of the Secret.
	ClusterAnnotation = APIGroup + "/cluster"

	// OverlayObject on an object that an overlay adds holds its id.
	OverlayObject = APIGroup + "/overlay-object"

	// RollingUpdateRequired, with the value "true", asks for the recreation of
	// a pod. Users may set it too.
	RollingUpdateRequired = "zalando-postgres-operator-rolling-update-required"

	// RollingUpdateFor stands beside it on pods that the operator itself has
	// marked, with the revision of the StatefulSet that they lack. When a
	// manifest is changed back, such marks go.
	RollingUpdateFor = APIGroup + "/rolling-update-for"

	// PostgresRestarted on a pod holds what its Postgres was last restarted in
	// place for, as a digest, and when.
	PostgresRestarted = APIGroup + "/postgres-restarted"

	// UserListDigest on a pooler's Deployment names the user list that its first
	// pods have read, and on its pods a later one: PgBouncer reads it at its
	// start alone.
	UserListDigest = APIGroup + "/user-list"

	// PoolerPause on the Deployment of the primary's pooler tells that PgBouncer
	// is being held back around a switchover: pausing or paused, and since when.
	PoolerPause = APIGroup + "/pooler-pause"

	// KubeIAMRole is read by kube2iam and kiam: the AWS role of a pod.
	KubeIAMRole = "iam.amazonaws.com/role"

	// RoleARN on a service account gives its pods an AWS role by web identity.
	// https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
	RoleARN = "eks.amazonaws.com/role-arn"

	// ExternalDNSHostname on a service is read by external-dns: the names,
	// comma separated, to publish for its load balancer.
	ExternalDNSHostname = "external-dns.alpha.kubernetes.io/hostname"

	StreamCPU    = "fes.zalando.org/FES_CPU"
	StreamMemory = "fes.zalando.org/FES_MEMORY"
)

// Finalizer holds a manifest until the objects of its cluster are gone.
const Finalizer = "postgres-operator." + APIGroup

// Field managers, one per writer: each owns exactly the fields that it alone
// decides about, so that the writers never undo one another.
const (
	ManagerCluster = "postgres-operator/cluster"
	ManagerRollout = "postgres-operator/rollout"
	ManagerRoles   = "postgres-operator/roles"
	ManagerStatus  = "postgres-operator/status"
	ManagerPatroni = "postgres-operator/patroni"
	ManagerFleet   = "postgres-operator/fleet"
	ManagerVolumes = "postgres-operator/volumes"
	ManagerUpgrade = "postgres-operator/upgrade"

	// ManagerLegacy wrote, by updates, what Zalando's operator made: the name
	// is that binary's.
	ManagerLegacy = "postgres-operator"
)
