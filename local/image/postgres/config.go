package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// environment is what the operator says to the image, by variable name.
type environment map[string]string

// or returns the variable, or fallback when it is unset or empty.
func (e environment) or(name, fallback string) string {
	if e[name] != "" {
		return e[name]
	}
	return fallback
}

// facts is what the configuration depends on besides the environment.
type facts struct {
	hostname    string
	memory      int64    // limit of the container, bytes
	installed   []string // major versions of PostgreSQL in this image, oldest first
	dataVersion string   // major version of the existing data, empty for a new volume
}

// Names of files that the configuration and their makers agree on.
const (
	home        = "/home/postgres"
	runDir      = "/run"
	socketDir   = "/var/run/postgresql"
	defaultCert = runDir + "/certs/server.crt"
	defaultKey  = runDir + "/certs/server.key"
	passFile    = home + "/.pgpass_patroni"
	cloneFile   = home + "/.pgpass_clone"
)

type object = map[string]any

// Paths of the database, as Spilo lays them out on the volume.
func (e environment) root() string { return e.or("PGROOT", home+"/pgdata/pgroot") }
func (e environment) data() string { return e.or("PGDATA", path.Join(e.root(), "data")) }

// patroniConfig turns the environment into Patroni's configuration. What
// SPILO_CONFIGURATION says wins over what the image says: objects are merged,
// lists and everything else replaced. See zalando/spilo, ENVIRONMENT.rst, and
// Patroni, "YAML Configuration Settings".
func patroniConfig(env environment, f facts) (object, error) {
	if err := checkEnvironment(env); err != nil {
		return nil, err
	}
	kubernetes, err := kubernetesSection(env)
	if err != nil {
		return nil, err
	}
	port := env.or("APIPORT", "8008")
	config := object{
		"scope":      env["SCOPE"],
		"name":       f.hostname,
		"namespace":  env.or("POD_NAMESPACE", "default"),
		"restapi":    object{"listen": ":" + port, "connect_address": hostPort(env["POD_IP"], port)},
		"kubernetes": kubernetes,
		"bootstrap":  bootstrapSection(env, f),
		"postgresql": postgresqlSection(env, f),
	}
	var own object
	if err := json.Unmarshal([]byte(env.or("SPILO_CONFIGURATION", "{}")), &own); err != nil {
		return nil, fmt.Errorf("SPILO_CONFIGURATION: not a JSON object: %w", err)
	}
	config = merge(config, own).(object)
	postgresql, ok := config["postgresql"].(object)
	if !ok {
		return nil, fmt.Errorf("SPILO_CONFIGURATION: postgresql must be an object")
	}
	postgresql["bin_dir"] = binDir(env, f, postgresql["bin_dir"])
	return config, nil
}

// checkEnvironment names what is missing, or asked for and not in this image.
func checkEnvironment(env environment) error {
	for _, name := range []string{"SCOPE", "POD_IP", "PGPASSWORD_SUPERUSER", "PGPASSWORD_STANDBY"} {
		if env[name] == "" {
			return fmt.Errorf("%s: must be set", name)
		}
	}
	if env["DCS_ENABLE_KUBERNETES_API"] == "" {
		return fmt.Errorf("DCS_ENABLE_KUBERNETES_API: must be set: this image keeps its state in Kubernetes only")
	}
	if env["CLONE_METHOD"] == "CLONE_WITH_WALE" {
		return fmt.Errorf("CLONE_METHOD: CLONE_WITH_WALE is not in this image: allowed is CLONE_WITH_BASEBACKUP")
	}
	if env["STANDBY_METHOD"] == "STANDBY_WITH_WALE" {
		return fmt.Errorf("STANDBY_METHOD: STANDBY_WITH_WALE is not in this image: set STANDBY_HOST")
	}
	if env["CLONE_METHOD"] == "CLONE_WITH_BASEBACKUP" {
		for _, name := range []string{"CLONE_HOST", "CLONE_USER", "CLONE_PASSWORD"} {
			if env[name] == "" {
				return fmt.Errorf("%s: must be set with CLONE_WITH_BASEBACKUP", name)
			}
		}
	}
	return nil
}

// kubernetesSection says where Patroni keeps its state and how it labels pods.
func kubernetesSection(env environment) (object, error) {
	section := object{
		"scope_label":                env.or("KUBERNETES_SCOPE_LABEL", "version"),
		"role_label":                 env.or("KUBERNETES_ROLE_LABEL", "spilo-role"),
		"leader_label_value":         env.or("KUBERNETES_LEADER_LABEL_VALUE", "master"),
		"standby_leader_label_value": env.or("KUBERNETES_STANDBY_LEADER_LABEL_VALUE", "master"),
		"bypass_api_service":         env.or("KUBERNETES_BYPASS_API_SERVICE", "true") == "true",
	}
	for name, fallback := range map[string]string{"labels": `{"application":"spilo"}`, "bootstrap_labels": `{}`} {
		variable := "KUBERNETES_" + strings.ToUpper(name)
		var labels map[string]string
		if err := json.Unmarshal([]byte(env.or(variable, fallback)), &labels); err != nil {
			return nil, fmt.Errorf("%s: not a JSON object of strings: %w", variable, err)
		}
		section[name] = labels
	}
	if env["KUBERNETES_USE_CONFIGMAPS"] == "" {
		section["use_endpoints"] = true
		section["pod_ip"] = env["POD_IP"]
		section["ports"] = []object{{"name": "postgresql", "port": 5432}}
	}
	return section, nil
}

// bootstrapSection is what the first member of a new cluster starts from;
// later the cluster's own configuration in Kubernetes counts.
func bootstrapSection(env environment, f facts) object {
	dcs := object{
		"ttl":                     30,
		"loop_wait":               10,
		"retry_timeout":           10,
		"maximum_lag_on_failover": 33554432,
		"postgresql": object{
			"use_pg_rewind": true,
			"use_slots":     true,
			"parameters":    sharedParameters(f),
		},
	}
	if env["STANDBY_HOST"] != "" {
		standby := object{"host": env["STANDBY_HOST"], "create_replica_methods": []string{"basebackup"}}
		for name, variable := range map[string]string{"port": "STANDBY_PORT", "primary_slot_name": "STANDBY_PRIMARY_SLOT_NAME"} {
			if env[variable] != "" {
				standby[name] = env[variable]
			}
		}
		dcs["standby_cluster"] = standby
	}
	section := object{
		"dcs":       dcs,
		"initdb":    []any{object{"encoding": "UTF8"}, object{"locale": env.or("INITDB_LOCALE", "en_US") + ".UTF-8"}, "data-checksums"},
		"post_init": "/scripts/post_init.sh " + env.or("HUMAN_ROLE", "zalandos"),
	}
	if env["CLONE_METHOD"] == "CLONE_WITH_BASEBACKUP" {
		section["method"] = "clone_with_basebackup"
		section["clone_with_basebackup"] = object{
			"command": fmt.Sprintf("/scripts/clone_with_basebackup.sh --passfile=%s --host=%s --port=%s --user=%s --superuser=%s",
				cloneFile, env["CLONE_HOST"], env.or("CLONE_PORT", "5432"), env["CLONE_USER"], env.or("PGUSER_SUPERUSER", "postgres")),
		}
	}
	return section
}

// sharedParameters are those which must be alike on all members.
func sharedParameters(f facts) object {
	return object{
		"archive_mode":                    "on",
		"archive_timeout":                 "1800s",
		"autovacuum_analyze_scale_factor": 0.02,
		"autovacuum_max_workers":          5,
		"autovacuum_vacuum_scale_factor":  0.05,
		"checkpoint_completion_target":    0.9,
		"hot_standby":                     "on",
		"log_autovacuum_min_duration":     0,
		"log_checkpoints":                 "on",
		"log_connections":                 "on",
		"log_disconnections":              "on",
		"log_line_prefix":                 "%t [%p]: [%l-1] %c %x %d %u %a %h ",
		"log_lock_waits":                  "on",
		"log_min_duration_statement":      500,
		"log_statement":                   "ddl",
		"log_temp_files":                  0,
		"max_connections":                 min(max(100, f.memory/(30<<20)), 1000),
		"max_replication_slots":           10,
		"max_wal_senders":                 10,
		"tcp_keepalives_idle":             900,
		"tcp_keepalives_interval":         100,
		"track_functions":                 "all",
		"wal_compression":                 "on",
		"wal_level":                       "replica",
		"wal_log_hints":                   "on",
	}
}

// postgresqlSection is what concerns this member only.
func postgresqlSection(env environment, f facts) object {
	port := env.or("PGPORT", "5432")
	return object{
		"listen":               "*:" + port,
		"connect_address":      hostPort(env["POD_IP"], port),
		"data_dir":             env.data(),
		"pgpass":               passFile,
		"use_unix_socket":      true,
		"use_unix_socket_repl": true,
		"parameters":           localParameters(env, f),
		"pg_hba":               accessRules(env),
		"authentication": object{
			"superuser":   object{"username": env.or("PGUSER_SUPERUSER", "postgres"), "password": env["PGPASSWORD_SUPERUSER"]},
			"replication": object{"username": env.or("PGUSER_STANDBY", "standby"), "password": env["PGPASSWORD_STANDBY"]},
		},
		"create_replica_methods": []string{"basebackup"},
		// Without this a new replica waits for the next regular checkpoint.
		"basebackup": []object{{"checkpoint": "fast"}},
	}
}

// localParameters may differ between members.
func localParameters(env environment, f facts) object {
	parameters := object{
		"archive_command":                  "/bin/true",
		"extwlist.custom_path":             "/scripts",
		"extwlist.extensions":              "btree_gin,btree_gist,citext,hstore,intarray,ltree,pgcrypto,pg_trgm,postgres_fdw,tablefunc,uuid-ossp",
		"log_destination":                  "csvlog",
		"log_directory":                    "../pg_log",
		"log_file_mode":                    "0644",
		"log_filename":                     "postgresql-%u.log",
		"log_rotation_age":                 "1d",
		"log_truncate_on_rotation":         "on",
		"logging_collector":                "on",
		"pg_stat_statements.track_utility": "off",
		"shared_buffers":                   strconv.FormatInt(f.memory/5>>20, 10) + "MB",
		"shared_preload_libraries":         "pg_stat_statements,pgextwlist,set_user,pg_cron",
		"ssl":                              "on",
		"ssl_cert_file":                    env.or("SSL_CERTIFICATE_FILE", defaultCert),
		"ssl_key_file":                     env.or("SSL_PRIVATE_KEY_FILE", defaultKey),
		"unix_socket_directories":          socketDir,
	}
	for name, variable := range map[string]string{"ssl_ca_file": "SSL_CA_FILE", "ssl_crl_file": "SSL_CRL_FILE"} {
		if env[variable] != "" {
			parameters[name] = env[variable]
		}
	}
	return parameters
}

// accessRules are the lines of pg_hba.conf: everybody over TLS with a
// password, nobody without TLS, and peers on the same machine as they come.
func accessRules(env environment) []string {
	standby := env.or("PGUSER_STANDBY", "standby")
	rules := []string{
		"local   all         all                  trust",
		"host    all         all     127.0.0.1/32 md5",
		"host    all         all     ::1/128      md5",
		"local   replication " + standby + "              trust",
		"hostssl replication " + standby + " all          md5",
	}
	if env["ALLOW_NOSSL"] != "" {
		return append(rules, "host    all         all     all          md5")
	}
	return append(rules,
		"hostnossl all       all     all          reject",
		"hostssl all         all     all          md5")
}

// binDir chooses the binaries: existing data needs those of its own version
// until it has been upgraded; then the manifest counts, then PGVERSION, then
// the newest.
func binDir(env environment, f facts, configured any) string {
	version := f.installed[len(f.installed)-1]
	switch directory, _ := configured.(string); {
	case slices.Contains(f.installed, f.dataVersion):
		version = f.dataVersion
	case directory != "":
		return directory
	case slices.Contains(f.installed, env["PGVERSION"]):
		version = env["PGVERSION"]
	}
	return "/usr/lib/postgresql/" + version + "/bin"
}

// merge lays over on top of base.
func merge(base, over any) any {
	lower, lowerOK := base.(object)
	upper, upperOK := over.(object)
	if !lowerOK || !upperOK {
		return over
	}
	merged := maps.Clone(lower)
	for key, value := range upper {
		if existing, ok := merged[key]; ok {
			value = merge(existing, value)
		}
		merged[key] = value
	}
	return merged
}

func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]:" + port
	}
	return host + ":" + port
}
