// Package progress prints what is being done, with the time since the start.
package progress

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Heartbeat is how often a step that is still running says so.
const heartbeat = 20 * time.Second

// Log prints lines with the elapsed time. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

// New returns a log whose clock starts now.
func New(out io.Writer) *Log { return &Log{out: out, start: time.Now()} }

// Printf prints one line.
func (l *Log) Printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, "[%6.1fs] %s\n", time.Since(l.start).Seconds(), fmt.Sprintf(format, args...))
}

// Step runs one step and prints when it began, that it is still running, and
// how long it took.
func (l *Log) Step(ctx context.Context, name string, step func(context.Context) error) error {
	start := time.Now()
	l.Printf("%s ...", name)
	done := make(chan struct{})
	defer close(done)
	go l.beat(name, start, done)
	if err := step(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	l.Printf("%s: done in %.1fs", name, time.Since(start).Seconds())
	return nil
}

func (l *Log) beat(name string, start time.Time, done <-chan struct{}) {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			l.Printf("%s: still running after %.0fs", name, time.Since(start).Seconds())
		}
	}
}
