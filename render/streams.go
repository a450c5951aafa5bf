package render

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// StreamView is the FabricEventStream of one application: which tables another
// operator reads by logical replication, and what events it makes of them.
type StreamView struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Secret      string            `json:"secret"` // with the password of the role that reads
	Tables      []StreamTableView `json:"tables"`
}

// StreamTableView is one table of a stream.
type StreamTableView struct {
	Database      string       `json:"database"`
	Schema        string       `json:"schema"`
	Table         string       `json:"table"`
	IDColumn      *string      `json:"idColumn,omitempty"`
	PayloadColumn *string      `json:"payloadColumn,omitempty"`
	Filter        *string      `json:"filter,omitempty"`
	EventType     string       `json:"eventType"`
	BatchSize     *uint32      `json:"batchSize,omitempty"`
	Slot          string       `json:"slot"`
	URL           string       `json:"url"` // of the database, for JDBC
	Recovery      RecoveryView `json:"recovery"`
}

// RecoveryView says what becomes of events that cannot be delivered.
type RecoveryView struct {
	Type      string `json:"type"`                // None, Ignore, DeadLetter
	EventType string `json:"eventType,omitempty"` // of the queue of dead letters
}

// slotName is what Postgres accepts as the name of a replication slot.
// https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION-SLOTS-MANIPULATION
var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

// streams decides about event streams: one object for each application. They
// need a kind that is not part of the operator; without it they wait.
func (p *policy) streams() map[string]StreamView {
	views := map[string]StreamView{}
	if len(p.spec.Streams) == 0 {
		return views
	}
	if p.in.Observed.StreamsMissing {
		p.warn("Streams", "spec.streams waits: the kind %s is not installed", names.StreamDefinition)
		return views
	}
	for i, stream := range p.spec.Streams {
		name := names.StreamSlot(stream.Database, stream.ApplicationID)
		switch {
		case len(stream.Tables) == 0:
			p.warn("Streams", "spec.streams[%d] is left out: it names no tables", i)
		case !slotName.MatchString(name):
			p.warn("Streams", "spec.streams[%d] is left out: its slot would be called %q, and needs a name of 1 to 63 lower-case letters, digits and _", i, name)
		}
	}
	for _, stream := range p.usableStreams() {
		if p.in.Observed.StreamsPending && p.in.Observed.Streams[stream.ApplicationID] == "" {
			continue
		}
		view, known := views[stream.ApplicationID]
		if !known {
			view = StreamView{
				Name:   p.streamObject(stream.ApplicationID),
				Secret: p.secretName(names.StreamRole, p.manifest.Name),
				Tables: []StreamTableView{}, // for streams without any
			}
		}
		view.Tables = append(view.Tables, p.streamTables(stream)...)
		views[stream.ApplicationID] = view
	}
	for id, view := range views {
		view.Annotations = p.downscaled(p.annotations(p.streamResources(id)))
		views[id] = view
	}
	return views
}

// usableStreams are those that have something to read and can have a slot.
func (p *policy) usableStreams() []apiv1.Stream {
	return slices.DeleteFunc(slices.Clone(p.spec.Streams), func(s apiv1.Stream) bool {
		return len(s.Tables) == 0 || !slotName.MatchString(names.StreamSlot(s.Database, s.ApplicationID))
	})
}

// streamObject is the name of an application's object: the one it has, else
// one that looks drawn at random and depends on cluster and application alone.
func (p *policy) streamObject(application string) string {
	if name := p.in.Observed.Streams[application]; name != "" {
		return name
	}
	sum := sha256.Sum256([]byte(string(p.manifest.UID) + "/" + application))
	digits := new(big.Int).SetBytes(sum[:]).Text(36)
	return names.Stream(p.manifest.Name, digits[len(digits)-5:])
}

func (p *policy) streamTables(stream apiv1.Stream) []StreamTableView {
	var tables []StreamTableView
	for _, name := range slices.Sorted(maps.Keys(stream.Tables)) {
		given := stream.Tables[name]
		schema, table := splitTable(name)
		tables = append(tables, StreamTableView{
			Database:      stream.Database,
			Schema:        schema,
			Table:         table,
			IDColumn:      given.IDColumn,
			PayloadColumn: given.PayloadColumn,
			Filter:        stream.Filter[name],
			EventType:     given.EventType,
			BatchSize:     stream.BatchSize,
			Slot:          names.StreamSlot(stream.Database, stream.ApplicationID),
			URL: fmt.Sprintf("jdbc:postgresql://%s.%s/%s?user=%s&ssl=true&sslmode=require",
				p.manifest.Name, p.manifest.Namespace, stream.Database, names.StreamRole),
			Recovery: recovery(stream, given),
		})
	}
	return tables
}

// splitTable takes schema and table apart; a table without one is in public.
func splitTable(name string) (schema, table string) {
	if schema, table, found := strings.Cut(name, "."); found {
		return schema, table
	}
	return "public", name
}

// recovery: a table without a word about it keeps trying.
func recovery(stream apiv1.Stream, table apiv1.StreamTable) RecoveryView {
	off := stream.EnableRecovery != nil && !*stream.EnableRecovery
	silent := stream.EnableRecovery == nil && table.RecoveryEventType == ""
	switch {
	case off || silent:
		return RecoveryView{Type: "None"}
	case isTrue(table.IgnoreRecovery):
		return RecoveryView{Type: "Ignore"}
	}
	return RecoveryView{Type: "DeadLetter", EventType: firstText(table.RecoveryEventType, table.EventType+"-dead-letter-queue")}
}

// streamResources are the largest amounts that the streams of an application
// ask for, as annotations.
func (p *policy) streamResources(application string) map[string]string {
	largest, found := map[string]string{}, amounts{}
	for i, stream := range p.spec.Streams {
		if stream.ApplicationID != application {
			continue
		}
		for _, wish := range []struct {
			annotation, field string
			amount            *string
		}{{names.StreamCPU, cpu, stream.CPU}, {names.StreamMemory, memory, stream.Memory}} {
			if wish.amount == nil || *wish.amount == "" || *wish.amount == "null" {
				continue
			}
			quantity, err := parseQuantity(*wish.amount)
			if err != nil {
				p.invalid(fmt.Sprintf("spec.streams[%d].%s", i, wish.field), *wish.amount, "no quantity")
				continue
			}
			if before, seen := found[wish.annotation]; !seen || quantity.Cmp(before) > 0 {
				found[wish.annotation], largest[wish.annotation] = quantity, *wish.amount
			}
		}
	}
	return largest
}

// streamSlots are the replication slots that streams read from. A new one
// waits until somebody can read it, because the server keeps all WAL for it
// from then on; one that was there stays while its stream does, because what a
// dropped one has not delivered is lost.
func (p *policy) streamSlots() map[string]any {
	wait := p.in.Observed.StreamsMissing || p.in.Observed.StreamsPending
	slots := map[string]any{}
	for _, stream := range p.usableStreams() {
		name := names.StreamSlot(stream.Database, stream.ApplicationID)
		if !wait || slices.Contains(p.manifest.Status.PatroniConfiguration, "slots/"+name) {
			slots[name] = map[string]string{"type": "logical", "database": stream.Database, "plugin": "pgoutput"}
		}
	}
	return slots
}
