package window_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"postgres-operator/window"
)

func TestMaintenanceWindow(t *testing.T) {
	const minute = "2006-01-02 15:04"
	for text, want := range map[string]struct {
		canonical string
		inside    []string // 2026-08-01 is a Saturday
		outside   []string
	}{
		"01:00-06:00":     {"01:00-06:00", []string{"2026-08-01 01:00", "2026-08-02 06:00"}, []string{"2026-08-01 00:59", "2026-08-01 06:01"}},
		"Sat:0:5-4:0":     {"Sat:00:05-04:00", []string{"2026-08-01 00:05"}, []string{"2026-08-02 00:05", "2026-08-01 00:04"}},
		"Sat:22:00-02:00": {"Sat:22:00-02:00", []string{"2026-08-01 22:00", "2026-08-02 02:00"}, []string{"2026-08-01 02:00", "2026-08-02 22:00", "2026-08-02 02:01"}},
		"23:00-01:00":     {"23:00-01:00", []string{"2026-08-01 23:30", "2026-08-01 00:30"}, []string{"2026-08-01 01:01", "2026-08-01 22:59"}},
		"12:00-12:00":     {"12:00-12:00", []string{"2026-08-01 12:00"}, []string{"2026-08-01 12:01"}},
		"Sun:00:00-23:59": {"Sun:00:00-23:59", []string{"2026-08-02 23:59"}, []string{"2026-08-01 23:59", "2026-08-03 00:00"}},
	} {
		w, err := window.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want.canonical, w.String())
		again, err := window.Parse(w.String())
		require.NoError(t, err)
		require.Equal(t, w, again)
		for _, at := range want.inside {
			require.True(t, w.Contains(parse(t, minute, at)), "%s in %s", at, text)
		}
		for _, at := range want.outside {
			require.False(t, w.Contains(parse(t, minute, at)), "%s not in %s", at, text)
		}
	}
	padded, err := window.Parse("  01:00-06:00 ")
	require.NoError(t, err)
	require.Equal(t, "01:00-06:00", padded.String())

	elsewhere := time.FixedZone("", -5*60*60)
	w, err := window.Parse("Sun:02:00-03:00")
	require.NoError(t, err)
	require.True(t, w.Contains(time.Date(2026, 8, 1, 21, 30, 0, 0, elsewhere)), "windows are in UTC")

	for _, wrong := range []string{"", "01:00", "24:00-01:00", "01:60-02:00", "sat:01:00-02:00", "Sat 01:00-02:00", "01:00-Sat:02:00"} {
		_, err := window.Parse(wrong)
		require.ErrorContains(t, err, "want HH:MM-HH:MM", wrong)
	}
}

func TestNextWindow(t *testing.T) {
	const minute = "2006-01-02 15:04"
	for _, test := range []struct {
		windows, now string // 2026-08-01 is a Saturday
		open         bool
		next         string
	}{
		{"01:00-06:00", "2026-08-01 00:59", false, "2026-08-01 01:00"},
		{"01:00-06:00", "2026-08-01 01:00", true, "2026-08-02 01:00"},
		{"01:00-06:00", "2026-08-01 06:01", false, "2026-08-02 01:00"},
		{"Sat:22:00-02:00", "2026-08-01 21:00", false, "2026-08-01 22:00"},
		{"Sat:22:00-02:00", "2026-08-02 01:00", true, "2026-08-08 22:00"},
		{"Sat:22:00-02:00", "2026-08-02 03:00", false, "2026-08-08 22:00"},
		{"Sun:03:00-04:00 Sat:05:00-06:00", "2026-08-01 06:30", false, "2026-08-02 03:00"},
		{"Sun:03:00-04:00 02:00-02:30", "2026-08-01 06:30", false, "2026-08-02 02:00"},
		{"23:00-01:00", "2026-12-31 22:00", false, "2026-12-31 23:00"},
		{"00:30-01:00", "2026-12-31 22:00", false, "2027-01-01 00:30"},
	} {
		var windows []window.Window
		for text := range strings.FieldsSeq(test.windows) {
			w, err := window.Parse(text)
			require.NoError(t, err)
			windows = append(windows, w)
		}
		now := parse(t, minute, test.now)
		require.Equal(t, test.open, window.Open(windows, now), "%s at %s", test.windows, test.now)
		require.Equal(t, test.next, window.Next(windows, now).Format(minute), "%s at %s", test.windows, test.now)
	}
	require.True(t, window.Open(nil, time.Now()), "without windows every time is good")
	require.Zero(t, window.Next(nil, time.Now()))
}

func parse(t *testing.T, layout, text string) time.Time {
	at, err := time.Parse(layout, text)
	require.NoError(t, err)
	return at
}
