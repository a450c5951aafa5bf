package machine

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Unmount unmounts everything at or below the directories, the innermost first.
func Unmount(dirs ...string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("reading the mounts: %w", err)
	}
	points := mountsBelow(string(table), dirs)
	var problems []error
	for i := len(points) - 1; i >= 0; i-- {
		err := syscall.Unmount(points[i], syscall.MNT_DETACH)
		if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
			problems = append(problems, fmt.Errorf("unmounting %s: %w", points[i], err))
		}
	}
	return errors.Join(problems...)
}

// mountsBelow picks the mount points at or below dirs from a mountinfo table,
// in its order, which is that of mounting.
func mountsBelow(table string, dirs []string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape.Replace(fields[4])
		for _, dir := range dirs {
			if point == dir || strings.HasPrefix(point, dir+"/") {
				points = append(points, point)
				break
			}
		}
	}
	return points
}
