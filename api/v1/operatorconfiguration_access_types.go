package v1

// PostgresUsersConfiguration are the users that every cluster has, and how passwords rotate.
type PostgresUsersConfiguration struct {
	// Name of the superuser.
	//
	// +kubebuilder:default="postgres"
	SuperUsername string `json:"super_username,omitempty"`

	// Name of the replication user.
	//
	// +kubebuilder:default="standby"
	ReplicationUsername string `json:"replication_username,omitempty"`

	// Roles that are granted to every database owner.
	AdditionalOwnerRoles []string `json:"additional_owner_roles,omitempty"`

	// Rotates the passwords of users who own no database.
	//
	// +kubebuilder:default=false
	EnablePasswordRotation *bool `json:"enable_password_rotation,omitempty"`

	// Days between two rotations.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:default=90
	PasswordRotationInterval *uint32 `json:"password_rotation_interval,omitempty"`

	// Days a rotated user is kept.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:default=120
	PasswordRotationUserRetention *uint32 `json:"password_rotation_user_retention,omitempty"`
}

// TeamsAPIConfiguration says where team members come from and what they may do.
type TeamsAPIConfiguration struct {
	// Group role of all team members.
	//
	// +kubebuilder:default="zalandos"
	PAMRoleName string `json:"pam_role_name,omitempty"`

	// How the pods check a member's token.
	//
	// +kubebuilder:default="https://info.example.com/oauth2/tokeninfo?access_token= uid realm=/employees"
	PAMConfiguration string `json:"pam_configuration,omitempty"`

	// Address of the Teams API.
	//
	// +kubebuilder:default="https://teams.example.com/api/"
	TeamsAPIURL string `json:"teams_api_url,omitempty"`

	// Asks the Teams API for the members of a team.
	//
	// +kubebuilder:default=false
	EnableTeamsAPI *bool `json:"enable_teams_api,omitempty"`

	// Makes the members of the owning team superusers.
	//
	// +kubebuilder:default=false
	EnableTeamSuperuser *bool `json:"enable_team_superuser,omitempty"`

	// Role of the members of the owning team.
	//
	// +kubebuilder:default="admin"
	TeamAdminRole string `json:"team_admin_role,omitempty"`

	// Suffix of the roles of former members.
	//
	// +kubebuilder:default="_deleted"
	RoleDeletionSuffix string `json:"role_deletion_suffix,omitempty"`

	// Renames the roles of former members and takes their login.
	//
	// +kubebuilder:default=false
	EnableTeamMemberDeprecation *bool `json:"enable_team_member_deprecation,omitempty"`

	// Makes team_admin_role the administrator of the roles in manifests.
	//
	// +kubebuilder:default=true
	EnableAdminRoleForUsers *bool `json:"enable_admin_role_for_users,omitempty"`

	// Reads PostgresTeam objects.
	//
	// +kubebuilder:default=true
	EnablePostgresTeamCRD *bool `json:"enable_postgres_team_crd,omitempty"`

	// Lets PostgresTeam objects make superusers.
	//
	// +kubebuilder:default=false
	EnablePostgresTeamCRDSuperusers *bool `json:"enable_postgres_team_crd_superusers,omitempty"`

	// Parameters of the roles of team members.
	//
	// +kubebuilder:default={log_statement:all}
	TeamAPIRoleConfiguration map[string]string `json:"team_api_role_configuration,omitempty"`

	// Role names that no manifest may use.
	//
	// +kubebuilder:default={admin,cron_admin}
	ProtectedRoleNames []string `json:"protected_role_names,omitempty"`

	// Teams whose members are superusers of every cluster.
	PostgresSuperuserTeams []string `json:"postgres_superuser_teams,omitempty"`
}

// LoadBalancerConfiguration is about access from outside.
type LoadBalancerConfiguration struct {
	// DNS zone of load balancers.
	//
	// +kubebuilder:default="db.example.com"
	DBHostedZone string `json:"db_hosted_zone,omitempty"`

	// Puts a load balancer in front of the primary.
	//
	// +kubebuilder:default=false
	EnableMasterLoadBalancer *bool `json:"enable_master_load_balancer,omitempty"`

	// Puts a load balancer in front of the primary's pooler.
	//
	// +kubebuilder:default=false
	EnableMasterPoolerLoadBalancer *bool `json:"enable_master_pooler_load_balancer,omitempty"`

	// Puts a load balancer in front of the replicas.
	//
	// +kubebuilder:default=false
	EnableReplicaLoadBalancer *bool `json:"enable_replica_load_balancer,omitempty"`

	// Puts a load balancer in front of the replicas' pooler.
	//
	// +kubebuilder:default=false
	EnableReplicaPoolerLoadBalancer *bool `json:"enable_replica_pooler_load_balancer,omitempty"`

	// Opens a node port for the primary.
	//
	// +kubebuilder:default=false
	EnableMasterNodePort *bool `json:"enable_master_node_port,omitempty"`

	// Opens a node port for the primary's pooler.
	//
	// +kubebuilder:default=false
	EnableMasterPoolerNodePort *bool `json:"enable_master_pooler_node_port,omitempty"`

	// Opens a node port for the replicas.
	//
	// +kubebuilder:default=false
	EnableReplicaNodePort *bool `json:"enable_replica_node_port,omitempty"`

	// Opens a node port for the replicas' pooler.
	//
	// +kubebuilder:default=false
	EnableReplicaPoolerNodePort *bool `json:"enable_replica_pooler_node_port,omitempty"`

	// Annotations of all Services.
	CustomServiceAnnotations map[string]string `json:"custom_service_annotations,omitempty"`

	// Whether traffic from outside may cross nodes.
	//
	// +kubebuilder:validation:Enum=Cluster;Local
	// +kubebuilder:default="Cluster"
	ExternalTrafficPolicy string `json:"external_traffic_policy,omitempty"`

	// DNS name of the primary, with {cluster}, {namespace}, {team} and {hostedzone}.
	//
	// +kubebuilder:default="{cluster}.{namespace}.{hostedzone}"
	MasterDNSNameFormat string `json:"master_dns_name_format,omitempty"`

	// Second DNS name of the primary, for clusters named after their team.
	//
	// +kubebuilder:default="{cluster}.{team}.{hostedzone}"
	MasterLegacyDNSNameFormat string `json:"master_legacy_dns_name_format,omitempty"`

	// DNS name of the replicas.
	//
	// +kubebuilder:default="{cluster}-repl.{namespace}.{hostedzone}"
	ReplicaDNSNameFormat string `json:"replica_dns_name_format,omitempty"`

	// Second DNS name of the replicas, for clusters named after their team.
	//
	// +kubebuilder:default="{cluster}-repl.{team}.{hostedzone}"
	ReplicaLegacyDNSNameFormat string `json:"replica_legacy_dns_name_format,omitempty"`
}

// ConnectionPoolerConfiguration are the defaults of connection poolers.
type ConnectionPoolerConfiguration struct {
	// Number of pooler pods.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:default=2
	ConnectionPoolerNumberOfInstances *int32 `json:"connection_pooler_number_of_instances,omitempty"`

	// Schema of the function that looks up passwords.
	//
	// +kubebuilder:default="pooler"
	ConnectionPoolerSchema string `json:"connection_pooler_schema,omitempty"`

	// Role the pooler connects with. It must not be the superuser.
	//
	// +kubebuilder:default="pooler"
	ConnectionPoolerUser string `json:"connection_pooler_user,omitempty"`

	// Image of the pooler.
	//
	// +kubebuilder:default="ghcr.io/zalando/postgres-operator/pgbouncer:v2.0.1"
	ConnectionPoolerImage string `json:"connection_pooler_image,omitempty"`

	// How long a server connection belongs to a client.
	//
	// +kubebuilder:validation:Enum=session;transaction
	// +kubebuilder:default="transaction"
	ConnectionPoolerMode string `json:"connection_pooler_mode,omitempty"`

	// Number of server connections of all pooler pods together.
	//
	// +kubebuilder:default=60
	ConnectionPoolerMaxDBConnections *int32 `json:"connection_pooler_max_db_connections,omitempty"`

	// CPU request of the pooler.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	ConnectionPoolerDefaultCPURequest string `json:"connection_pooler_default_cpu_request,omitempty"`

	// Memory request of the pooler.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	ConnectionPoolerDefaultMemoryRequest string `json:"connection_pooler_default_memory_request,omitempty"`

	// CPU limit of the pooler.
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	ConnectionPoolerDefaultCPULimit string `json:"connection_pooler_default_cpu_limit,omitempty"`

	// Memory limit of the pooler.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	ConnectionPoolerDefaultMemoryLimit string `json:"connection_pooler_default_memory_limit,omitempty"`
}
