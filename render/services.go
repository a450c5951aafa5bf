package render

import (
	"postgres-operator/names"
)

// exposure is what manifest and configuration say about reaching one role from
// outside. Flags of the manifest, where given, win over the configuration.
type exposure struct {
	role                       string
	nodePort, loadBalancer     *bool
	byNodePort, byLoadBalancer bool // the configuration's
	port                       *int32
	annotations                map[string]string
	dnsName                    string // stands for {cluster} in the formats
	dns, legacyDNS             string
}

// services decides about the services in front of primary and replicas.
func (p *policy) services() map[string]ServiceView {
	c, s := p.config, p.spec
	return map[string]ServiceView{
		names.RoleMaster: p.service(exposure{
			role:     names.RoleMaster,
			nodePort: s.EnableMasterNodePort, byNodePort: c.EnableMasterNodePort, port: s.MasterNodePort,
			loadBalancer: s.EnableMasterLoadBalancer, byLoadBalancer: c.EnableMasterLoadBalancer,
			annotations: s.MasterServiceAnnotations,
			dns:         string(c.MasterDNSNameFormat), legacyDNS: string(c.MasterLegacyDNSNameFormat),
		}),
		names.RoleReplica: p.service(exposure{
			role:     names.RoleReplica,
			nodePort: s.EnableReplicaNodePort, byNodePort: c.EnableReplicaNodePort, port: s.ReplicaNodePort,
			loadBalancer: s.EnableReplicaLoadBalancer, byLoadBalancer: c.EnableReplicaLoadBalancer,
			annotations: s.ReplicaServiceAnnotations,
			dns:         string(c.ReplicaDNSNameFormat), legacyDNS: string(c.ReplicaLegacyDNSNameFormat),
		}),
	}
}

func (p *policy) service(e exposure) ServiceView {
	cluster := p.manifest.Name
	e.dnsName = cluster
	service := ServiceView{
		RoleView: RoleView{
			Name:   names.Service(cluster, e.role),
			Labels: p.scheme.RoleObject(p.owner, e.role),
		},
	}
	if e.role == names.RoleReplica || p.configMaps() {
		service.Selector = p.scheme.RoleSelector(cluster, e.role)
	}
	p.expose(&service, e)
	return service
}

// expose decides how a service is reached from outside.
func (p *policy) expose(service *ServiceView, e exposure) {
	var dns map[string]string
	service.Type = "ClusterIP"
	switch {
	case decided(e.nodePort, e.byNodePort):
		service.Type = "NodePort"
		service.ExternalTrafficPolicy = p.config.ExternalTrafficPolicy
		if e.nodePort != nil && e.port != nil {
			service.NodePort = *e.port
		}
	case decided(e.loadBalancer, e.byLoadBalancer):
		service.Type = "LoadBalancer"
		service.ExternalTrafficPolicy = p.config.ExternalTrafficPolicy
		service.LoadBalancerSourceRanges = p.sourceRanges()
		dns = map[string]string{names.ExternalDNSHostname: p.hostnames(e)}
	}
	service.Annotations = p.annotations(overlaid(
		p.config.CustomServiceAnnotations, p.spec.ServiceAnnotations, e.annotations, dns))
}

// decided is the flag of the manifest, else that of the configuration.
func decided(manifest *bool, configured bool) bool {
	if manifest != nil {
		return *manifest
	}
	return configured
}

// sourceRanges are the networks that may use load balancers. Without any, none
// may: a database must not be open to the world by omission.
func (p *policy) sourceRanges() []string {
	if len(p.spec.AllowedSourceRanges) == 0 {
		return []string{"127.0.0.1/32"}
	}
	return p.spec.AllowedSourceRanges
}

func (p *policy) hostnames(e exposure) string {
	return names.DNS{
		Format:       e.dns,
		LegacyFormat: e.legacyDNS,
		Cluster:      e.dnsName,
		Namespace:    p.manifest.Namespace,
		Team:         p.spec.TeamID,
		HostedZone:   p.config.DbHostedZone,
	}.Hostnames()
}

// endpoints are the objects that Patroni fills with the addresses of members
// where it does not use ConfigMaps. Their subsets are Patroni's alone.
func (p *policy) endpoints() map[string]RoleView {
	endpoints := map[string]RoleView{}
	if p.configMaps() {
		return endpoints
	}
	for _, role := range []string{names.RoleMaster, names.RoleReplica} {
		endpoints[role] = RoleView{
			Name:        names.Service(p.manifest.Name, role),
			Labels:      p.scheme.RoleObject(p.owner, role),
			Annotations: p.annotations(nil),
		}
	}
	return endpoints
}
