package apply

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// settled remembers what was written: from which live object, and what still
// differed between it and the desired one after the API server had had its
// say. It holds one small entry per object that this process has written, and
// forgets those it deletes.
type settled struct {
	mu    sync.Mutex
	marks map[identity]mark
}

type digest [sha256.Size]byte

type mark struct {
	uid     types.UID // another object of the same name starts anew
	before  string    // the resourceVersion that was acted upon
	desired digest
	residue digest
}

// holds reports whether a change would only repeat what is known not to help.
func (s *settled) holds(c *Change) bool {
	m, ok := s.get(c.Ref)
	return ok && m.uid == c.live.GetUID() && m.residue == residueOf(c.differences) && m.desired == sum(c.desired.Object)
}

// written reports whether this very change has been made already, and the
// cache does not show it yet.
func (s *settled) written(c *Change) bool {
	m, ok := s.get(c.Ref)
	return ok && m.uid == c.live.GetUID() && m.before == c.live.GetResourceVersion() && m.desired == sum(c.desired.Object)
}

// writtenDifferently reports whether this process has last written this very
// object from another desired one: then what differs is what the caller wants
// changed, and no dry run has to tell.
func (s *settled) writtenDifferently(c *Change) bool {
	m, ok := s.get(c.Ref)
	return ok && m.uid == c.live.GetUID() && m.desired != sum(c.desired.Object)
}

func (s *settled) get(ref Ref) (mark, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.marks[ref.identity()]
	return m, ok
}

// remember notes what differs between a desired object and what the server
// made of it.
func (s *settled) remember(c *Change, residue []difference) {
	m := mark{uid: c.Live.GetUID(), desired: sum(c.desired.Object), residue: residueOf(residue)}
	if c.live != nil {
		m.before = c.live.GetResourceVersion()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.marks == nil {
		s.marks = map[identity]mark{}
	}
	s.marks[c.identity()] = m
}

func (s *settled) forget(ref Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.marks, ref.identity())
}

// residueOf is a digest of differences: places and live values.
func residueOf(differences []difference) digest {
	lines := make([]any, 0, 3*len(differences))
	for _, d := range differences {
		lines = append(lines, d.path.String(), d.kind, d.old)
	}
	return sum(lines)
}

// sum digests a JSON value; maps are written in the order of their keys.
func sum(v any) digest {
	raw, err := json.Marshal(v)
	if err != nil {
		return digest{} // Not JSON: the server will say so.
	}
	return sha256.Sum256(raw)
}
