package patroni

import (
	"maps"
	"slices"
	"strings"
)

// groups are the parts of a configuration whose entries stand alone: one of
// them can be ours and the next somebody else's. Everything else at the top
// level is one value.
func groups() []string { return []string{"postgresql/parameters", "slots"} }

// walLevel is never taken back: with a lower one, Postgres refuses to start
// while a logical slot exists, whoever made that.
const walLevel = "postgresql/parameters/wal_level"

// Keys names what a configuration sets, sorted: ttl, slots/a,
// postgresql/parameters/max_connections. A key that it removes is not set.
func Keys(config map[string]any) []string {
	all := values(config)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return slices.Sorted(maps.Keys(all))
}

// Changes says what a patch does, for people: set ttl, remove slots/a. It names
// no values, some of which are secret.
func Changes(patch map[string]any) []string {
	all := values(patch)
	var changes []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		verb := "set "
		if all[key] == nil {
			verb = "remove "
		}
		changes = append(changes, verb+key)
	}
	return changes
}

// values lists the values of a configuration that stand alone, by key.
func values(config map[string]any) map[string]any {
	all := map[string]any{}
	for _, group := range groups() {
		for name, value := range entries(config, group) {
			all[group+"/"+name] = value
		}
	}
	for key, value := range config {
		inGroup := func(group string) bool { return group == key || strings.HasPrefix(group, key+"/") }
		if !slices.ContainsFunc(groups(), inGroup) {
			all[key] = value
		}
	}
	return all
}

// Target completes a desired configuration for [ConfigDiff]: what was set
// earlier, by keys of [Keys], and is not desired any more is removed. What the
// image wrote about the source of a standby when it made the cluster stays.
func Target(live, desired map[string]any, earlier []string) map[string]any {
	target := maps.Clone(desired)
	wanted := Keys(desired)
	for _, key := range earlier {
		if !slices.Contains(wanted, key) && key != walLevel {
			remove(target, strings.Split(key, "/"))
		}
	}
	keepSource(live, target)
	dropLeftovers(live, target)
	return target
}

// remove puts a null in place of a value. Maps on the way are copied.
func remove(config map[string]any, path []string) {
	if len(path) == 1 {
		config[path[0]] = nil
		return
	}
	below, _ := asMap(config[path[0]])
	below = maps.Clone(below)
	if below == nil {
		below = map[string]any{}
	}
	config[path[0]] = below
	if path[0] == "slots" || path[0] == "parameters" {
		path = []string{path[0], strings.Join(path[1:], "/")}
	}
	remove(below, path[1:])
}

// keepSource: how a standby restores and copies has more than one spelling,
// and the image knows best which one fits it.
func keepSource(live, target map[string]any) {
	have, _ := asMap(live["standby_cluster"])
	want, standby := asMap(target["standby_cluster"])
	if !standby {
		return
	}
	want = maps.Clone(want)
	for _, key := range []string{"restore_command", "create_replica_methods"} {
		if have[key] != nil && want[key] != nil {
			delete(want, key)
		}
	}
	target["standby_cluster"] = want
}

// dropLeftovers removes from our slots what their earlier definition had and
// the present one has not: a patch merges.
func dropLeftovers(live, target map[string]any) {
	slots := entries(target, "slots")
	for name, have := range entries(live, "slots") {
		want, isSlot := asMap(slots[name])
		if !isSlot {
			continue
		}
		want = maps.Clone(want)
		old, _ := asMap(have)
		for key := range old {
			if _, stays := want[key]; !stays {
				want[key] = nil
			}
		}
		slots[name] = want
	}
	if len(slots) > 0 {
		target["slots"] = slots
	}
}

// entries is a copy of the group of a configuration, empty if it has none.
func entries(config map[string]any, group string) map[string]any {
	for _, name := range strings.Split(group, "/") {
		config, _ = asMap(config[name])
	}
	if config == nil {
		return map[string]any{}
	}
	return maps.Clone(config)
}
