package render

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"postgres-operator/names"
)

// BackupView is the CronJob of logical backups.
type BackupView struct {
	Name                       string              `json:"name"`
	Labels                     map[string]string   `json:"labels"`
	Annotations                map[string]string   `json:"annotations,omitempty"`
	Schedule                   string              `json:"schedule"`
	SuccessfulJobsHistoryLimit int32               `json:"successfulJobsHistoryLimit"`
	FailedJobsHistoryLimit     int32               `json:"failedJobsHistoryLimit"`
	TTLSecondsAfterFinished    int32               `json:"ttlSecondsAfterFinished"`
	Pod                        BackupPodView       `json:"pod"`
	Container                  BackupContainerView `json:"container"`
}

// BackupPodView is the pod that a backup runs in, without its container.
type BackupPodView struct {
	Annotations                   map[string]string                 `json:"annotations,omitempty"`
	ServiceAccountName            string                            `json:"serviceAccountName"`
	TerminationGracePeriodSeconds int64                             `json:"terminationGracePeriodSeconds"`
	Affinity                      *corev1.Affinity                  `json:"affinity,omitempty"`
	Tolerations                   []corev1.Toleration               `json:"tolerations,omitempty"`
	SecurityContext               *PodSecurityView                  `json:"securityContext,omitempty"`
	TopologySpreadConstraints     []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
	Volumes                       Entries                           `json:"volumes"`
}

// BackupContainerView is the container that dumps.
type BackupContainerView struct {
	Image                    string         `json:"image"`
	Env                      Entries        `json:"env"`
	VolumeMounts             Entries        `json:"volumeMounts"`
	Resources                *ResourcesView `json:"resources,omitempty"`
	AllowPrivilegeEscalation *bool          `json:"allowPrivilegeEscalation,omitempty"`
	Privileged               bool           `json:"privileged"`
}

// backup decides about the job that dumps the cluster on a schedule; nil where
// nobody wants one, or where there is no member to dump.
func (p *policy) backup(members int32) *BackupView {
	if !p.spec.EnableLogicalBackup || members <= 0 {
		return nil
	}
	c := p.config
	mounts := p.configuredMounts() // of the volumes of a member, a backup sees none else
	return &BackupView{
		Name:                       names.BackupJob(c.LogicalBackupJobPrefix, p.manifest.Name),
		Labels:                     p.scheme.BackupObject(p.owner),
		Annotations:                p.podAnnotations(),
		Schedule:                   firstText(p.spec.LogicalBackupSchedule, c.LogicalBackupSchedule),
		SuccessfulJobsHistoryLimit: c.LogicalBackupSuccessfulJobsHistoryLimit,
		FailedJobsHistoryLimit:     c.LogicalBackupFailedJobsHistoryLimit,
		TTLSecondsAfterFinished:    c.LogicalBackupTTLSecondsAfterFinished,
		Pod: BackupPodView{
			Annotations:                   p.spiloAnnotations(),
			ServiceAccountName:            c.PodServiceAccountName,
			TerminationGracePeriodSeconds: p.gracePeriod(),
			Affinity:                      p.backupAffinity(),
			Tolerations:                   p.tolerations(),
			SecurityContext:               p.podSecurity(),
			TopologySpreadConstraints:     p.spec.TopologySpreadConstraints,
			Volumes:                       volumes(mounts),
		},
		Container: BackupContainerView{
			Image:                    c.LogicalBackupDockerImage,
			Env:                      envEntries(p.backupEnv()),
			VolumeMounts:             mountEntries(mountsOf(names.BackupContainer, nil, mounts)),
			Resources:                p.backupResources(),
			AllowPrivilegeEscalation: c.SpiloAllowPrivilegeEscalation,
			Privileged:               c.SpiloPrivileged,
		},
	}
}

// backupAffinity keeps backups on nodes that are ready for databases. That it
// draws them to one another is what Zalando's operator does.
func (p *policy) backupAffinity() *corev1.Affinity {
	return &corev1.Affinity{
		NodeAffinity: p.nodeAffinity(nil),
		PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 1,
			PodAffinityTerm: corev1.PodAffinityTerm{
				LabelSelector: &metav1.LabelSelector{MatchLabels: p.scheme.BackupObject(p.owner)},
				TopologyKey:   corev1.LabelHostname,
			},
		}}},
	}
}

func (p *policy) backupResources() *ResourcesView {
	c, general := p.config, p.podDefaults()
	return p.containerResources("spec.resources", nil, resourceDefaults{
		cpuRequest:    firstSet(c.LogicalBackupCPURequest, general.cpuRequest),
		memoryRequest: firstSet(c.LogicalBackupMemoryRequest, general.memoryRequest),
		cpuLimit:      firstSet(c.LogicalBackupCPULimit, general.cpuLimit),
		memoryLimit:   firstSet(c.LogicalBackupMemoryLimit, general.memoryLimit),
	})
}

// backupEnv tells the backup image which cluster to dump, and where to. The
// configured Secret comes last and may replace any of it.
// https://github.com/zalando/postgres-operator/blob/v2.0.1/logical-backup/dump.sh
func (p *policy) backupEnv() []corev1.EnvVar {
	c := p.config
	env := newEnvironment()
	env.add(
		value("SCOPE", p.manifest.Name),
		value("CLUSTER_NAME_LABEL", c.ClusterNameLabel),
		field("POD_NAMESPACE", "metadata.namespace"),
		value("PG_VERSION", p.spec.Postgresql.PgVersion),
		value("PGPORT", "5432"),
		value("PGUSER", c.SuperUsername),
		value("PGDATABASE", c.SuperUsername),
		value("PGSSLMODE", "require"),
		secretKey("PGPASSWORD", p.secretName(c.SuperUsername, p.manifest.Name), "password"),
		value("LOGICAL_BACKUP_PROVIDER", c.LogicalBackupProvider),
		value("LOGICAL_BACKUP_S3_BUCKET", c.LogicalBackupS3Bucket),
		value("LOGICAL_BACKUP_S3_BUCKET_PREFIX", c.LogicalBackupS3BucketPrefix),
		value("LOGICAL_BACKUP_S3_BUCKET_SCOPE_SUFFIX", scopeSuffix(string(p.manifest.UID))),
	)
	env.add(p.backupStoreEnv()...)
	secret := p.config.LogicalBackupCronjobEnvironmentSecret
	env.set(p.secretVariables(secret, p.in.Observed.BackupEnvironmentSecret, "logical_backup_cronjob_environment_secret")...)
	return env.vars
}

// backupStoreEnv holds what one kind of storage needs.
func (p *policy) backupStoreEnv() []corev1.EnvVar {
	c := p.config
	switch c.LogicalBackupProvider {
	case "s3":
		return append([]corev1.EnvVar{
			value("LOGICAL_BACKUP_S3_REGION", c.LogicalBackupS3Region),
			value("LOGICAL_BACKUP_S3_ENDPOINT", c.LogicalBackupS3Endpoint),
			value("LOGICAL_BACKUP_S3_SSE", c.LogicalBackupS3SSE),
			value("LOGICAL_BACKUP_S3_RETENTION_TIME", firstText(p.spec.LogicalBackupRetention, c.LogicalBackupS3RetentionTime)),
		}, given(
			value("AWS_ACCESS_KEY_ID", c.LogicalBackupS3AccessKeyID),
			value("AWS_SECRET_ACCESS_KEY", c.LogicalBackupS3SecretAccessKey),
		)...)
	case "gcs":
		return given(value("LOGICAL_BACKUP_GOOGLE_APPLICATION_CREDENTIALS", c.LogicalBackupGoogleApplicationCredentials))
	case "az":
		return append([]corev1.EnvVar{
			value("LOGICAL_BACKUP_AZURE_STORAGE_ACCOUNT_NAME", c.LogicalBackupAzureStorageAccountName),
			value("LOGICAL_BACKUP_AZURE_STORAGE_CONTAINER", c.LogicalBackupAzureStorageContainer),
		}, given(value("LOGICAL_BACKUP_AZURE_STORAGE_ACCOUNT_KEY", c.LogicalBackupAzureStorageAccountKey))...)
	}
	return nil
}

// given drops variables without a value.
func given(vars ...corev1.EnvVar) []corev1.EnvVar {
	return slices.DeleteFunc(vars, func(v corev1.EnvVar) bool { return v.Value == "" })
}

// firstText is the first text that is not empty.
func firstText(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
