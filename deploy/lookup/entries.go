package lookup

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// entries are what is known of all products or customers. Their words are few and kept once; an entry takes 24 bytes besides its id.
type entries struct {
	name string // products
	most int

	mu    sync.RWMutex
	byID  map[string]entry
	words []string
	index map[string]uint32
	bytes int // of ids and words

	found, unknown atomic.Int64
}

// entry is a record, packed: what a kind of record makes of the four is its own business.
type entry struct {
	words  [3]uint32 // numbers of words
	number float64
}

func newEntries(name string, most int) *entries {
	return &entries{name: name, most: most, byID: map[string]entry{}, index: map[string]uint32{}}
}

// errFull says that no more entries are taken.
type errFull struct {
	name string
	most int
}

func (e *errFull) Error() string {
	return fmt.Sprintf("there are more than %d %s: raise enrich.max_entries, if there is memory for them", e.most, e.name)
}

// put adds or replaces an entry. It fails with errFull when there would be too many; nothing else is given up for it.
func (s *entries) put(id string, words [3]string, number float64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.byID[id]; !there {
		if len(s.byID) >= s.most {
			return &errFull{s.name, s.most}
		}
		s.bytes += len(id)
	}
	e := entry{number: number}
	for i, w := range words {
		e.words[i] = s.word(w)
	}
	s.byID[strings.Clone(id)] = e // what it is cut from may be a whole line
	return nil
}

func (s *entries) word(w string) uint32 {
	n, ok := s.index[w]
	if !ok {
		n, w = uint32(len(s.words)), strings.Clone(w)
		s.words = append(s.words, w)
		s.index[w] = n
		s.bytes += 2*len(w) + 32
	}
	return n
}

func (s *entries) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.byID[id]; there {
		delete(s.byID, id)
		s.bytes -= len(id)
	}
}

// replace takes over what another one has.
func (s *entries) replace(by *entries) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID, s.words, s.index, s.bytes = by.byID, by.words, by.index, by.bytes
}

func (s *entries) get(id string) (words [3]string, number float64, ok bool) {
	s.mu.RLock()
	e, ok := s.byID[id]
	if ok {
		for i, n := range e.words {
			words[i] = s.words[n]
		}
	}
	s.mu.RUnlock()
	if ok {
		s.found.Add(1)
	} else {
		s.unknown.Add(1)
	}
	return words, e.number, ok
}

func (s *entries) len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.byID)
}

// entryBytes is what a map takes for an entry on average, without its id's letters: 16 for the id, 24 for the entry, and room to grow.
// TestMemory holds it to what is measured.
const entryBytes = 90

// size is about how many bytes of memory the entries take.
func (s *entries) size() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bytes + entryBytes*len(s.byID)
}
