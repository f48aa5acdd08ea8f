package state

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync/atomic"

	"github.com/afterclick/afterclick/schemas/event"
)

// Budget is the memory that the slabs of several stores may hold together. Without local stores it limits nothing; the index, some
// 40 bytes a state, and what changed since it was last written to disk come on top.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of so many bytes; 0 is no limit.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

func (b *Budget) add(bytes int) {
	if b != nil {
		b.used.Add(int64(bytes))
	}
}

func (b *Budget) over() bool { return b != nil && b.limit > 0 && b.used.Load() > b.limit }

// elsewhereSeed makes the second hash of keys whose values are on disk. Together with the first it tells keys apart.
var elsewhereSeed = maphash.MakeSeed()

// elsewhere is the index entry of a key whose value is on disk.
func elsewhere(key []byte) location { return onDisk | location(maphash.Bytes(elsewhereSeed, key)) }

// evict takes the states of the oldest slabs out of memory while that is over the budget, at most so many slabs. States that the local
// store does not have move to the newest slab; a slab with many of them waits for a checkpoint. No slice may be on its way.
func (s *Store) evict(most int) {
	for i := 0; i < len(s.slabs) && s.spare > 0 && s.budget.over(); i++ {
		if sl := &s.slabs[i]; sl.data != nil && len(sl.data) == 0 && i != s.current {
			s.hold(-cap(sl.data))
			sl.data = nil
			s.spare--
		}
	}
	for ; most > 0 && s.budget.over(); most-- {
		oldest := -1
		for i := range s.slabs {
			if i != s.current && s.slabs[i].live > 0 && (oldest < 0 || s.slabs[i].age < s.slabs[oldest].age) {
				oldest = i
			}
		}
		if oldest < 0 {
			return
		}
		clean := 0
		s.walk(oldest, func(_ location, e entry) {
			if !e.dirty() {
				clean += e.size()
			}
		})
		sl := &s.slabs[oldest]
		if clean*2 < sl.live {
			s.begun++
			sl.age = s.begun
			continue
		}
		s.walk(oldest, func(loc location, e entry) {
			if e.dirty() {
				s.move(loc, e)
				return
			}
			s.index[e.hash()] = elsewhere(e.key())
			s.away++
			n := e.size()
			s.slabs[oldest].live -= n
			s.live -= n
		})
		s.release(oldest)
	}
}

// fetch returns the entry of a hash, from disk if it must. nil: it could not be read, which is the end of the store.
func (s *Store) fetch(hash uint64, loc location) entry {
	if !loc.onDisk() {
		return s.at(loc)
	}
	err := s.disk.get(hash, func(key, value []byte, expires event.Time) {
		if elsewhere(key) == loc {
			s.away--
			loc = s.append(hash, key, value, expires)
			s.index[hash] = loc
		}
	})
	if err == nil && loc.onDisk() {
		err = fmt.Errorf("the state with hash %016x is another key's", hash)
	}
	if err != nil {
		if s.err == nil {
			s.err = fmt.Errorf("local store %s: %w", s.disk.dir, err)
		}
		return nil
	}
	return s.at(loc)
}

// eachAway calls fn for every entry that is only on disk.
func (s *Store) eachAway(fn func(key, value []byte, expires event.Time) bool) {
	stop := fmt.Errorf("stop")
	err := s.disk.each(context.Background(), func(hash uint64, key, value []byte, expires event.Time) error {
		if s.index[hash].onDisk() && !fn(key, value, expires) {
			return stop
		}
		return nil
	})
	if err != nil && err != stop && s.err == nil {
		s.err = fmt.Errorf("local store %s: %w", s.disk.dir, err)
	}
}
