package render

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// Paths in containers that the Spilo image and its sidecars rely on.
const (
	dataPath   = "/home/postgres/pgdata"
	shmPath    = "/dev/shm"
	socketPath = "/var/run/postgresql"
	tlsPath    = "/tls"
	tlsCAPath  = "/tlsca"

	// tlsMode lets the group of the volume, the postgres user, read the key.
	tlsMode = 0o640
)

// mount is a volume of the pod and the containers that see it.
type mount struct {
	corev1.VolumeMount
	source  map[string]any // of the volume; nil for the data volume
	targets []string       // names of containers; nil for all of them
	origin  string         // where its name comes from, for messages
}

func (m mount) reaches(container string) bool {
	return m.targets == nil || slices.Contains(m.targets, container)
}

// mounts lists the volumes of a pod in their order: those of the operator, of
// the configuration, of the manifest, and those of certificates.
func (p *policy) mounts() []mount {
	data := p.spec.Volume
	list := []mount{{VolumeMount: volumeMount(names.DataVolume, dataPath, data.SubPath, data.IsSubPathExpr)}}
	if p.config.ShmVolume || isTrue(p.spec.EnableShmVolume) {
		list = append(list, memoryMount(names.ShmVolume, shmPath, []string{names.PostgresContainer}))
	}
	if p.config.SharePgSocketWithSidecars {
		list = append(list, memoryMount(names.SocketVolume, socketPath, nil))
	}
	list = append(list, p.configuredMounts()...)
	list = append(list, p.additionalMounts()...)
	list = append(list, p.tlsMounts()...)
	return p.distinct(list)
}

// configuredMounts has the Secret that the configuration puts into every
// container. Without a path there is no place for it.
func (p *policy) configuredMounts() []mount {
	secret, path := p.config.AdditionalSecretMount, p.config.AdditionalSecretMountPath
	if secret == "" || path == "" {
		return nil
	}
	return []mount{secretMount(secret, path, nil, "the option additional_secret_mount")}
}

// distinct drops what repeats the path or the name of an earlier volume:
// Kubernetes allows neither.
func (p *policy) distinct(list []mount) []mount {
	var kept []mount
	for _, m := range list {
		samePath := func(k mount) bool { return k.MountPath == m.MountPath }
		sameName := func(k mount) bool { return k.Name == m.Name }
		switch {
		case slices.ContainsFunc(kept, samePath):
			p.warn("Volume", "volume %s is ignored: %s is the path of another volume", m.Name, m.MountPath)
		case slices.ContainsFunc(kept, sameName):
			p.invalid(m.origin, m.Name, "there is another volume of that name")
		default:
			kept = append(kept, m)
		}
	}
	return kept
}

// additionalMounts are those of the manifest. Their sources are passed on as
// they are, so that a source of a newer Kubernetes needs no newer operator.
func (p *policy) additionalMounts() []mount {
	var list []mount
	for i, v := range p.spec.AdditionalVolumes {
		where := fmt.Sprintf("spec.additionalVolumes[%d]", i)
		source := map[string]any{}
		if err := json.Unmarshal(v.VolumeSource.Raw, &source); err != nil || len(source) == 0 {
			p.invalid(where+".volumeSource", string(v.VolumeSource.Raw), "it has to be the source of a volume, such as {emptyDir: {}}")
			continue
		}
		list = append(list, mount{
			VolumeMount: volumeMount(v.Name, v.MountPath, v.SubPath, v.IsSubPathExpr),
			source:      source,
			targets:     p.targets(v),
			origin:      where + ".name",
		})
	}
	return list
}

// targets are the containers that see a volume; nil for all.
func (p *policy) targets(v apiv1.AdditionalVolume) []string {
	switch {
	case len(v.TargetContainers) == 0:
		return []string{names.PostgresContainer}
	case !slices.Contains(v.TargetContainers, "all"):
		return v.TargetContainers
	case len(v.TargetContainers) > 1:
		p.warn("Volume", "volume %s: targetContainers names all beside others, which says no more than all", v.Name)
	}
	return nil
}

// tlsMounts are the certificates of the server, seen by the postgres container.
func (p *policy) tlsMounts() []mount {
	tls := p.spec.TLS
	if tls == nil || tls.SecretName == "" {
		return nil
	}
	targets := []string{names.PostgresContainer}
	list := []mount{secretMount(tls.SecretName, tlsPath, targets, "spec.tls.secretName")}
	if tls.CAFile != "" && tls.CASecretName != "" {
		list = append(list, secretMount(tls.CASecretName, tlsCAPath, targets, "spec.tls.caSecretName"))
	}
	for _, m := range list {
		m.source["secret"].(map[string]any)["defaultMode"] = int64(tlsMode)
	}
	return list
}

// tlsEnv tells Spilo where its certificates are.
func (p *policy) tlsEnv() []corev1.EnvVar {
	tls := p.spec.TLS
	if tls == nil || tls.SecretName == "" {
		return nil
	}
	vars := []corev1.EnvVar{
		value("SSL_CERTIFICATE_FILE", tlsFile(tlsPath, tls.CertificateFile, "tls.crt")),
		value("SSL_PRIVATE_KEY_FILE", tlsFile(tlsPath, tls.PrivateKeyFile, "tls.key")),
	}
	if tls.CAFile == "" {
		return vars
	}
	directory := tlsPath
	if tls.CASecretName != "" {
		directory = tlsCAPath
	}
	return append(vars, value("SSL_CA_FILE", tlsFile(directory, tls.CAFile, "")))
}

// tlsFile is the path of a file of a certificate volume.
func tlsFile(directory, file, fallback string) string {
	if file == "" {
		file = fallback
	}
	if path.IsAbs(file) {
		return file
	}
	return path.Join(directory, file)
}

// volumes lists the volumes of the pod; the data volume is not among them, its
// claim template provides it.
func volumes(mounts []mount) Entries {
	list := Entries{}
	for _, m := range mounts {
		if m.source != nil {
			list = append(list, Entry{Key: m.Name, Content: m.source})
		}
	}
	return list
}

// mountsOf lists what a container sees, after what it brings along itself.
func mountsOf(container string, own []corev1.VolumeMount, mounts []mount) []corev1.VolumeMount {
	list := slices.Clone(own)
	for _, m := range mounts {
		taken := func(v corev1.VolumeMount) bool { return v.MountPath == m.MountPath }
		if m.reaches(container) && !slices.ContainsFunc(list, taken) {
			list = append(list, m.VolumeMount)
		}
	}
	return list
}

func volumeMount(name, path, subPath string, expression *bool) corev1.VolumeMount {
	v := corev1.VolumeMount{Name: name, MountPath: path}
	if isTrue(expression) {
		v.SubPathExpr = subPath
	} else {
		v.SubPath = subPath
	}
	return v
}

func memoryMount(name, path string, targets []string) mount {
	return mount{
		VolumeMount: corev1.VolumeMount{Name: name, MountPath: path},
		source:      map[string]any{"emptyDir": map[string]any{"medium": "Memory"}},
		targets:     targets,
	}
}

func secretMount(secret, path string, targets []string, origin string) mount {
	return mount{
		VolumeMount: corev1.VolumeMount{Name: secret, MountPath: path},
		source:      map[string]any{"secret": map[string]any{"secretName": secret}},
		targets:     targets,
		origin:      origin,
	}
}

func isTrue(flag *bool) bool { return flag != nil && *flag }
