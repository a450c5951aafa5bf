package waves

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// plan has waves of two, ten minutes apart.
func plan() Plan {
	return Plan{Size: "2", Pause: 10 * time.Minute, Deadline: 30 * time.Minute, StopOnUnhealthy: true}
}

func healthy(name string) Cluster { return Cluster{Name: name} }

func behind(name string) Cluster { return Cluster{Name: name, Held: true, Change: "new-" + name} }

func canary(c Cluster) Cluster {
	c.Canary = true
	return c
}

func troubled(c Cluster, why string) Cluster {
	c.Trouble = why
	return c
}

func held(name string) Cluster { return Cluster{Name: name, Held: true} }

func wave(n int, began time.Duration, names ...string) Progress {
	p := Progress{Phase: Rolling, Wave: n, Began: start.Add(-began)}
	for _, name := range names {
		p.Members = append(p.Members, Member{name, "new-" + name})
	}
	return p
}

func after(n int, ended time.Duration) Progress {
	return Progress{Phase: Pausing, Wave: n, Ended: start.Add(-ended)}
}

func TestNext(t *testing.T) {
	cases := []struct {
		name     string
		clusters []Cluster
		before   Progress
		change   func(*Plan)
		paused   bool
		want     string
		again    time.Duration
	}{
		{"nothing waits", []Cluster{healthy("a")}, Progress{}, nil, false,
			"Done: every cluster has the newest configuration and templates", 0},
		{"no cluster at all", nil, Progress{}, nil, false, "Done: every cluster has the newest configuration and templates", 0},
		{"first wave", []Cluster{behind("c"), behind("a"), behind("b"), healthy("d")}, Progress{}, nil, false,
			"Rolling: wave 1: 2 clusters [a b]", 30 * time.Minute},
		{"canaries go first, all of them", []Cluster{behind("a"), canary(behind("x")), canary(behind("y")), canary(behind("z"))}, Progress{}, nil, false,
			"Rolling: wave 1: canaries, 3 clusters [x y z]", 30 * time.Minute},
		{"without a size, all at once", []Cluster{behind("a"), behind("b"), behind("c")}, Progress{}, func(p *Plan) { p.Size = "" }, false,
			"Rolling: wave 1: 3 clusters [a b c]", 30 * time.Minute},
		{"a percentage is of the fleet, rounded up", []Cluster{behind("a"), behind("b"), behind("c"), healthy("d"), healthy("e")}, Progress{},
			func(p *Plan) { p.Size = "21%" }, false, "Rolling: wave 1: 2 clusters [a b]", 30 * time.Minute},
		{"a wave under way", []Cluster{healthy("a"), troubled(healthy("b"), "no primary"), behind("c")}, wave(1, 5*time.Minute, "a", "b"), nil, false,
			"Rolling: wave 1: 1 of 2 clusters done; under way: b (no primary) [a b]", 25 * time.Minute},
		{"its clusters have not taken it over yet", []Cluster{behind("a")}, wave(1, time.Minute, "a"), nil, false,
			"Rolling: wave 1: 0 of 1 cluster done; under way: a (its turn has come) [a]", 29 * time.Minute},
		{"a cluster of it was deleted", []Cluster{healthy("b")}, wave(1, time.Minute, "a", "b"), nil, false,
			"Done: every cluster has the newest configuration and templates", 0},
		{"the wave went well", []Cluster{healthy("a"), behind("b"), behind("c")}, wave(1, time.Minute, "a"), nil, false,
			"Pausing: wave 1 went well, the next begins after the pause; a change waits for 2 clusters", 10 * time.Minute},
		{"the pause is not over", []Cluster{healthy("a"), behind("b")}, after(1, 4*time.Minute), nil, false,
			"Pausing: wave 1 went well, the next begins after the pause; a change waits for 1 cluster", 6 * time.Minute},
		{"the pause is over", []Cluster{healthy("a"), behind("b")}, after(1, 10*time.Minute), nil, false,
			"Rolling: wave 2: 1 cluster [b]", 30 * time.Minute},
		{"no pause", []Cluster{healthy("a"), behind("b")}, wave(1, time.Minute, "a"), func(p *Plan) { p.Pause = 0 }, false,
			"Rolling: wave 2: 1 cluster [b]", 30 * time.Minute},
		{"the last wave went well", []Cluster{healthy("a"), healthy("b")}, wave(2, time.Minute, "b"), nil, false,
			"Done: every cluster has the newest configuration and templates", 0},
		{"a new rollout starts to count anew and does not pause first", []Cluster{behind("a")}, Progress{Phase: Done, Wave: 7, Ended: start}, nil, false,
			"Rolling: wave 1: 1 cluster [a]", 30 * time.Minute},
		{"unhealthy after the deadline", []Cluster{healthy("a"), troubled(healthy("b"), "0 of 1 members are ready"), behind("c")},
			wave(1, 30*time.Minute, "a", "b"), nil, false,
			"Stopped: not healthy after the change: b (0 of 1 members are ready); it goes on when they are [a b]", 0},
		{"a canary that the change has broken takes the one that mends it", []Cluster{canary(troubled(behind("x"), "no image")), behind("a")},
			Progress{Phase: Stopped, Wave: 1, Began: start.Add(-time.Hour), Members: []Member{{"x", "bad"}}, Broken: []string{"x"}}, nil, false,
			"Rolling: wave 1: 0 of 1 cluster done; under way: x (its turn has come) [x]", 30 * time.Minute},
		{"at once", []Cluster{canary(troubled(behind("x"), "no image")), behind("a")},
			Progress{Phase: Rolling, Wave: 1, Began: start.Add(-time.Minute), Members: []Member{{"x", "bad"}}}, nil, false,
			"Rolling: wave 1: 0 of 1 cluster done; under way: x (its turn has come) [x]", 30 * time.Minute},
		{"another that it has broken lets the canary take it first", []Cluster{canary(behind("x")), troubled(behind("b"), "no image"), behind("a")},
			Progress{Phase: Stopped, Wave: 2, Began: start.Add(-time.Hour), Members: []Member{{"b", "bad"}}, Broken: []string{"b"}}, func(p *Plan) { p.Pause = 0 }, false,
			"Rolling: wave 3: canaries, 1 cluster [x]", 30 * time.Minute},
		{"and is the next", []Cluster{canary(healthy("x")), troubled(behind("b"), "no image"), behind("a")},
			Progress{Phase: Pausing, Wave: 3, Ended: start.Add(-time.Hour), Broken: []string{"b"}}, func(p *Plan) { p.Size = "1" }, false,
			"Rolling: wave 4: 1 cluster [b]", 30 * time.Minute},
		{"healthy again", []Cluster{healthy("a"), healthy("b"), behind("c")}, wave(1, 50*time.Minute, "a", "b"), nil, false,
			"Pausing: wave 1 went well, the next begins after the pause; a change waits for 1 cluster", 10 * time.Minute},
		{"unhealthy, but it may go on", []Cluster{troubled(healthy("b"), "no primary"), behind("c")}, wave(1, 30*time.Minute, "b"),
			func(p *Plan) { p.StopOnUnhealthy, p.Pause = false, 0 }, false, "Rolling: wave 2: 1 cluster [c]", 30 * time.Minute},
		{"paused before a wave", []Cluster{behind("a")}, Progress{}, nil, true, "Paused: spec.paused is true; a change waits for 1 cluster", 0},
		{"paused within a wave, which ends", []Cluster{troubled(healthy("a"), "no primary"), behind("b")}, wave(1, time.Minute, "a"), nil, true,
			"Rolling: wave 1: 0 of 1 cluster done; under way: a (no primary) [a]", 29 * time.Minute},
		{"the canary has not been looked at yet", []Cluster{{Name: "x", Canary: true, Stale: true}, behind("a")}, Progress{}, nil, false,
			"Waiting: 1 cluster to be looked at first", 0},
		{"nor has one that is busy with something else", []Cluster{{Name: "x", Stale: true, Trouble: "no primary"}, behind("a")}, Progress{}, nil, false,
			"Waiting: 1 cluster to be looked at first", 0},
		{"a second change in the middle: the canary again", []Cluster{canary(behind("x")), behind("a"), behind("b"), behind("c")},
			Progress{Phase: Rolling, Wave: 2, Began: start.Add(-time.Hour), Members: []Member{{"a", "old"}}}, func(p *Plan) { p.Pause = 0 }, false,
			"Rolling: wave 3: canaries, 1 cluster [x]", 30 * time.Minute},
		{"a canary that waits for its window holds up the others", []Cluster{canary(held("x")), behind("a")}, Progress{}, nil, false,
			"Waiting: canaries go first; waiting for x (an approval or a maintenance window)", 0},
		{"one canary that waits does not hold up another", []Cluster{canary(held("x")), canary(behind("y")), behind("a")}, Progress{}, nil, false,
			"Rolling: wave 1: canaries, 1 cluster [y]", 30 * time.Minute},
		{"others that wait for something else hold up nobody", []Cluster{held("a"), behind("b")}, Progress{}, nil, false,
			"Rolling: wave 1: 1 cluster [b]", 30 * time.Minute},
		{"only those are left", []Cluster{held("a"), troubled(behind("b"), "no primary")}, Progress{}, nil, false,
			"Waiting: waiting for a (an approval or a maintenance window); left out until healthy: b (no primary)", 0},
		{"a canary that was ill before holds up the others", []Cluster{canary(troubled(behind("x"), "no primary")), behind("a")}, Progress{}, nil, false,
			"Waiting: canaries go first; left out until healthy: x (no primary)", 0},
		{"others that were ill before are left out", []Cluster{troubled(behind("a"), "no primary"), behind("b")}, Progress{}, nil, false,
			"Rolling: wave 1: 1 cluster [b]", 30 * time.Minute},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			p := plan()
			if tc.change != nil {
				tc.change(&p)
			}
			d := Next(p, start, tc.paused, tc.clusters, tc.before)
			got := fmt.Sprintf("%s: %s", d.Phase, d.Message)
			var names []string
			for _, m := range d.Members {
				names = append(names, m.Name)
			}
			if names != nil {
				got += fmt.Sprintf(" %v", names)
			}
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.again, d.LookAgain)
			if tc.name != "the wave went well" { // a wave that ends and the next one may come in one decision
				again := Next(p, start, tc.paused, tc.clusters, d.Progress)
				require.Equal(t, d.Progress.Wave, again.Progress.Wave, "deciding twice begins no second wave")
			}
		})
	}
}

// TestBrokenClustersAreKept: until they are healthy, whatever wave it is.
func TestBrokenClustersAreKept(t *testing.T) {
	p := plan()
	p.StopOnUnhealthy, p.Pause = false, 0
	b := troubled(healthy("b"), "no primary")
	d := Next(p, start, false, []Cluster{b, behind("c")}, wave(1, 30*time.Minute, "b"))
	require.Equal(t, Rolling, d.Phase)
	require.Equal(t, []string{"b"}, d.Broken)
	d = Next(p, start, false, []Cluster{b, healthy("c")}, d.Progress)
	require.Equal(t, Done, d.Phase)
	require.Equal(t, []Ill{{"b", "no primary"}}, d.Unhealthy)
	b.Held, b.Change = true, "mended"
	d = Next(p, start, false, []Cluster{b, healthy("c")}, d.Progress)
	require.Equal(t, []Member{{"b", "mended"}}, d.Members)
	d = Next(p, start, false, []Cluster{healthy("b"), healthy("c")}, d.Progress)
	require.Equal(t, Done, d.Phase)
	require.Empty(t, d.Broken)
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int{"": 0, "5": 5, "10%": -10, "100%": -100} {
		got, err := ParseSize(text)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"0", "-1", "101%", "0%", "many", "%", "1.5"} {
		_, err := ParseSize(text)
		require.Error(t, err, text)
	}
}

// A fleet that does what it is told, at its own pace, and sometimes falls ill.
func TestEveryClusterGetsTheChangeInWaves(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2))
		p := Plan{Size: fmt.Sprint(1 + random.IntN(5)), Pause: 10 * time.Minute, Deadline: 30 * time.Minute, StopOnUnhealthy: true}
		size, _ := ParseSize(p.Size)
		fleet := make([]Cluster, 1+random.IntN(20))
		canaries := 0
		for i := range fleet {
			fleet[i] = behind(fmt.Sprintf("c%02d", i))
			if random.IntN(6) == 0 {
				fleet[i].Canary = true
				canaries++
			}
		}
		now, progress := start, Progress{}
		for round := 0; ; round++ {
			require.Less(t, round, 3000, "seed %d does not finish", seed)
			d := Next(p, now, random.IntN(10) == 0, fleet, progress)
			progress = d.Progress // all that survives a restart
			if d.Phase == Done {
				break
			}
			check(t, seed, fleet, d, max(size, canaries))
			live(random, fleet, d)
			now = now.Add(time.Duration(1+random.IntN(8)) * time.Minute)
		}
		for _, c := range fleet {
			require.False(t, c.Held, "seed %d: %s", seed, c.Name)
		}
	}
}

// A change that breaks some clusters for good, and the one that mends them: whatever has become of the first,
// every cluster gets the second.
func TestMendedChangeReachesEveryCluster(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 3))
		p := Plan{Size: fmt.Sprint(1 + random.IntN(5)), Pause: 10 * time.Minute, Deadline: 30 * time.Minute, StopOnUnhealthy: random.IntN(2) == 0}
		fleet := make([]Cluster, 1+random.IntN(12))
		for i := range fleet {
			fleet[i] = behind(fmt.Sprintf("c%02d", i))
			fleet[i].Canary = random.IntN(6) == 0
		}
		now, progress, mended := start, Progress{}, 5+random.IntN(60)
		for round := 0; ; round++ {
			require.Less(t, round, 3000, "seed %d does not finish", seed)
			d := Next(p, now, false, fleet, progress)
			progress = d.Progress
			if d.Phase == Done && round > mended {
				break
			}
			live(random, fleet, d)
			for i := range fleet {
				c := &fleet[i]
				switch {
				case round == mended:
					c.Held, c.Change = true, "mended"
				case round < mended && !c.Held && i%3 == 0:
					c.Trouble = "broken by the change"
				}
			}
			now = now.Add(time.Duration(1+random.IntN(8)) * time.Minute)
		}
		for _, c := range fleet {
			require.False(t, c.Held, "seed %d: %s", seed, c.Name)
		}
	}
}

// check holds the law: no more clusters restart at once than a wave has, and no other before all canaries are well.
func check(t *testing.T, seed uint64, fleet []Cluster, d Decision, most int) {
	t.Helper()
	require.LessOrEqual(t, len(d.Members), most, "seed %d: %s", seed, d.Message)
	turn := map[string]bool{}
	for _, m := range d.Members {
		turn[m.Name] = true
	}
	unfinished, canariesLeft := 0, false
	for _, c := range fleet {
		if !c.Held && c.Trouble != "" {
			unfinished++
			require.True(t, turn[c.Name], "seed %d: the rollout goes on while %s is %s", seed, c.Name, c.Trouble)
		}
		canariesLeft = canariesLeft || c.Canary && (c.Held || c.Trouble != "")
	}
	require.LessOrEqual(t, unfinished, most)
	for _, c := range fleet {
		require.False(t, turn[c.Name] && !c.Canary && canariesLeft, "seed %d: %s before the canaries", seed, c.Name)
	}
}

// live lets the clusters of a wave restart and recover.
func live(random *rand.Rand, fleet []Cluster, d Decision) {
	for i := range fleet {
		c := &fleet[i]
		for _, m := range d.Members {
			if m.Name == c.Name && m.Change == c.Change && random.IntN(2) == 0 {
				c.Held, c.Change, c.Trouble = false, "", "pods restart"
			}
		}
		if !c.Held && c.Trouble != "" && random.IntN(6) == 0 {
			c.Trouble = ""
		}
	}
}
