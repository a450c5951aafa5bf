package render

import (
	"encoding/json"
	"maps"
	"slices"
)

// spiloConfiguration is the value of SPILO_CONFIGURATION: JSON that the image
// merges into Patroni's configuration file. It is a string in a pod template,
// so every byte counts: another order of keys would restart all pods. The
// order is that of the structs below, and of sorted keys in maps.
//
// https://github.com/zalando/spilo/blob/master/ENVIRONMENT.rst
// https://patroni.readthedocs.io/en/latest/yaml_configuration.html
type spiloConfiguration struct {
	Postgresql map[string]any `json:"postgresql"`
	Bootstrap  spiloBootstrap `json:"bootstrap"`
}

type spiloBootstrap struct {
	InitDB []any    `json:"initdb"`
	DCS    spiloDCS `json:"dcs"`
}

// spiloDCS holds Patroni's dynamic configuration. It takes effect when a
// cluster is made; later changes reach Patroni through its REST API.
type spiloDCS struct {
	TTL                   uint32                       `json:"ttl,omitempty"`
	LoopWait              uint32                       `json:"loop_wait,omitempty"`
	RetryTimeout          uint32                       `json:"retry_timeout,omitempty"`
	MaximumLagOnFailover  float32                      `json:"maximum_lag_on_failover,omitempty"`
	SynchronousMode       bool                         `json:"synchronous_mode,omitempty"`
	SynchronousModeStrict bool                         `json:"synchronous_mode_strict,omitempty"`
	SynchronousNodeCount  uint32                       `json:"synchronous_node_count,omitempty"`
	Postgresql            map[string]map[string]string `json:"postgresql,omitempty"`
	Slots                 map[string]map[string]string `json:"slots,omitempty"`
	FailsafeMode          *bool                        `json:"failsafe_mode,omitempty"`
}

func (p *policy) spiloConfiguration() string {
	text, err := json.Marshal(spiloConfiguration{
		Postgresql: p.localPostgresql(),
		Bootstrap:  spiloBootstrap{InitDB: p.initDB(), DCS: p.dcs()},
	})
	if err != nil {
		panic(err) // strings, numbers and maps of them always marshal
	}
	return string(text)
}

// localPostgresql holds what each member reads from its own file. A change of
// it changes the pod template.
func (p *policy) localPostgresql() map[string]any {
	local := map[string]any{}
	if !p.config.EnablePgVersionEnvVar {
		local["bin_dir"] = binaries + p.majorVersion(p.spec.Postgresql.PgVersion) + "/bin"
	}
	if parameters := p.parameters(LocalParameter); len(parameters) > 0 {
		local["parameters"] = parameters
	}
	if lines := p.spec.Patroni.PgHba; len(lines) > 0 {
		local["pg_hba"] = lines
	}
	return local
}

func (p *policy) dcs() spiloDCS {
	patroni := p.spec.Patroni
	dcs := spiloDCS{
		TTL:                   patroni.TTL,
		LoopWait:              patroni.LoopWait,
		RetryTimeout:          patroni.RetryTimeout,
		MaximumLagOnFailover:  float32(patroni.MaximumLagOnFailover),
		SynchronousMode:       patroni.SynchronousMode,
		SynchronousModeStrict: patroni.SynchronousModeStrict,
		SynchronousNodeCount:  patroni.SynchronousNodeCount,
		Slots:                 patroni.Slots,
		FailsafeMode:          patroni.FailsafeMode,
	}
	if dcs.FailsafeMode == nil {
		dcs.FailsafeMode = p.config.EnablePatroniFailsafeMode
	}
	shared := p.parameters(func(name string) bool { return !LocalParameter(name) })
	if len(shared) > 0 {
		dcs.Postgresql = map[string]map[string]string{"parameters": shared}
	}
	return dcs
}

// parameters selects from the server parameters of the manifest.
func (p *policy) parameters(wanted func(name string) bool) map[string]string {
	selected := maps.Clone(p.spec.Postgresql.Parameters)
	maps.DeleteFunc(selected, func(name, _ string) bool { return !wanted(name) })
	return selected
}

// LocalParameter tells whether a server parameter belongs to each member
// rather than to the cluster: it then stands in the pod template. All others
// are Patroni's dynamic configuration.
func LocalParameter(name string) bool {
	switch name {
	case "archive_command", "shared_buffers", "logging_collector", "log_destination",
		"log_directory", "log_filename", "log_file_mode", "log_rotation_age",
		"log_truncate_on_rotation", "ssl", "ssl_ca_file", "ssl_crl_file",
		"ssl_cert_file", "ssl_key_file", "shared_preload_libraries",
		"bg_mon.listen_address", "bg_mon.history_buckets",
		"pg_stat_statements.track_utility", "extwlist.extensions", "extwlist.custom_path":
		return true
	}
	return false
}

// initDB lists the options of initdb: one-key objects, or bare strings for
// options without a value. Passwords are hashed with SCRAM unless the manifest
// says otherwise.
func (p *policy) initDB() []any {
	given := maps.Clone(p.spec.Patroni.InitDB)
	options := []any{}
	for _, option := range [][2]string{{"auth-host", "scram-sha-256"}, {"auth-local", "trust"}} {
		name, text := option[0], option[1]
		if own, found := given[name]; found {
			text = own
			delete(given, name)
		}
		options = append(options, map[string]string{name: text})
	}
	flags := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		text := given[name]
		switch {
		case flags[text]: // an option spelled as the value of another
		case text == "true" && initDBFlag(name):
			flags[name] = true
			options = append(options, name)
		default:
			options = append(options, map[string]string{name: text})
		}
	}
	return options
}

// initDBFlag tells whether an option of initdb takes no value.
// https://www.postgresql.org/docs/current/app-initdb.html
func initDBFlag(name string) bool {
	switch name {
	case "data-checksums", "debug", "no-locale", "noclean", "nosync", "sync-only":
		return true
	}
	return false
}
