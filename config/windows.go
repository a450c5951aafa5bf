package config

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// MaintenanceWindow is a span of time in UTC, on one day of the week or every
// day. It ends with its last minute and does not cross midnight.
type MaintenanceWindow struct {
	Everyday bool
	Weekday  time.Weekday  // without meaning when Everyday
	Start    time.Duration // since midnight
	End      time.Duration // since midnight, not before Start
}

// String returns the notation of the configuration.
func (w MaintenanceWindow) String() string {
	day := ""
	if !w.Everyday {
		day = w.Weekday.String()[:3] + ":"
	}
	return day + clock(w.Start) + "-" + clock(w.End)
}

// MarshalText writes the notation of the configuration.
func (w MaintenanceWindow) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

var windowPattern = regexp.MustCompile(`^ *(?:(Sun|Mon|Tue|Wed|Thu|Fri|Sat):)?(2[0-3]|[01]?\d):([0-5]?\d)-(2[0-3]|[01]?\d):([0-5]?\d) *$`)

// ParseMaintenanceWindow reads HH:MM-HH:MM or Sat:HH:MM-HH:MM.
func ParseMaintenanceWindow(text string) (MaintenanceWindow, error) {
	m := windowPattern.FindStringSubmatch(text)
	if m == nil {
		return MaintenanceWindow{}, fmt.Errorf("HH:MM-HH:MM or Ddd:HH:MM-HH:MM with Ddd of Mon to Sun; %q is none", text)
	}
	w := MaintenanceWindow{Everyday: m[1] == "", Start: sinceMidnight(m[2], m[3]), End: sinceMidnight(m[4], m[5])}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if day.String()[:3] == m[1] {
			w.Weekday = day
		}
	}
	if w.End < w.Start {
		return MaintenanceWindow{}, fmt.Errorf("a window that ends after its start; use two for %q, which crosses midnight", text)
	}
	return w, nil
}

// sinceMidnight takes digits that the pattern has checked.
func sinceMidnight(hours, minutes string) time.Duration {
	h, _ := strconv.Atoi(hours)
	m, _ := strconv.Atoi(minutes)
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
}

func parseWindows(texts []string) ([]MaintenanceWindow, error) {
	var windows []MaintenanceWindow
	for _, text := range texts {
		w, err := ParseMaintenanceWindow(text)
		if err != nil {
			return nil, err
		}
		windows = append(windows, w)
	}
	return windows, nil
}
