package controller

import (
	"sync/atomic"

	"postgres-operator/config"
	"postgres-operator/web"
)

// settings holds the configuration in force. Reconcilers take one value at the start of a pass
// and use it throughout, so a change never applies to half a pass.
type settings struct {
	current  atomic.Pointer[config.Config]
	setDebug func(bool)

	// recorder sees what is worked on, as far as the settings let it remember; nil for nobody.
	recorder *web.Recorder
}

func newSettings(c config.Config, setDebug func(bool)) *settings {
	s := &settings{setDebug: setDebug}
	s.set(c)
	return s
}

func (s *settings) get() config.Config { return *s.current.Load() }

func (s *settings) set(c config.Config) {
	s.current.Store(&c)
	if s.setDebug != nil {
		s.setDebug(c.DebugLogging)
	}
}

// limits are those of what the REST API remembers.
func (s *settings) limits() web.Limits {
	c := s.get()
	return web.Limits{Workers: int(c.Workers), LogLines: c.RingLogLines, Histories: c.ClusterHistoryEntries}
}
