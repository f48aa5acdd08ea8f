package state

import (
	"context"
	"fmt"
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
			s.index[e.hash()] = onDisk
			s.away++
			n := e.size()
			s.slabs[oldest].live -= n
			s.live -= n
		})
		s.release(oldest)
	}
}

// fetch brings the entry of a hash back into memory.
func (s *Store) fetch(hash uint64) (loc location, e entry) {
	err := s.disk.get(hash, func(st stored) {
		loc = s.append(hash, st.key, st.value, st.expires)
		e = s.at(loc)
		e.setStored(st.sum)
		s.index[hash] = loc
		s.away--
	})
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("local store %s: %w", s.disk.dir, err)
	}
	return loc, e
}

// eachAway calls fn for every entry that is only on disk.
func (s *Store) eachAway(fn func(key, value []byte, expires event.Time) bool) {
	stop := fmt.Errorf("stop")
	_, err := s.disk.each(context.Background(), func(hash uint64, st stored) error {
		if s.index[hash] == onDisk && !fn(st.key, st.value, st.expires) {
			return stop
		}
		return nil
	})
	if err != nil && err != stop && s.err == nil {
		s.err = fmt.Errorf("local store %s: %w", s.disk.dir, err)
	}
}
