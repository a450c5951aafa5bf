// Package waves decides which clusters of a fleet take over a change next: canaries first, then so many at a
// time, with a pause after each wave, and no further while a cluster of the last one is not healthy again.
//
// It is pure. What it has decided stands in a Progress, which the caller keeps on an object in the API
// server and hands in again; an operator that was restarted in the middle goes on where it stopped.
// Nothing else is remembered: which clusters wait, and how they are, is seen anew each time. So a second
// change that comes in the middle of the first needs no special case. Clusters that have the first one
// wait again, the canaries among them first.
package waves

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Plan is how a change goes through the fleet.
type Plan struct {
	Size            string        // of a wave: a number, a percentage of the fleet, or empty for all that wait
	Pause           time.Duration // after a wave that went well
	Deadline        time.Duration // after which a cluster that is not healthy again counts as unhealthy
	StopOnUnhealthy bool          // else the next wave begins without it
}

// Cluster is one cluster of the fleet.
type Cluster struct {
	Name    string // namespace/name
	Canary  bool
	Held    bool   // a change waits, for whatever
	Change  string // digest of the change that waits for its turn in a wave; empty for none
	Stale   bool   // it has not yet been looked at with the newest configuration and templates
	Trouble string // why it does not count as healthy and rolled out; empty when it does
}

// Phase is the state of a rollout in one word.
type Phase string

// The phases.
const (
	Done    Phase = "Done"    // nothing waits
	Rolling Phase = "Rolling" // the clusters of a wave take over the change
	Pausing Phase = "Pausing" // a wave went well, the next one begins after the pause
	Waiting Phase = "Waiting" // what is left waits for something else: windows, approvals, health
	Paused  Phase = "Paused"  // somebody has paused it
	Stopped Phase = "Stopped" // a cluster is not healthy after the change
)

// Member is a cluster whose turn it is, with the change that it may take over.
type Member struct{ Name, Change string }

// Progress is what has to be remembered.
type Progress struct {
	Phase   Phase
	Wave    int
	Members []Member
	Began   time.Time // of the wave
	Ended   time.Time // zero while the wave is under way
	Broken  []string  // clusters that have not become healthy since their turn
}

// Ill is a cluster that is not healthy.
type Ill struct{ Name, Why string }

// Decision is the progress from now on, and what to tell of it.
type Decision struct {
	Progress
	Message   string
	Total     int // clusters of the fleet
	Behind    int // of them, those for which a change waits
	Unhealthy []Ill
	LookAgain time.Duration // after which time alone may change the decision; 0 for never
}

// shown is how many clusters a message names.
const shown = 3

// Next decides. The same facts give the same decision, whatever the order of the clusters.
func Next(p Plan, now time.Time, paused bool, clusters []Cluster, before Progress) Decision {
	fleet := slices.SortedFunc(slices.Values(clusters), func(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) })
	d := &decider{Plan: p, now: now, fleet: fleet, Decision: Decision{Progress: before, Total: len(fleet)}}
	for _, c := range fleet {
		if c.Held {
			d.Behind++
		}
	}
	if before.Phase == Done && d.Behind > 0 { // a new rollout
		d.Progress = Progress{Broken: before.Broken}
	}
	d.decide(paused)
	d.noteBroken()
	return d.Decision
}

type decider struct {
	Plan
	Decision
	now   time.Time
	fleet []Cluster
}

func (d *decider) decide(paused bool) {
	if d.underWay() {
		return
	}
	stale := d.stale()
	begin, why := d.candidates()
	pause := d.Pause - d.now.Sub(d.Ended)
	switch {
	case stale > 0:
		d.say(Waiting, fmt.Sprintf("%s to be looked at first", count(stale)))
	case d.Behind == 0:
		d.say(Done, "every cluster has the newest configuration and templates")
	case paused:
		d.say(Paused, "spec.paused is true; "+d.left())
	case len(begin) == 0:
		d.say(Waiting, why)
	case !d.Ended.IsZero() && pause > 0:
		d.say(Pausing, fmt.Sprintf("wave %d went well, the next begins after the pause; %s", d.Wave, d.left()))
		d.LookAgain = pause
	default:
		d.begin(begin)
	}
}

func (d *decider) say(phase Phase, message string) { d.Phase, d.Message = phase, message }

func (d *decider) left() string { return fmt.Sprintf("a change waits for %s", count(d.Behind)) }

// stale counts the clusters of which it is not yet known whether the change concerns them: a canary may be among
// them.
func (d *decider) stale() int {
	n := 0
	for _, c := range d.fleet {
		if c.Stale {
			n++
		}
	}
	return n
}

// underWay looks after the wave that has begun, and tells whether it keeps the next one from beginning.
func (d *decider) underWay() bool {
	if len(d.Members) == 0 {
		return false
	}
	d.renew()
	var open, ill []Ill
	deadline := d.Deadline - d.now.Sub(d.Began)
	for _, m := range d.Members {
		why := d.unfinished(m)
		switch {
		case why == "":
		case deadline > 0:
			open = append(open, Ill{m.Name, why})
		default:
			d.Broken = append(d.Broken, m.Name)
			if !d.superseded(m) {
				ill = append(ill, Ill{m.Name, why})
			}
		}
	}
	switch {
	case len(ill) > 0 && d.StopOnUnhealthy:
		d.say(Stopped, fmt.Sprintf("not healthy after the change: %s; it goes on when they are", list(ill)))
		return true
	case len(open) > 0:
		d.say(Rolling, fmt.Sprintf("wave %d: %d of %s done; under way: %s", d.Wave, len(d.Members)-len(open), count(len(d.Members)), list(open)))
		d.LookAgain = deadline
		return true
	}
	d.Members, d.Ended = nil, d.now // a turn that is over is over: the same change later needs another
	return false
}

// renew gives canaries of the wave that are not healthy the change that has come since, which may mend them:
// others wait for what becomes of it.
func (d *decider) renew() {
	members := slices.Clone(d.Members)
	for i, m := range members {
		if c, ok := d.find(m.Name); ok && c.Canary && c.Trouble != "" && d.superseded(m) {
			members[i].Change, d.Began = c.Change, d.now
		}
	}
	d.Members = members
}

// superseded tells whether another change waits for a member than the one that it had its turn for.
func (d *decider) superseded(m Member) bool {
	c, ok := d.find(m.Name)
	return ok && c.Change != "" && c.Change != m.Change
}

func (d *decider) find(name string) (Cluster, bool) {
	i := slices.IndexFunc(d.fleet, func(c Cluster) bool { return c.Name == name })
	if i < 0 {
		return Cluster{}, false
	}
	return d.fleet[i], true
}

// noteBroken keeps of the broken clusters those that still are.
func (d *decider) noteBroken() {
	broken := d.Broken
	d.Broken, d.Unhealthy = nil, nil
	for _, c := range d.fleet {
		if c.Trouble != "" && slices.Contains(broken, c.Name) {
			d.Broken, d.Unhealthy = append(d.Broken, c.Name), append(d.Unhealthy, Ill{c.Name, c.Trouble})
		}
	}
}

// unfinished says what a member of the wave still lacks. One that was deleted lacks nothing.
func (d *decider) unfinished(m Member) string {
	c, ok := d.find(m.Name)
	if ok && c.Change == m.Change {
		return "its turn has come"
	}
	return c.Trouble
}

// candidates are the clusters that may take the change next, or why there are none. A canary that cannot yet
// holds up the others: that is what it is for. Others that were not healthy before are left out, but not those
// that are broken since their turn: the change may mend them, so they come first.
func (d *decider) candidates() (next []Cluster, why string) {
	var canaries, broken, others []Cluster
	var held, ill []Ill
	blocked := false
	for _, c := range d.fleet {
		switch {
		case !c.Held:
			continue
		case c.Change == "":
			held = append(held, Ill{c.Name, "an approval or a maintenance window"})
		case c.Trouble != "" && !slices.Contains(d.Broken, c.Name):
			ill = append(ill, Ill{c.Name, c.Trouble})
		case c.Canary:
			canaries = append(canaries, c)
			continue
		case c.Trouble != "":
			broken = append(broken, c)
			continue
		default:
			others = append(others, c)
			continue
		}
		blocked = blocked || c.Canary
	}
	others = append(broken, others...)
	switch {
	case len(canaries) > 0:
		return canaries, ""
	case len(others) > 0 && !blocked:
		return others[:min(len(others), d.size())], ""
	}
	var texts []string
	if blocked {
		texts = append(texts, "canaries go first")
	}
	if len(held) > 0 {
		texts = append(texts, "waiting for "+list(held))
	}
	if len(ill) > 0 {
		texts = append(texts, "left out until healthy: "+list(ill))
	}
	return nil, strings.Join(texts, "; ")
}

func (d *decider) begin(clusters []Cluster) {
	d.Wave++
	d.Began, d.Ended, d.Members = d.now, time.Time{}, nil
	for _, c := range clusters {
		d.Members = append(d.Members, Member{c.Name, c.Change})
	}
	kind := ""
	if clusters[0].Canary {
		kind = "canaries, "
	}
	d.say(Rolling, fmt.Sprintf("wave %d: %s%s", d.Wave, kind, count(len(clusters))))
	d.LookAgain = d.Deadline
}

// size is how many clusters a wave has, at least one.
func (d *decider) size() int {
	size, err := ParseSize(d.Size)
	if err != nil || size == 0 {
		return len(d.fleet)
	}
	if size < 0 {
		size = (len(d.fleet)*-size + 99) / 100
	}
	return max(1, size)
}

// ParseSize reads the size of a wave: a number is positive, a percentage is negative, 0 is everything.
func ParseSize(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || percent && n > 100 {
		return 0, fmt.Errorf("size of a wave %q: want a number or a percentage, such as 5 or 10%%", text)
	}
	if percent {
		return -n, nil
	}
	return n, nil
}

func count(n int) string {
	if n == 1 {
		return "1 cluster"
	}
	return fmt.Sprintf("%d clusters", n)
}

// list names the first few.
func list(all []Ill) string {
	var texts []string
	for _, one := range all[:min(shown, len(all))] {
		texts = append(texts, fmt.Sprintf("%s (%s)", one.Name, one.Why))
	}
	if more := len(all) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}
