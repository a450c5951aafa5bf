package apply

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// settled remembers fixed points: what still differed between a desired and a
// live object after the API server had had its say. It holds one small entry
// per object that this process has written, and forgets those it deletes.
type settled struct {
	mu    sync.Mutex
	marks map[identity]mark
}

type digest [sha256.Size]byte

type mark struct {
	uid     types.UID // another object of the same name starts anew
	desired digest
	residue digest
}

// holds reports whether a change would only repeat what is known not to help.
func (s *settled) holds(c *Change) bool {
	m, ok := s.get(c.Ref)
	return ok && m == newMark(c.live, c.desired, c.differences)
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
func (s *settled) remember(ref Ref, live, desired *unstructured.Unstructured, residue []difference) {
	m := newMark(live, desired, residue)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.marks == nil {
		s.marks = map[identity]mark{}
	}
	s.marks[ref.identity()] = m
}

func (s *settled) forget(ref Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.marks, ref.identity())
}

func newMark(live, desired *unstructured.Unstructured, residue []difference) mark {
	return mark{live.GetUID(), sum(desired.Object), residueOf(residue)}
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
