package render

import "encoding/json"

// standbyRestore fetches WAL of the primary from its archive. Spilo writes
// such a command when it makes a standby; this one is for a cluster that
// becomes one later.
// https://github.com/zalando/spilo/blob/master/postgres-appliance/scripts/configure_spilo.py
const standbyRestore = `envdir "/run/etc/wal-e.d/env-standby" /scripts/restore_command.sh "%f" "%p"`

// DynamicConfiguration is what a manifest has to say in Patroni's dynamic
// configuration while the cluster runs, in the form of its JSON; nil removes a
// key. Keys that are not in it belong to others. Of the input it reads
// manifest, its status, configuration, and what was observed of streams.
//
// It is what SPILO_CONFIGURATION holds under bootstrap.dcs, which counts only
// when a cluster is made, and what is not known or needed before.
func DynamicConfiguration(in Input) map[string]any {
	p := newPolicy(in)
	text, err := json.Marshal(p.dcs())
	if err != nil {
		panic(err) // strings, numbers and maps of them always marshal
	}
	dynamic := map[string]any{}
	if err := json.Unmarshal(text, &dynamic); err != nil {
		panic(err) // a struct marshals to an object
	}
	if lag := p.spec.Patroni.MaximumLagOnFailover; lag > 0 {
		dynamic["maximum_lag_on_failover"] = lag // the exact number
	}
	for _, key := range []string{"synchronous_mode", "synchronous_mode_strict", "synchronous_node_count"} {
		if _, given := dynamic[key]; !given {
			dynamic[key] = nil // what the manifest does not ask for is off
		}
	}
	p.addStreams(dynamic)
	if p.spec.StandbyCluster != nil {
		dynamic["standby_cluster"] = p.standbyCluster()
	}
	return dynamic
}

// addStreams asks for what logical replication needs. Slots of the manifest
// win over those of streams.
func (p *policy) addStreams(dynamic map[string]any) {
	slots := p.streamSlots()
	if len(slots) == 0 && (len(p.spec.Streams) == 0 || p.in.Observed.StreamsMissing) {
		return
	}
	parameters := p.parameters(func(name string) bool { return !LocalParameter(name) })
	dynamic["postgresql"] = map[string]any{"parameters": overlaid(parameters, map[string]string{"wal_level": "logical"})}
	for name, slot := range p.spec.Patroni.Slots {
		slots[name] = slot
	}
	if len(slots) > 0 {
		dynamic["slots"] = slots
	}
}

// standbyCluster is the primary that the cluster follows. Without the section
// nothing is said: who made a standby by variables or by hand does not want it
// promoted by the operator.
func (p *policy) standbyCluster() map[string]any {
	standby := p.spec.StandbyCluster
	orNothing := func(text string) any {
		if text == "" || standby.StandbyHost == "" {
			return nil
		}
		return text
	}
	section := map[string]any{
		"host":                   orNothing(standby.StandbyHost),
		"port":                   orNothing(standby.StandbyPort),
		"primary_slot_name":      orNothing(standby.StandbyPrimarySlotName),
		"restore_command":        nil,
		"create_replica_methods": []any{"basebackup_fast_xlog"},
	}
	if standby.S3WalPath != "" || standby.GSWalPath != "" {
		section["restore_command"] = standbyRestore
		section["create_replica_methods"] = []any{"bootstrap_standby_with_wale", "basebackup_fast_xlog"}
	}
	return section
}
