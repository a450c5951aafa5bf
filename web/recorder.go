package web

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Limits bound what a Recorder remembers and say how it numbers clusters off.
type Limits struct {
	Workers   int // workers
	LogLines  int // ring_log_lines, per cluster and per worker
	Histories int // cluster_history_entries, per cluster
}

// Recorder remembers what happens to clusters. It is safe for concurrent use.
type Recorder struct {
	limits func() Limits
	now    func() time.Time

	mu        sync.Mutex
	worker    map[types.NamespacedName]int
	next      int
	pending   map[task]wait
	running   map[task]time.Time
	lastSync  time.Time
	logs      map[types.NamespacedName]ring[line]
	manifests map[types.NamespacedName]manifest
	history   map[types.NamespacedName]ring[Change]
}

// task is a cluster in the queue of a reconciler.
type task struct {
	reconciler string
	cluster    types.NamespacedName
}

// wait says since when a task waits, and for what.
type wait struct {
	since time.Time
	event string // as Zalando's operator calls it: SYNC, UPDATE, REPAIR
	idle  bool   // a periodic look at a cluster in which nothing is to be done
}

// manifest is the last one that was dealt with.
type manifest struct {
	generation int64
	spec       map[string]any
}

// line is one line of the log.
type line struct {
	Time    time.Time
	Level   string
	Message string
	cluster types.NamespacedName
}

// Change is a manifest that became another, and when the operator had dealt with it.
type Change struct {
	EventTime   time.Time
	ProcessTime time.Time
	Diff        []string // a line per field, old → new
}

// NewRecorder returns a Recorder. The limits are asked for each time, so a changed configuration
// needs no new one.
func NewRecorder(limits func() Limits) *Recorder {
	r := &Recorder{
		limits: limits, now: time.Now,
		worker:    map[types.NamespacedName]int{},
		logs:      map[types.NamespacedName]ring[line]{},
		manifests: map[types.NamespacedName]manifest{},
		history:   map[types.NamespacedName]ring[Change]{},
	}
	r.Reset()
	return r
}

// Reset forgets what queues hold: they are built anew. Logs and histories stay.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending, r.running = map[task]wait{}, map[task]time.Time{}
}

func (r *Recorder) waits(t task, w wait) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.since = r.now()
	if known, waiting := r.pending[t]; waiting && (!known.idle || w.idle) {
		return // a queue holds a task once; what is more urgent counts
	}
	r.pending[t] = w
}

func (r *Recorder) begins(t task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pending, t)
	r.running[t] = r.now()
}

func (r *Recorder) ends(t task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, t)
	r.lastSync = r.now()
}

// Knows tells whether a generation of a manifest was noted.
func (r *Recorder) Knows(cluster types.NamespacedName, generation int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, noted := r.manifests[cluster]
	return noted && known.generation == generation
}

// Manifest notes the spec of a manifest that the operator has dealt with. The first one is what
// later ones are compared with.
func (r *Recorder) Manifest(cluster types.NamespacedName, generation int64, spec map[string]any, seen time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.manifests[cluster]
	r.manifests[cluster] = manifest{generation, spec}
	if !known {
		return
	}
	if lines := diff(before.spec, spec); len(lines) > 0 {
		change := Change{EventTime: seen, ProcessTime: r.now(), Diff: lines}
		r.history[cluster] = r.history[cluster].with(change, r.limits().Histories)
	}
}

// Forget drops all that is known of a cluster, which is gone.
func (r *Recorder) Forget(cluster types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.worker, cluster)
	delete(r.logs, cluster)
	delete(r.manifests, cluster)
	delete(r.history, cluster)
}

func (r *Recorder) note(l line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.Time = r.now()
	r.logs[l.cluster] = r.logs[l.cluster].with(l, r.limits().LogLines)
}

// workerOf numbers clusters off as they come. The caller holds the lock.
func (r *Recorder) workerOf(cluster types.NamespacedName) int {
	count := max(r.limits().Workers, 1)
	id, known := r.worker[cluster]
	if !known {
		id = r.next
		r.worker[cluster] = id
		r.next++
	}
	return id % count
}

// process is what is being done for a cluster.
type process struct {
	Name      string
	StartTime time.Time
}

// processOf is what has been worked on for longest; the caller holds the lock.
func (r *Recorder) processOf(cluster types.NamespacedName) process {
	var found process
	for t, since := range r.running {
		if t.cluster == cluster && (found.Name == "" || since.Before(found.StartTime)) {
			found = process{t.reconciler, since}
		}
	}
	return found
}

// busy returns the clusters of each worker that are worked on or wait, in order.
func (r *Recorder) busy() map[int][]types.NamespacedName {
	found := map[int][]types.NamespacedName{}
	add := func(cluster types.NamespacedName) {
		id := r.workerOf(cluster)
		if !slices.Contains(found[id], cluster) {
			found[id] = append(found[id], cluster)
		}
	}
	for _, t := range slices.SortedFunc(maps.Keys(r.running), compareTasks) {
		add(t.cluster)
	}
	for _, t := range slices.SortedFunc(maps.Keys(r.pending), compareTasks) {
		if !r.pending[t].idle {
			add(t.cluster)
		}
	}
	return found
}

// workers are the ids of all workers, as text.
func (r *Recorder) workers() []string {
	var ids []string
	for id := range max(r.limits().Workers, 1) {
		ids = append(ids, strconv.Itoa(id))
	}
	return ids
}

// ring keeps the last entries.
type ring[T any] []T

func (r ring[T]) with(entry T, most int) ring[T] {
	r = append(r, entry)
	if surplus := len(r) - max(most, 0); surplus > 0 {
		r = slices.Clone(r[surplus:])
	}
	return r
}
