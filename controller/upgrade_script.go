package controller

import (
	"fmt"
	"strconv"
	"strings"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/upgrade"
)

// The upgrade itself is a script of the image, which is given the number of members and does everything
// else. It is started as postgres, with its output in last_upgrade.log, where people look for it, and
// detached: neither a connection that breaks nor an operator that is killed may end it half way. Its directory
// in /tmp, which goes when the container does, is what tells of it: making it is what only one can do, pid is
// there while it runs, and code once it has ended.

// runDirectory is different for every run.
func runDirectory(run apiv1.MajorUpgrade) string {
	return fmt.Sprintf("/tmp/major-upgrade-%s-%d", run.To, run.Claimed.Unix())
}

// startScript starts a run unless it was started before.
func startScript(run apiv1.MajorUpgrade, members int) string {
	return fmt.Sprintf(`set -e
run=%s
mkdir "$run" 2>/dev/null || { test -d "$run"; exit; }
work="echo \$\$ >$run/pid; /usr/bin/python3 /scripts/inplace_upgrade.py %d >last_upgrade.log 2>&1; echo \$? >$run/code.new; mv $run/code.new $run/code"
if [ "$(/usr/bin/id -u)" = 0 ]; then
  chown postgres "$run"
  setsid /bin/su postgres -c "$work" </dev/null >/dev/null 2>&1 &
else
  setsid /bin/bash -c "$work" </dev/null >/dev/null 2>&1 &
fi
`, runDirectory(run), members)
}

// lookAtScript prints one of absent, running, ended CODE, and lost; what ended is followed by the last line of
// the output. A run without a pid is given a minute to write it.
func lookAtScript(run apiv1.MajorUpgrade) string {
	return fmt.Sprintf(`run=%s
[ -d "$run" ] || { echo absent; exit; }
pid=$(cat "$run/pid" 2>/dev/null)
alive=$([ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep inplace_upgrade)
if [ -e "$run/code" ]; then
  echo "ended $(cat "$run/code")"
  tail -n 1 last_upgrade.log
elif [ -n "$alive" ] || [ -z "$pid" -a -z "$(find "$run" -maxdepth 0 -mmin +1)" ]; then
  echo running
else
  echo lost
fi
`, runDirectory(run))
}

// readProcess takes in what lookAtScript printed.
func readProcess(r *upgrade.Run, said string) {
	first, rest, _ := strings.Cut(strings.TrimSpace(said), "\n")
	word, code, _ := strings.Cut(first, " ")
	r.Process = upgrade.Process(word)
	switch r.Process {
	case upgrade.Absent, upgrade.Running:
	case upgrade.Ended:
		var err error
		if r.Code, err = strconv.Atoi(code); err != nil {
			r.Code = 1 // cut off while it was written: that it went well is not known
		}
		r.Said = strings.TrimSpace(rest)
	default:
		r.Process, r.Why = upgrade.Lost, "its process in pod "+r.Pod+" ended without telling how"
	}
}
