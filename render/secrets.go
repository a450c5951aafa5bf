package render

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"postgres-operator/names"
)

// secrets decides about the Secret of every credential. A credential that
// cannot have one is left out with a warning: it must not keep the others from
// theirs.
func (p *policy) secrets() map[string]SecretView {
	views := map[string]SecretView{}
	owner := map[string]string{} // role by namespace and name of its Secret
	for _, c := range slices.SortedStableFunc(slices.Values(p.in.Credentials), byRank) {
		view := p.secret(c)
		if problems := validation.IsDNS1123Subdomain(view.Name); len(problems) > 0 {
			p.warn("Secret", "role %s gets no Secret: %s is no name for one", c.Role, view.Name)
			continue
		}
		key := view.Namespace + "/" + view.Name
		if other, taken := owner[key]; taken {
			p.warn("Secret", "role %s gets no Secret: %s belongs to role %s", c.Role, key, other)
			continue
		}
		owner[key] = c.Role
		views[c.Role] = view
	}
	return views
}

// byRank orders credentials: what the cluster cannot live without comes first,
// and so keeps its Secret when two roles claim one name.
func byRank(a, b Credential) int {
	if d := rank(a.Kind) - rank(b.Kind); d != 0 {
		return d
	}
	return strings.Compare(a.Role, b.Role)
}

func rank(kind string) int {
	return slices.Index([]string{
		KindSuperuser, KindReplication, KindPooler, KindStream, KindPrepared, KindInfrastructure, KindManifest,
	}, kind)
}

func (p *policy) secret(c Credential) SecretView {
	namespace := p.manifest.Namespace
	if c.Namespace != "" {
		namespace = c.Namespace
	}
	view := SecretView{
		Name:        p.secretName(c.Role, p.manifest.Name),
		Namespace:   namespace,
		Labels:      p.scheme.Object(p.owner),
		Annotations: p.annotations(nil),
		Data:        secretData(c),
	}
	if c.Role == poolerRole {
		view.Labels = p.scheme.PoolerSelector(p.manifest.Name, names.RoleMaster)
	}
	if namespace == p.manifest.Namespace {
		view.OwnerReferences = p.ownerReferences()
		return view
	}
	// An owner has to live in the namespace of what it owns, so a mark stands in.
	cluster := p.manifest.Namespace + "/" + p.manifest.Name
	view.Annotations = overlaid(view.Annotations, map[string]string{names.ClusterAnnotation: cluster})
	return view
}

// poolerRole is the role whose Secret carries the labels of the pooler. It is
// the name that counts, not the kind: a pooler role of another name has a
// Secret like any role.
const poolerRole = "pooler"

// Keys of a Secret that hold the login which it hands out next.
const (
	PendingUsername = "nextUsername"
	PendingPassword = "nextPassword"
)

func secretData(c Credential) map[string]string {
	username := c.Username
	if username == "" {
		username = c.Role
	}
	plain := map[string]string{"username": username, "password": c.Password}
	if c.Rotates || c.NextRotation != "" {
		plain["nextRotation"] = c.NextRotation
	}
	if c.PendingPassword != "" {
		plain[PendingUsername], plain[PendingPassword] = c.PendingUsername, c.PendingPassword
	}
	encoded := maps.Clone(plain)
	for key, text := range plain {
		encoded[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return encoded
}
