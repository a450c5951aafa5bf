package render

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"postgres-operator/names"
)

// dataRoot is where Spilo keeps its data directory on the data volume.
const dataRoot = dataPath + "/pgroot"

// environment is a list of variables in which every name stands once. Names
// are compared without regard to case, as Spilo reads them both ways.
type environment struct {
	vars []corev1.EnvVar
	seen map[string]bool
}

func newEnvironment() *environment { return &environment{seen: map[string]bool{}} }

// add appends variables whose name is not there yet, and returns the others.
// An earlier variable always wins: the operator's come first.
func (e *environment) add(vars ...corev1.EnvVar) (dropped []string) {
	for _, v := range vars {
		key := strings.ToUpper(v.Name)
		if e.seen[key] {
			dropped = append(dropped, v.Name)
			continue
		}
		e.seen[key] = true
		e.vars = append(e.vars, v)
	}
	return dropped
}

// set puts variables in, in place of those of the same name.
func (e *environment) set(vars ...corev1.EnvVar) {
	for _, v := range vars {
		e.vars = slices.DeleteFunc(e.vars, func(old corev1.EnvVar) bool { return old.Name == v.Name })
		e.seen[strings.ToUpper(v.Name)] = true
		e.vars = append(e.vars, v)
	}
}

// postgresEnv gives the environment of the postgres container. The order is
// the precedence: what Spilo and Patroni depend on, the manifest, the source
// of a clone or standby, the configured Secret and ConfigMap, and at last the
// configured archives, which all of them may change.
func (p *policy) postgresEnv() []corev1.EnvVar {
	env := newEnvironment()
	env.add(p.operatorEnv()...)
	if dropped := env.add(p.spec.Env...); len(dropped) > 0 {
		p.warn("Environment", "spec.env: %s: set by the operator or listed twice, and ignored", strings.Join(dropped, ", "))
	}
	env.set(p.cloneEnv()...)
	env.set(p.standbyEnv()...)
	env.add(p.podEnvironmentSecret()...)
	env.add(p.podEnvironmentConfigMap()...)
	env.add(p.archiveEnv()...)
	env.add(p.tlsEnv()...)
	return env.vars
}

// operatorEnv holds what no user may change.
func (p *policy) operatorEnv() []corev1.EnvVar {
	cluster, c := p.manifest.Name, p.config
	vars := []corev1.EnvVar{
		value("SCOPE", cluster),
		value("PGROOT", dataRoot),
		field("POD_IP", "status.podIP"),
		field("POD_NAMESPACE", "metadata.namespace"),
		value("PGUSER_SUPERUSER", c.SuperUsername),
		value("KUBERNETES_SCOPE_LABEL", c.ClusterNameLabel),
		value("KUBERNETES_ROLE_LABEL", c.PodRoleLabel),
		secretKey("PGPASSWORD_SUPERUSER", p.secretName(c.SuperUsername, cluster), "password"),
		value("PGUSER_STANDBY", c.ReplicationUsername),
		secretKey("PGPASSWORD_STANDBY", p.secretName(c.ReplicationUsername, cluster), "password"),
		value("PAM_OAUTH2", c.PamConfiguration),
		value("HUMAN_ROLE", c.PamRoleName),
	}
	if c.EnableSpiloWalPathCompat {
		vars = append(vars, value("ENABLE_WAL_PATH_COMPAT", "true"))
	}
	if c.EnablePgVersionEnvVar {
		vars = append(vars, value("PGVERSION", p.majorVersion(WantedVersion(p.manifest, p.config))))
	}
	vars = append(vars, value("KUBERNETES_LABELS", p.labelsJSON()), value("SPILO_CONFIGURATION", p.spiloConfiguration()))
	return append(vars, p.consensusEnv()...)
}

// consensusEnv tells Patroni where to keep its state.
func (p *policy) consensusEnv() []corev1.EnvVar {
	if p.config.EtcdHost != "" {
		return []corev1.EnvVar{value("ETCD_HOST", p.config.EtcdHost)}
	}
	vars := []corev1.EnvVar{value("DCS_ENABLE_KUBERNETES_API", "true")}
	if p.config.EnablePodDisruptionBudget {
		// A pod that bootstraps is under the critical budget from its start.
		vars = append(vars, value("KUBERNETES_BOOTSTRAP_LABELS", `{"`+names.CriticalOperation+`":"true"}`))
	}
	if p.configMaps() {
		vars = append(vars, value("KUBERNETES_USE_CONFIGMAPS", "true"))
	}
	return vars
}

// labelsJSON tells Patroni which labels its own objects and its pods have.
func (p *policy) labelsJSON() string {
	text, err := json.Marshal(p.config.ClusterLabels)
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return string(text)
}

// podEnvironmentSecret has a variable for every key of the configured Secret.
func (p *policy) podEnvironmentSecret() []corev1.EnvVar {
	return p.secretVariables(p.config.PodEnvironmentSecret, p.in.Observed.PodEnvironmentSecret, "pod_environment_secret")
}

// secretVariables has a variable for every key of the Secret that an option
// names; nil keys are those of a Secret that does not exist.
func (p *policy) secretVariables(name string, keys []string, option string) []corev1.EnvVar {
	if name == "" {
		return nil
	}
	if keys == nil {
		p.errs = append(p.errs, &MissingError{Kind: "Secret", Namespace: p.manifest.Namespace, Name: name, Option: option})
	}
	var vars []corev1.EnvVar
	for _, key := range slices.Sorted(slices.Values(keys)) {
		vars = append(vars, secretKey(key, name, key))
	}
	return vars
}

// podEnvironmentConfigMap has a variable for every entry of the configured
// ConfigMap, by value: it may live in another namespace.
func (p *policy) podEnvironmentConfigMap() []corev1.EnvVar {
	name := p.config.PodEnvironmentConfigMap
	if name.IsZero() {
		return nil
	}
	data := p.in.Observed.PodEnvironmentConfigMap
	if data == nil {
		p.errs = append(p.errs, &MissingError{Kind: "ConfigMap", Namespace: name.Namespace, Name: name.Name, Option: "pod_environment_configmap"})
	}
	var vars []corev1.EnvVar
	for _, key := range slices.Sorted(maps.Keys(data)) {
		vars = append(vars, value(key, data[key]))
	}
	return vars
}

// archiveEnv names the configured archives of WAL and logs. Every cluster has
// its own place in them, by its uid: a cluster made anew under an old name
// must not write into the archive of its predecessor.
func (p *policy) archiveEnv() []corev1.EnvVar {
	c, suffix := p.config, scopeSuffix(string(p.manifest.UID))
	var vars []corev1.EnvVar
	for _, archive := range []struct{ variable, location, scope string }{
		{"WAL_S3_BUCKET", c.WALES3Bucket, "WAL"},
		{"WAL_GS_BUCKET", c.WALGSBucket, "WAL"},
		{"AZURE_STORAGE_ACCOUNT", c.WALAZStorageAccount, "WAL"},
		{"GOOGLE_APPLICATION_CREDENTIALS", c.GCPCredentials, ""},
		{"LOG_S3_BUCKET", c.LogS3Bucket, "LOG"},
	} {
		if archive.location == "" {
			continue
		}
		vars = append(vars, value(archive.variable, archive.location))
		if archive.scope != "" {
			vars = append(vars, value(archive.scope+"_BUCKET_SCOPE_SUFFIX", suffix), value(archive.scope+"_BUCKET_SCOPE_PREFIX", ""))
		}
	}
	return vars
}

func scopeSuffix(uid string) string {
	if uid == "" {
		return ""
	}
	return "/" + uid
}

func value(name, text string) corev1.EnvVar { return corev1.EnvVar{Name: name, Value: text} }

func field(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path},
	}}
}

func secretKey(name, secret, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret},
			Key:                  key,
		},
	}}
}
