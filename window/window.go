// Package window knows maintenance windows: daily or weekly spans of time in UTC, written as
// "HH:MM-HH:MM" or "Ddd:HH:MM-HH:MM".
package window

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Window begins with the minute Start and lasts to the end of the minute End; where End is before
// Start, it reaches into the next day.
type Window struct {
	// Weekday it begins on; nil means every day.
	Weekday *time.Weekday
	// Start and End since midnight UTC, in whole minutes.
	Start, End time.Duration
}

var pattern = regexp.MustCompile(`^ *(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun):)?(2[0-3]|[01]?\d):([0-5]?\d)-(2[0-3]|[01]?\d):([0-5]?\d) *$`)

// Form says what a window looks like, for messages.
const Form = "HH:MM-HH:MM or Ddd:HH:MM-HH:MM in UTC, with Ddd one of Mon, Tue, Wed, Thu, Fri, Sat, Sun"

// Parse reads the text of a window.
func Parse(text string) (Window, error) {
	part := pattern.FindStringSubmatch(text)
	if part == nil {
		return Window{}, fmt.Errorf("maintenance window %q: want %s", text, Form)
	}
	return Window{
		Weekday: weekday(part[1]),
		Start:   clock(part[2], part[3]),
		End:     clock(part[4], part[5]),
	}, nil
}

func weekday(short string) *time.Weekday {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if day.String()[:3] == short {
			return &day
		}
	}
	return nil
}

// clock turns digits that the pattern let through into time since midnight.
func clock(hours, minutes string) time.Duration {
	h, _ := strconv.Atoi(hours)
	m, _ := strconv.Atoi(minutes)
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
}

// MarshalText writes what String does.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// String writes the window the way a manifest does, with two digits everywhere.
func (w Window) String() string {
	day := ""
	if w.Weekday != nil {
		day = w.Weekday.String()[:3] + ":"
	}
	return fmt.Sprintf("%s%s-%s", day, hhmm(w.Start), hhmm(w.End))
}

func hhmm(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

// Contains tells whether t is inside the window.
func (w Window) Contains(t time.Time) bool {
	t = t.UTC()
	if w.contains(t.Weekday(), sinceMidnight(t)) {
		return true
	}
	yesterday := (t.Weekday() + 6) % 7 // a window that began there may reach past midnight
	return w.End < w.Start && w.begins(yesterday) && sinceMidnight(t) <= w.End
}

// contains tells whether the part of the window before midnight holds a minute of a day.
func (w Window) contains(day time.Weekday, minute time.Duration) bool {
	return w.begins(day) && w.Start <= minute && (minute <= w.End || w.End < w.Start)
}

func (w Window) begins(day time.Weekday) bool { return w.Weekday == nil || *w.Weekday == day }

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// Open tells whether t is inside any of some windows. Without windows every time is good.
func Open(windows []Window, t time.Time) bool {
	if len(windows) == 0 {
		return true
	}
	for _, w := range windows {
		if w.Contains(t) {
			return true
		}
	}
	return false
}

// Next is the first start of a window after t, the zero time when there are no windows.
func Next(windows []Window, t time.Time) time.Time {
	var next time.Time
	for _, w := range windows {
		if at := w.next(t); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

func (w Window) next(t time.Time) time.Time {
	t = t.UTC()
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	for day := 0; ; day++ { // a week at most
		at := midnight.AddDate(0, 0, day).Add(w.Start)
		if at.After(t) && w.begins(at.Weekday()) {
			return at
		}
	}
}
