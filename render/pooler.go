package render

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

const (
	// userListFile is where the pooler's image reads passwords from, and
	// userListKey the name under which its Secret holds them.
	userListFile = "/etc/pgbouncer/userlist.txt"
	userListKey  = "userlist.txt"

	// poolerPort is that of the pooler, and of Postgres behind it.
	poolerPort = "5432"

	// maxPoolerClients bounds the clients of one pooler pod; they are cheap.
	maxPoolerClients = "10000"

	// The user and group that PgBouncer runs as in its image.
	poolerUser  int64 = 100
	poolerGroup int64 = 101
)

// PoolerView is the connection pooler in front of the members of a role.
type PoolerView struct {
	Name        string              `json:"name"`
	Labels      map[string]string   `json:"labels"` // of Deployment, pods and Secret
	Selector    map[string]string   `json:"selector"`
	Annotations map[string]string   `json:"annotations,omitempty"` // of the Deployment
	Replicas    int32               `json:"replicas"`
	Pod         PoolerPodView       `json:"pod"`
	Container   PoolerContainerView `json:"container"`
	Service     ServiceView         `json:"service"`
	Secret      PoolerSecretView    `json:"secret"`
}

// PoolerPodView is the pod that a pooler runs in, without its container.
type PoolerPodView struct {
	Annotations                   map[string]string   `json:"annotations,omitempty"`
	ServiceAccountName            string              `json:"serviceAccountName"`
	TerminationGracePeriodSeconds int64               `json:"terminationGracePeriodSeconds"`
	Affinity                      *corev1.Affinity    `json:"affinity,omitempty"`
	Tolerations                   []corev1.Toleration `json:"tolerations,omitempty"`
	SecurityContext               PodSecurityView     `json:"securityContext"`
	Volumes                       Entries             `json:"volumes"`
}

// PoolerContainerView is the container with PgBouncer in it.
type PoolerContainerView struct {
	Image        string         `json:"image"`
	Env          Entries        `json:"env"`
	VolumeMounts Entries        `json:"volumeMounts"`
	Resources    *ResourcesView `json:"resources,omitempty"`
}

// PoolerSecretView is the Secret with the user list. Data is encoded in base64.
type PoolerSecretView struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Data        map[string]string `json:"data"`
}

// pooler is what the poolers of both roles have in common.
type pooler struct {
	given       apiv1.ConnectionPooler // by the manifest
	credential  Credential
	replicas    int32
	connections int32 // to the server, of one pod
	userList    string

	resources    *ResourcesView
	annotations  map[string]string
	tolerations  []corev1.Toleration
	nodeAffinity *corev1.NodeAffinity
}

// poolers decides about the connection poolers, by the role of the members
// behind them.
func (p *policy) poolers() map[string]PoolerView {
	views := map[string]PoolerView{}
	primary, replica := p.spec.Poolers()
	if !primary && !replica {
		return views
	}
	common, ok := p.commonPooler()
	if !ok {
		return views
	}
	if primary {
		views[names.RoleMaster] = p.pooler(common, names.RoleMaster)
	}
	if replica {
		views[names.RoleReplica] = p.pooler(common, names.RoleReplica)
	}
	return views
}

// commonPooler takes the decisions that are the same for both roles. A pooler
// cannot work without a role of its own in the database.
func (p *policy) commonPooler() (pooler, bool) {
	common := pooler{}
	if p.spec.ConnectionPooler != nil {
		common.given = *p.spec.ConnectionPooler
	}
	isPoolers := func(c Credential) bool { return c.Kind == KindPooler }
	i := slices.IndexFunc(p.in.Credentials, isPoolers)
	if i < 0 {
		p.invalid("spec.connectionPooler", nil, "there is no role that the pooler could log in as; see spec.connectionPooler.user and the option connection_pooler_user")
		return common, false
	}
	common.credential = p.in.Credentials[i]
	common.replicas = max(1, firstNumber(common.given.NumberOfInstances, p.config.ConnectionPoolerNumberOfInstances))
	common.connections = firstNumber(common.given.MaxDBConnections, p.config.ConnectionPoolerMaxDBConnections) / common.replicas
	if common.connections == 0 {
		p.warn("Pooler", "maxDBConnections leaves none for each of %d pooler pods, and PgBouncer takes 0 for no limit", common.replicas)
	}
	if p.config.ClusterLabels[names.ApplicationLabel] == "" {
		p.warn("Pooler", "the option cluster_labels has no label %s, so the services of the cluster select the pods of its poolers, too", names.ApplicationLabel)
	}
	common.userList = p.userList(common.credential)
	common.resources = p.poolerResources(common.given.Resources)
	common.annotations = p.workloadAnnotations()
	common.tolerations = p.tolerations()
	common.nodeAffinity = p.nodeAffinity(p.spec.NodeAffinity)
	return common, true
}

func (p *policy) poolerResources(given *apiv1.Resources) *ResourcesView {
	c := p.config
	return p.containerResources("spec.connectionPooler.resources", given, resourceDefaults{
		cpuRequest:    c.ConnectionPoolerDefaultCPURequest,
		memoryRequest: c.ConnectionPoolerDefaultMemoryRequest,
		cpuLimit:      c.ConnectionPoolerDefaultCPULimit,
		memoryLimit:   c.ConnectionPoolerDefaultMemoryLimit,
	})
}

func (p *policy) pooler(common pooler, role string) PoolerView {
	cluster := p.manifest.Name
	name := names.Pooler(cluster, role)
	mounts := p.poolerMounts(names.PoolerSecret(name))
	view := PoolerView{
		Name:        name,
		Labels:      p.scheme.PoolerObject(p.owner, role),
		Selector:    p.scheme.PoolerSelector(cluster, role),
		Annotations: common.annotations,
		Replicas:    common.replicas,
		Pod: PoolerPodView{
			Annotations:                   p.podAnnotations(),
			ServiceAccountName:            p.config.PodServiceAccountName,
			TerminationGracePeriodSeconds: p.gracePeriod(),
			Affinity:                      p.poolerAffinity(common.nodeAffinity, role),
			Tolerations:                   common.tolerations,
			SecurityContext:               p.poolerSecurity(),
			Volumes:                       volumes(mounts),
		},
		Container: PoolerContainerView{
			Image:        firstText(common.given.DockerImage, p.config.ConnectionPoolerImage),
			Env:          envEntries(p.poolerEnv(common, role)),
			VolumeMounts: mountEntries(mountsOf(names.PoolerContainer, nil, mounts)),
			Resources:    common.resources,
		},
		Service: p.poolerService(role),
		Secret: PoolerSecretView{
			Name:        names.PoolerSecret(name),
			Annotations: p.annotations(nil),
			Data:        map[string]string{userListKey: base64.StdEncoding.EncodeToString([]byte(common.userList))},
		},
	}
	p.followUserList(&view, common.userList, role)
	return view
}

// followUserList makes pods start anew when the user list is no longer the one
// that they have read. The Deployment remembers its first list, and its pods
// say nothing until there is another: so a Deployment that Zalando's operator
// made keeps its pods when it is taken over.
func (p *policy) followUserList(view *PoolerView, list, role string) {
	sum := sha256.Sum256([]byte(list))
	digest := hex.EncodeToString(sum[:8])
	first := p.in.Observed.PoolerUserLists[role]
	if first == "" {
		first = digest
	}
	view.Annotations = overlaid(view.Annotations, map[string]string{names.UserListDigest: first})
	if digest != first {
		view.Pod.Annotations = overlaid(view.Pod.Annotations, map[string]string{names.UserListDigest: digest})
	}
}

func (p *policy) poolerAffinity(node *corev1.NodeAffinity, role string) *corev1.Affinity {
	affinity := corev1.Affinity{
		NodeAffinity:    node,
		PodAntiAffinity: p.antiAffinity(p.scheme.PoolerSelector(p.manifest.Name, role)),
	}
	if affinity == (corev1.Affinity{}) {
		return nil
	}
	return &affinity
}

func (p *policy) poolerSecurity() PodSecurityView {
	user, group := poolerUser, poolerGroup
	return PodSecurityView{
		RunAsUser:  &user,
		RunAsGroup: &group,
		FSGroup:    firstGiven(p.spec.SpiloFSGroup, p.config.SpiloFSGroup),
	}
}

// poolerMounts are the user list and the certificates of the cluster.
func (p *policy) poolerMounts(secret string) []mount {
	list := secretMount(secret, userListFile, nil, "the connection pooler")
	list.SubPath, list.ReadOnly = userListKey, true
	mounts := []mount{list}
	for _, m := range p.tlsMounts() {
		m.targets = nil
		mounts = append(mounts, m)
	}
	return p.distinct(mounts)
}

// poolerEnv configures PgBouncer. Of the server connections that the poolers
// of a role may have together, each pod gets its share; half of it is for one
// database and user, and a quarter of it is kept open, and in reserve.
func (p *policy) poolerEnv(common pooler, role string) []corev1.EnvVar {
	c := p.config
	secret := p.secretName(common.credential.Role, p.manifest.Name)
	size := common.connections / 2
	spare := strconv.Itoa(int(size / 2))
	vars := []corev1.EnvVar{
		value("PGHOST", names.Service(p.manifest.Name, role)),
		value("PGPORT", poolerPort),
		secretKey("PGUSER", secret, "username"),
		value("PGSCHEMA", firstText(common.given.Schema, c.ConnectionPoolerSchema)),
		secretKey("PGPASSWORD", secret, "password"),
		value("CONNECTION_POOLER_PORT", poolerPort),
		value("CONNECTION_POOLER_MODE", firstText(common.given.Mode, c.ConnectionPoolerMode)),
		value("CONNECTION_POOLER_DEFAULT_SIZE", strconv.Itoa(int(size))),
		value("CONNECTION_POOLER_MIN_SIZE", spare),
		value("CONNECTION_POOLER_RESERVE_SIZE", spare),
		value("CONNECTION_POOLER_MAX_CLIENT_CONN", maxPoolerClients),
		value("CONNECTION_POOLER_MAX_DB_CONN", strconv.Itoa(int(common.connections))),
	}
	if roles := p.infrastructureRoles(); len(roles) > 0 {
		vars = append(vars, value("INFRASTRUCTURE_ROLES", strings.Join(slices.Sorted(maps.Keys(roles)), ",")))
	}
	return append(vars, p.poolerTLS()...)
}

// poolerTLS names the files that the server has, as the pooler's image calls
// them.
func (p *policy) poolerTLS() []corev1.EnvVar {
	vars := p.tlsEnv()
	for i := range vars {
		vars[i].Name = map[string]string{
			"SSL_CERTIFICATE_FILE": "CONNECTION_POOLER_CLIENT_TLS_CRT",
			"SSL_PRIVATE_KEY_FILE": "CONNECTION_POOLER_CLIENT_TLS_KEY",
			"SSL_CA_FILE":          "CONNECTION_POOLER_CLIENT_CA_FILE",
		}[vars[i].Name]
	}
	return vars
}

// infrastructureRoles holds the credentials of such roles by their names.
func (p *policy) infrastructureRoles() map[string]Credential {
	roles := map[string]Credential{}
	for _, c := range p.in.Credentials {
		if c.Kind == KindInfrastructure {
			roles[c.Role] = c
		}
	}
	return roles
}

// userList holds who PgBouncer knows without asking the database: its own
// role, by which it looks up all others, and infrastructure roles, which may
// see its statistics. https://www.pgbouncer.org/config.html#authentication-file-format
func (p *policy) userList(own Credential) string {
	list := userListLine(own)
	roles := p.infrastructureRoles()
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		if roles[name].Password != "" {
			list += userListLine(roles[name])
		}
	}
	return list
}

func userListLine(c Credential) string {
	quoted := func(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
	return quoted(firstText(c.Username, c.Role)) + " " + quoted(c.Password) + "\n"
}

// poolerService decides about the service in front of a pooler.
func (p *policy) poolerService(role string) ServiceView {
	c, s, name := p.config, p.spec, names.Pooler(p.manifest.Name, role)
	service := ServiceView{
		RoleView: RoleView{Name: name, Labels: p.scheme.PoolerSelector(p.manifest.Name, role)},
		Selector: map[string]string{names.PoolerLabel: name},
	}
	e := exposure{
		nodePort: s.EnableMasterPoolerNodePort, byNodePort: c.EnableMasterPoolerNodePort, port: s.MasterPoolerNodePort,
		loadBalancer: s.EnableMasterPoolerLoadBalancer, byLoadBalancer: c.EnableMasterPoolerLoadBalancer,
		annotations: s.MasterServiceAnnotations,
		dns:         string(c.MasterDNSNameFormat),
	}
	if role == names.RoleReplica {
		e = exposure{
			nodePort: s.EnableReplicaPoolerNodePort, byNodePort: c.EnableReplicaPoolerNodePort, port: s.ReplicaPoolerNodePort,
			loadBalancer: s.EnableReplicaPoolerLoadBalancer, byLoadBalancer: c.EnableReplicaPoolerLoadBalancer,
			annotations: s.ReplicaServiceAnnotations,
			dns:         string(c.ReplicaDNSNameFormat),
		}
	}
	// The format of replicas says itself that they are meant.
	e.dnsName = names.Pooler(p.manifest.Name, names.RoleMaster)
	p.expose(&service, e)
	return service
}

// firstNumber is the number of the manifest, else the configured one.
func firstNumber(manifest *int32, configured int32) int32 {
	if manifest != nil {
		return *manifest
	}
	return configured
}
