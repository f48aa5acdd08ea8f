// Package state keeps the keyed states of one partition in memory, in slabs that the garbage collector need not look into.
//
// A store is written by one goroutine and only with committed states: the epoch's overlay is folded in after the transaction.
// It is a cache of the partition's changelog; whoever doubts it throws it away and reads the changelog again.
package state

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/afterclick/afterclick/schemas/event"
)

// slabSize is the size of one slab. A larger state gets a slab of its own.
const slabSize = 1 << 20

// A location packs the slab's number and the offset in it, so that the index holds no pointers.
type location uint64

func locate(slab, offset int) location { return location(slab)<<32 | location(offset) }
func (l location) slab() int           { return int(l >> 32) }
func (l location) offset() int         { return int(uint32(l)) }

// entryHeader stands before every entry: the lengths of key and value, 4 bytes each, and when it expires, 8 bytes.
const entryHeader = 16

type slab struct {
	data []byte
	live int // bytes of entries that the index still points to
}

// Store maps keys to values. The zero value is not ready, use New.
type Store struct {
	index map[uint64]location
	// clashes holds the entries whose key has the same hash as another key's entry in the index. There is almost never one.
	clashes map[string][]byte
	slabs   []slab
	free    []int // numbers of slabs that are empty and may be used again
	current int
	live    int
	total   int
	expiry  expiry
}

// New returns an empty store.
func New() *Store {
	s := &Store{index: map[uint64]location{}, clashes: map[string][]byte{}, current: -1}
	s.expiry.hours = map[int64][]uint64{}
	return s
}

// Hash is the hash under which the store knows a key.
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// Len is the number of keys.
func (s *Store) Len() int { return len(s.index) + len(s.clashes) }

// Bytes is the memory that slabs hold, used or not.
func (s *Store) Bytes() int { return s.total }

// Get returns the value of a key, or nil, and when it expires. It is valid until the next Put or Delete, and must not be changed.
func (s *Store) Get(key []byte) (value []byte, expires event.Time) {
	loc, ok := s.index[Hash(key)]
	if ok {
		if k, v := s.entry(loc); string(k) == string(key) {
			return v, s.expires(loc)
		}
	}
	if len(s.clashes) > 0 {
		return s.clashes[string(key)], 0
	}
	return nil, 0
}

// ByHash returns the entry with this hash, or nil: of two keys that clash, it finds only one.
func (s *Store) ByHash(hash uint64) (key, value []byte, expires event.Time) {
	loc, ok := s.index[hash]
	if !ok {
		return nil, nil, 0
	}
	key, value = s.entry(loc)
	return key, value, s.expires(loc)
}

// Put stores a copy of value under a copy of key. The value may be forgotten when the clock has passed expires.
func (s *Store) Put(key, value []byte, expires event.Time) {
	hash := Hash(key)
	loc, ok := s.index[hash]
	if ok {
		k, old := s.entry(loc)
		if string(k) != string(key) {
			s.clashes[string(key)] = append([]byte(nil), value...)
			return // its expiry is not watched: two keys of one hash are too rare to be worth it
		}
		before := s.expires(loc)
		if len(old) == len(value) {
			copy(old, value)
			s.setExpires(loc, expires)
		} else {
			s.drop(loc)
			s.index[hash] = s.append(key, value, expires)
		}
		s.expiry.note(hash, before, expires)
	} else {
		s.index[hash] = s.append(key, value, expires)
		s.expiry.note(hash, 0, expires)
	}
	s.compact()
}

// Delete forgets a key.
func (s *Store) Delete(key []byte) {
	hash := Hash(key)
	if loc, ok := s.index[hash]; ok {
		if k, _ := s.entry(loc); string(k) == string(key) {
			s.drop(loc)
			delete(s.index, hash)
			s.compact()
			return
		}
	}
	delete(s.clashes, string(key))
}

// Each calls fn for every entry, in no order, until fn returns false. fn must not change the store, but may keep nothing.
func (s *Store) Each(fn func(key, value []byte, expires event.Time) bool) {
	for _, loc := range s.index {
		if k, v := s.entry(loc); !fn(k, v, s.expires(loc)) {
			return
		}
	}
	for k, v := range s.clashes {
		if !fn([]byte(k), v, 0) {
			return
		}
	}
}

func (s *Store) entry(loc location) (key, value []byte) {
	d := s.slabs[loc.slab()].data[loc.offset():]
	klen, vlen := binary.LittleEndian.Uint32(d), binary.LittleEndian.Uint32(d[4:])
	d = d[entryHeader:]
	return d[:klen:klen], d[klen : klen+vlen : klen+vlen]
}

func (s *Store) expires(loc location) event.Time {
	return event.Time(binary.LittleEndian.Uint64(s.slabs[loc.slab()].data[loc.offset()+8:]))
}

func (s *Store) setExpires(loc location, t event.Time) {
	binary.LittleEndian.PutUint64(s.slabs[loc.slab()].data[loc.offset()+8:], uint64(t))
}

func entrySize(key, value []byte) int { return entryHeader + len(key) + len(value) }

func (s *Store) drop(loc location) {
	n := entrySize(s.entry(loc))
	sl := &s.slabs[loc.slab()]
	sl.live -= n
	s.live -= n
	if sl.live == 0 && loc.slab() != s.current {
		s.release(loc.slab())
	}
}

// release makes an empty slab ready to be used again; one of unusual size goes back to the collector.
func (s *Store) release(i int) {
	sl := &s.slabs[i]
	if cap(sl.data) != slabSize {
		s.total -= cap(sl.data)
		sl.data = nil
	} else {
		sl.data = sl.data[:0]
	}
	s.free = append(s.free, i)
}

func (s *Store) append(key, value []byte, expires event.Time) location {
	n := entrySize(key, value)
	i := s.current
	if i < 0 || len(s.slabs[i].data)+n > cap(s.slabs[i].data) {
		if i >= 0 && s.slabs[i].live == 0 {
			s.release(i)
		}
		i = s.fresh(n)
		if n <= slabSize {
			s.current = i
		} else if s.current >= 0 && s.slabs[s.current].data == nil {
			s.current = -1
		}
	}
	sl := &s.slabs[i]
	offset := len(sl.data)
	sl.data = binary.LittleEndian.AppendUint32(sl.data, uint32(len(key)))
	sl.data = binary.LittleEndian.AppendUint32(sl.data, uint32(len(value)))
	sl.data = binary.LittleEndian.AppendUint64(sl.data, uint64(expires))
	sl.data = append(append(sl.data, key...), value...)
	sl.live += n
	s.live += n
	return locate(i, offset)
}

// fresh returns the number of an empty slab with room for n bytes.
func (s *Store) fresh(n int) int {
	size := max(n, slabSize)
	for f := len(s.free) - 1; f >= 0; f-- {
		i := s.free[f]
		if c := cap(s.slabs[i].data); c == size || c == 0 {
			s.free = append(s.free[:f], s.free[f+1:]...)
			if c == 0 {
				s.slabs[i].data = make([]byte, 0, size)
				s.total += size
			}
			return i
		}
	}
	s.slabs = append(s.slabs, slab{data: make([]byte, 0, size)})
	s.total += size
	return len(s.slabs) - 1
}

// compact moves the live entries out of the emptiest slab while more than half of the memory is dead. Each call moves at most
// one slab, so that its cost is bounded.
func (s *Store) compact() {
	if s.total < 8*slabSize || s.live*2 > s.total-len(s.free)*slabSize {
		return
	}
	worst, most := -1, 0
	for i := range s.slabs {
		if i == s.current {
			continue
		}
		if dead := len(s.slabs[i].data) - s.slabs[i].live; dead > most {
			worst, most = i, dead
		}
	}
	if worst < 0 {
		return
	}
	data := s.slabs[worst].data
	for offset := 0; offset < len(data); {
		key, value := s.entry(locate(worst, offset))
		hash := Hash(key)
		if loc, ok := s.index[hash]; ok && loc == locate(worst, offset) {
			s.slabs[worst].live -= entrySize(key, value)
			s.live -= entrySize(key, value)
			s.index[hash] = s.append(key, value, s.expires(locate(worst, offset)))
		}
		offset += entrySize(key, value)
	}
	s.release(worst)
}
