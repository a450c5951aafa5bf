package render

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	apiv1 "postgres-operator/api/v1"
)

// webIdentityToken is where EKS mounts the token of a pod's service account.
// https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html
const webIdentityToken = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"

// cloneEnv names the source that a new cluster is copied from. The variables
// stay for the life of the cluster: taking them away would restart its pods.
func (p *policy) cloneEnv() []corev1.EnvVar {
	clone := p.spec.Clone
	if clone == nil || clone.ClusterName == "" {
		return nil
	}
	vars := []corev1.EnvVar{value("CLONE_SCOPE", clone.ClusterName)}
	if clone.EndTimestamp == "" {
		vars = append(vars, p.baseBackupEnv(clone)...)
	} else {
		vars = append(vars, p.archiveSourceEnv(clone)...)
		vars = append(vars, recoveryEnv(clone)...)
	}
	return append(vars, p.webIdentityEnv("CLONE")...)
}

// baseBackupEnv is for a copy of a running cluster of the same namespace.
func (p *policy) baseBackupEnv(clone *apiv1.CloneDescription) []corev1.EnvVar {
	if problems := validation.IsDNS1035Label(clone.ClusterName); len(problems) > 0 {
		p.invalid("spec.clone.cluster", clone.ClusterName, "without a timestamp it is the host to copy from: %s", problems[0])
	}
	return []corev1.EnvVar{
		value("CLONE_METHOD", "CLONE_WITH_BASEBACKUP"),
		value("CLONE_HOST", clone.ClusterName),
		value("CLONE_PORT", "5432"),
		value("CLONE_USER", p.config.ReplicationUsername),
		secretKey("CLONE_PASSWORD", p.secretName(p.config.ReplicationUsername, clone.ClusterName), "password"),
	}
}

// archiveSourceEnv names the archive that a point in time is restored from.
func (p *policy) archiveSourceEnv(clone *apiv1.CloneDescription) []corev1.EnvVar {
	if clone.S3WalPath != "" {
		return []corev1.EnvVar{value("CLONE_WALE_S3_PREFIX", clone.S3WalPath)}
	}
	c := p.config
	var vars []corev1.EnvVar
	switch {
	case c.WALES3Bucket != "":
		vars = append(vars, value("CLONE_WAL_S3_BUCKET", c.WALES3Bucket))
	case c.WALGSBucket != "":
		vars = append(vars, value("CLONE_WAL_GS_BUCKET", c.WALGSBucket))
		if c.GCPCredentials != "" {
			vars = append(vars, value("CLONE_GOOGLE_APPLICATION_CREDENTIALS", c.GCPCredentials))
		}
	case c.WALAZStorageAccount != "":
		vars = append(vars, value("CLONE_AZURE_STORAGE_ACCOUNT", c.WALAZStorageAccount))
	default:
		p.warn("Clone", "spec.clone has a timestamp, but neither spec.clone.s3_wal_path nor the configuration names an archive")
	}
	return append(vars, value("CLONE_WAL_BUCKET_SCOPE_SUFFIX", scopeSuffix(clone.UID)))
}

// recoveryEnv says up to when, and how to reach an S3 archive.
func recoveryEnv(clone *apiv1.CloneDescription) []corev1.EnvVar {
	vars := []corev1.EnvVar{
		value("CLONE_METHOD", "CLONE_WITH_WALE"),
		value("CLONE_TARGET_TIME", clone.EndTimestamp),
		value("CLONE_WAL_BUCKET_SCOPE_PREFIX", ""),
	}
	for _, v := range []corev1.EnvVar{
		value("CLONE_AWS_ENDPOINT", clone.S3Endpoint),
		value("CLONE_WALE_S3_ENDPOINT", clone.S3Endpoint),
		value("CLONE_AWS_ACCESS_KEY_ID", clone.S3AccessKeyID),
		value("CLONE_AWS_SECRET_ACCESS_KEY", clone.S3SecretAccessKey),
	} {
		if v.Value != "" {
			vars = append(vars, v)
		}
	}
	if force := clone.S3ForcePathStyle; force != nil {
		style := "0"
		if *force {
			style = "1"
		}
		vars = append(vars, value("CLONE_AWS_S3_FORCE_PATH_STYLE", style))
	}
	return vars
}

// standbyEnv names the primary that a standby cluster follows.
func (p *policy) standbyEnv() []corev1.EnvVar {
	standby := p.spec.StandbyCluster
	if standby == nil {
		return nil
	}
	var vars []corev1.EnvVar
	if standby.StandbyHost != "" {
		vars = append(vars, value("STANDBY_HOST", standby.StandbyHost))
		if standby.StandbyPort != "" {
			vars = append(vars, value("STANDBY_PORT", standby.StandbyPort))
		}
		if standby.StandbyPrimarySlotName != "" {
			vars = append(vars, value("STANDBY_PRIMARY_SLOT_NAME", standby.StandbyPrimarySlotName))
		}
	}
	archive := value("STANDBY_WALE_S3_PREFIX", standby.S3WalPath)
	if archive.Value == "" {
		archive = value("STANDBY_WALE_GS_PREFIX", standby.GSWalPath)
	}
	if archive.Value != "" {
		vars = append(vars, archive, value("STANDBY_METHOD", "STANDBY_WITH_WALE"), value("STANDBY_WAL_BUCKET_SCOPE_PREFIX", ""))
	}
	return append(vars, p.webIdentityEnv("STANDBY")...)
}

// webIdentityEnv lets the source be read with the role of the service account.
func (p *policy) webIdentityEnv(prefix string) []corev1.EnvVar {
	if p.config.IRSARoleARN == "" {
		return nil
	}
	return []corev1.EnvVar{
		value(prefix+"_AWS_ROLE_ARN", p.config.IRSARoleARN),
		value(prefix+"_AWS_WEB_IDENTITY_TOKEN_FILE", webIdentityToken),
	}
}
