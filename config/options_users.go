package config

// Users holds roles that every cluster has, and the rotation of passwords.
type Users struct {
	SuperUsername                 string   `key:"super_username" default:"postgres" required:"true" doc:"Name of the database superuser."`
	ReplicationUsername           string   `key:"replication_username" default:"standby" required:"true" doc:"Name of the role that replicas connect with."`
	AdditionalOwnerRoles          []string `key:"additional_owner_roles" doc:"Roles granted to every owner of a database."`
	EnablePasswordRotation        bool     `key:"enable_password_rotation" default:"false" doc:"Rotate the passwords of login roles that own no database."`
	PasswordRotationInterval      uint32   `key:"password_rotation_interval" default:"90" min:"1" doc:"Days between two rotations of a password."`
	PasswordRotationUserRetention uint32   `key:"password_rotation_user_retention" default:"180" schema:"120" code:"180" doc:"Days that a rotated role is kept, at least twice the interval."`
}

// TeamsAPI holds human users and the teams they come from.
type TeamsAPI struct {
	PamRoleName                     string            `key:"pam_role_name" default:"zalandos" doc:"Group role of all team members."`
	PamConfiguration                string            `key:"pam_configuration" default:"https://info.example.com/oauth2/tokeninfo?access_token= uid realm=/employees" doc:"PAM options by which team members log in."`
	TeamsAPIUrl                     string            `key:"teams_api_url" default:"https://teams.example.com/api/" doc:"Base address of the Teams API."`
	EnableTeamsAPI                  bool              `key:"enable_teams_api" default:"true" schema:"false" doc:"Ask the Teams API for the members of teams."`
	EnableTeamSuperuser             bool              `key:"enable_team_superuser" default:"false" doc:"Make members of the owning team superusers."`
	TeamAdminRole                   string            `key:"team_admin_role" default:"admin" code:"" doc:"Role granted to team members who are not superusers."`
	RoleDeletionSuffix              string            `key:"role_deletion_suffix" default:"_deleted" doc:"Suffix of the roles of members who left."`
	EnableTeamMemberDeprecation     bool              `key:"enable_team_member_deprecation" default:"false" restart:"true" doc:"Rename the roles of members who left and take their login."`
	EnableAdminRoleForUsers         bool              `key:"enable_admin_role_for_users" default:"true" code:"false" doc:"Make team_admin_role an admin of every role of a manifest."`
	EnablePostgresTeamCRD           bool              `key:"enable_postgres_team_crd" default:"false" schema:"true" code:"false" restart:"true" doc:"Honour PostgresTeam objects."`
	EnablePostgresTeamCRDSuperusers bool              `key:"enable_postgres_team_crd_superusers" default:"false" doc:"Honour additional superuser teams of PostgresTeam objects."`
	TeamAPIRoleConfiguration        map[string]string `key:"team_api_role_configuration" default:"log_statement:all" doc:"Parameters set on the roles of team members."`
	ProtectedRoles                  []string          `key:"protected_role_names" default:"admin,cron_admin" doc:"Role names that manifests, teams and secrets may not use."`
	PostgresSuperuserTeams          []string          `key:"postgres_superuser_teams" doc:"Teams whose members are superusers in every cluster."`
}
