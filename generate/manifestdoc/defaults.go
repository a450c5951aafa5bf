package main

import (
	"fmt"
	"maps"
	"slices"

	"postgres-operator/config"
)

// options are the fields that fall back to an option of the operator's configuration.
func options() map[string]string {
	fields := map[string]string{
		"spec.dockerImage":                     "docker_image",
		"spec.enableMasterLoadBalancer":        "enable_master_load_balancer",
		"spec.enableMasterNodePort":            "enable_master_node_port",
		"spec.enableMasterPoolerLoadBalancer":  "enable_master_pooler_load_balancer",
		"spec.enableMasterPoolerNodePort":      "enable_master_pooler_node_port",
		"spec.enableReplicaLoadBalancer":       "enable_replica_load_balancer",
		"spec.enableReplicaNodePort":           "enable_replica_node_port",
		"spec.enableReplicaPoolerLoadBalancer": "enable_replica_pooler_load_balancer",
		"spec.enableReplicaPoolerNodePort":     "enable_replica_pooler_node_port",
		"spec.enableShmVolume":                 "enable_shm_volume",
		"spec.livenessProbe":                   "liveness_probe",
		"spec.logicalBackupRetention":          "logical_backup_s3_retention_time",
		"spec.logicalBackupSchedule":           "logical_backup_schedule",
		"spec.maintenanceWindows":              "maintenance_windows",
		"spec.podPriorityClassName":            "pod_priority_class_name",
		"spec.spiloFSGroup":                    "spilo_fsgroup",
		"spec.spiloRunAsGroup":                 "spilo_runasgroup",
		"spec.spiloRunAsUser":                  "spilo_runasuser",
		"spec.tolerations":                     "toleration",
		"spec.patroni.failsafe_mode":           "enable_patroni_failsafe_mode",

		"spec.connectionPooler.dockerImage":       "connection_pooler_image",
		"spec.connectionPooler.maxDBConnections":  "connection_pooler_max_db_connections",
		"spec.connectionPooler.mode":              "connection_pooler_mode",
		"spec.connectionPooler.numberOfInstances": "connection_pooler_number_of_instances",
		"spec.connectionPooler.schema":            "connection_pooler_schema",
		"spec.connectionPooler.user":              "connection_pooler_user",
	}
	for parent, prefix := range map[string]string{
		"spec": "default_", "spec.sidecars[]": "default_", "spec.connectionPooler": "connection_pooler_default_",
	} {
		for _, resource := range []string{"cpu", "memory"} {
			fields[parent+".resources.requests."+resource] = prefix + resource + "_request"
			fields[parent+".resources.limits."+resource] = prefix + resource + "_limit"
		}
	}
	return fields
}

// fixed are the fields whose absence means something that no option says.
func fixed() map[string]string {
	return map[string]string{
		"spec.additionalVolumes[].targetContainers":       "`[postgres]`",
		"spec.allowedSourceRanges":                        "`[127.0.0.1/32]`",
		"spec.enableConnectionPooler":                     "`true` with a section `connectionPooler`",
		"spec.enableReplicaConnectionPooler":              "`false`",
		"spec.enableLogicalBackup":                        "`false`",
		"spec.patroni.initdb":                             "`auth-host: scram-sha-256`, `auth-local: trust`",
		"spec.patroni.loop_wait":                          "the image's",
		"spec.patroni.maximum_lag_on_failover":            "the image's",
		"spec.patroni.pg_hba":                             "the image's",
		"spec.patroni.retry_timeout":                      "the image's",
		"spec.patroni.ttl":                                "the image's",
		"spec.patroni.synchronous_mode":                   "`false`",
		"spec.patroni.synchronous_mode_strict":            "`false`",
		"spec.preparedDatabases{}.defaultUsers":           "`false`",
		"spec.preparedDatabases{}.schemas":                "`data: {}`",
		"spec.preparedDatabases{}.schemas{}.defaultRoles": "`true`",
		"spec.preparedDatabases{}.schemas{}.defaultUsers": "`false`",
		"spec.preparedDatabases{}.secretNamespace":        "the cluster's",
		"spec.masterNodePort":                             "chosen by Kubernetes",
		"spec.masterPoolerNodePort":                       "chosen by Kubernetes",
		"spec.replicaNodePort":                            "chosen by Kubernetes",
		"spec.replicaPoolerNodePort":                      "chosen by Kubernetes",
		"spec.sidecars[].name":                            "`sidecar-<index>`",
		"spec.standby.standby_port":                       "`5432`",
		"spec.streams[].tables{}.ignoreRecovery":          "`false`",
		"spec.streams[].tables{}.recoveryEventType":       "`<eventType>-dead-letter-queue` with enableRecovery",
		"spec.tls.certificateFile":                        "`tls.crt`",
		"spec.tls.privateKeyFile":                         "`tls.key`",
		"spec.volume.storageClass":                        "the default class of Kubernetes",
	}
}

// fallbacks are the words for what holds when a field is absent, by path.
func fallbacks() (map[string]string, error) {
	known := map[string]bool{}
	for _, o := range config.Options() {
		known[o.Key] = true
	}
	words := fixed()
	byField := options()
	for _, path := range slices.Sorted(maps.Keys(byField)) {
		key := byField[path]
		if !known[key] {
			return nil, fmt.Errorf("%s is said to fall back to %s, which is no option", path, key)
		}
		words[path] = "option `" + key + "`"
	}
	return words, nil
}
