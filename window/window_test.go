package window_test

import (
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

func parse(t *testing.T, layout, text string) time.Time {
	at, err := time.Parse(layout, text)
	require.NoError(t, err)
	return at
}
