// Package state keeps the keyed states of one partition in memory, in slabs that the garbage collector need not look into, and, with
// a local store, on disk: what memory has no room for, and a checkpoint to restart from.
//
// A store is used by one goroutine and holds only committed states: the epoch's overlay is folded in after the transaction.
// It is a cache of the partition's changelog; whoever doubts it throws it away and reads the changelog again.
package state

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/afterclick/afterclick/schemas/event"
)

// slabSize is the size of one slab. A larger state gets a slab of its own.
const slabSize = 1 << 20

// spareSlabs is how many empty slabs wait to be used again; the memory of more goes back to the collector.
const spareSlabs = 4

// A location packs the slab's number and the offset in it, so that the index holds no pointers.
type location uint64

// onDisk is the location of all entries that are only on disk.
const onDisk location = 1 << 63

func locate(slab, offset int) location { return location(slab)<<32 | location(offset) }
func (l location) slab() int           { return int(l >> 32) }
func (l location) offset() int         { return int(uint32(l)) }

type slab struct {
	data []byte
	live int    // bytes of entries that the index still points to
	age  uint64 // grows with each slab that is begun: the oldest are evicted first
}

// Store maps keys to values. The zero value is not ready, use New or Open.
type Store struct {
	index map[uint64]location
	// clashes holds the entries whose key has the same hash as another key's entry in the index. There is almost never one.
	clashes map[string][]byte
	slabs   []slab
	free    []int // numbers of slabs that are empty and may be used again
	spare   int   // how many of those have memory
	current int
	begun   uint64
	live    int
	total   int
	expiry  expiry

	budget  *Budget
	disk    *disk    // nil without a local store
	changed []uint64 // hashes that the local store does not have as they are; perhaps twice
	away    int      // entries that are only on disk
	err     error    // reading what is on disk failed: the store is useless
}

// New returns an empty store without a local store.
func New() *Store {
	s := &Store{}
	s.clear(0)
	return s
}

// clear forgets everything and makes room for so many entries.
func (s *Store) clear(entries int) {
	s.budget.add(-s.total)
	*s = Store{index: make(map[uint64]location, entries), clashes: map[string][]byte{}, current: -1, budget: s.budget, disk: s.disk}
	s.expiry.hours = map[int64][]uint64{}
}

// Hash is the hash under which the store knows a key.
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// Len is the number of keys.
func (s *Store) Len() int { return len(s.index) + len(s.clashes) }

// Away is the number of keys whose values are only on disk.
func (s *Store) Away() int { return s.away }

// Bytes is the memory that slabs hold, used or not.
func (s *Store) Bytes() int { return s.total }

// Err is not nil after a value could not be read from disk: then Get and ByHash may have said that there is none, nothing that was
// made from that may be committed, and the store must be closed.
func (s *Store) Err() error { return s.err }

// Break makes the store useless, as a disk does that cannot be read any more: nothing is found from now on, and Err says why. It is
// for simulations, where a store has no disk.
func (s *Store) Break(why error) {
	clear(s.index)
	clear(s.clashes)
	s.err = why
}

// Get returns the value of a key, or nil, and when it expires. It is valid until the next Put, Delete or Step, and must not be
// changed.
func (s *Store) Get(key []byte) (value []byte, expires event.Time) {
	hash := Hash(key)
	if _, e := s.find(hash); e != nil && string(e.key()) == string(key) {
		return e.value(), e.expires()
	}
	if len(s.clashes) > 0 {
		return s.clashes[string(key)], 0
	}
	return nil, 0
}

// ByHash returns the entry with this hash, or nil: of two keys that clash, it finds only one. The value may be changed in place by
// who tells Changed.
func (s *Store) ByHash(hash uint64) (key, value []byte, expires event.Time) {
	if _, e := s.find(hash); e != nil {
		return e.key(), e.value(), e.expires()
	}
	return nil, nil, 0
}

// Changed says that the value which ByHash gave was changed in place.
func (s *Store) Changed(hash uint64) {
	if loc, ok := s.index[hash]; ok && loc != onDisk {
		s.noteChange(s.at(loc))
	}
}

// Put stores a copy of value under a copy of key. The value may be forgotten when the clock has passed expires.
func (s *Store) Put(key, value []byte, expires event.Time) {
	hash := Hash(key)
	loc, old := s.find(hash)
	if old != nil && string(old.key()) != string(key) {
		s.clashes[string(key)] = append([]byte(nil), value...)
		return // its expiry is not watched: two keys of one hash are too rare to be worth it
	}
	if len(s.clashes) > 0 {
		delete(s.clashes, string(key))
	}
	before := event.Time(0)
	if old != nil {
		before = old.expires()
	}
	if old == nil || !old.overwrite(value, expires) {
		at := s.append(hash, key, value, expires)
		e := s.at(at)
		if old != nil {
			e.inherit(old)
			s.drop(loc)
		} else if s.disk != nil {
			e.setStored(s.disk.reborn(hash))
		}
		s.index[hash] = at
		s.noteChange(e)
		s.compact()
	} else {
		s.noteChange(old)
	}
	s.expiry.note(hash, before, expires)
}

// Delete forgets a key.
func (s *Store) Delete(key []byte) {
	hash := Hash(key)
	loc, e := s.find(hash)
	if e == nil || string(e.key()) != string(key) {
		delete(s.clashes, string(key))
		return
	}
	if s.disk != nil && e.stored() != 0 {
		s.disk.gone[hash] = e.stored()
		if !e.dirty() {
			s.changed = append(s.changed, hash)
		}
	}
	s.drop(loc)
	delete(s.index, hash)
	s.compact()
}

// Each calls fn for every entry, in no order, until fn returns false. fn must not change the store, and keep nothing.
func (s *Store) Each(fn func(key, value []byte, expires event.Time) bool) {
	for _, loc := range s.index {
		if loc == onDisk {
			continue
		}
		if e := s.at(loc); !fn(e.key(), e.value(), e.expires()) {
			return
		}
	}
	for k, v := range s.clashes {
		if !fn([]byte(k), v, 0) {
			return
		}
	}
	if s.away > 0 {
		s.eachAway(fn)
	}
}

// at returns what stands at a location in memory, and all after it.
func (s *Store) at(loc location) entry { return entry(s.slabs[loc.slab()].data[loc.offset():]) }

// find returns the entry of a hash and where it is in memory, after reading it from disk if it must. nil: there is none, or it could
// not be read, which is the end of the store.
func (s *Store) find(hash uint64) (location, entry) {
	loc, ok := s.index[hash]
	if !ok {
		return 0, nil
	}
	if loc == onDisk {
		return s.fetch(hash)
	}
	return loc, s.at(loc)
}

// noteChange remembers that the local store does not have e as it is now.
func (s *Store) noteChange(e entry) {
	if s.disk != nil && !e.dirty() {
		e.markDirty()
		s.changed = append(s.changed, e.hash())
	}
}

func (s *Store) drop(loc location) {
	n := s.at(loc).size()
	sl := &s.slabs[loc.slab()]
	sl.live -= n
	s.live -= n
	if sl.live == 0 && loc.slab() != s.current {
		s.release(loc.slab())
	}
}

// release makes an empty slab ready to be used again.
func (s *Store) release(i int) {
	sl := &s.slabs[i]
	if cap(sl.data) != slabSize || s.spare >= spareSlabs {
		s.hold(-cap(sl.data))
		sl.data = nil
	} else {
		sl.data = sl.data[:0]
		s.spare++
	}
	s.free = append(s.free, i)
}

// hold counts memory taken or given back.
func (s *Store) hold(bytes int) {
	s.total += bytes
	s.budget.add(bytes)
}

func (s *Store) append(hash uint64, key, value []byte, expires event.Time) location {
	room := roomFor(len(value))
	loc, b := s.place(entryHeader + len(key) + room)
	binary.LittleEndian.PutUint64(b, hash)
	binary.LittleEndian.PutUint64(b[8:], uint64(expires))
	binary.LittleEndian.PutUint32(b[16:], uint32(len(key)))
	binary.LittleEndian.PutUint32(b[20:], uint32(len(value)))
	binary.LittleEndian.PutUint32(b[24:], uint32(room))
	binary.LittleEndian.PutUint32(b[28:], 0)
	copy(b[entryHeader:], key)
	copy(b[entryHeader+len(key):], value)
	return loc
}

// place makes room for a live entry of n bytes, of unspecified content.
func (s *Store) place(n int) (location, []byte) {
	i := s.current
	if i < 0 || len(s.slabs[i].data)+n > cap(s.slabs[i].data) {
		if n > slabSize {
			i = s.fresh(n)
		} else {
			s.current = -1
			if i >= 0 && s.slabs[i].live == 0 {
				s.release(i)
			}
			i = s.fresh(slabSize)
			s.current = i
		}
	}
	sl := &s.slabs[i]
	offset := len(sl.data)
	sl.data = sl.data[:offset+n]
	sl.live += n
	s.live += n
	return locate(i, offset), sl.data[offset:]
}

// fresh returns the number of an empty slab with room for size bytes.
func (s *Store) fresh(size int) int {
	s.begun++
	for f := len(s.free) - 1; f >= 0; f-- {
		i := s.free[f]
		sl := &s.slabs[i]
		if sl.data != nil && size != slabSize || sl.data == nil && s.spare > 0 && size == slabSize {
			continue // those with memory are taken first
		}
		s.free = append(s.free[:f], s.free[f+1:]...)
		if sl.data == nil {
			sl.data = make([]byte, 0, size)
			s.hold(size)
		} else {
			s.spare--
		}
		sl.age = s.begun
		return i
	}
	s.slabs = append(s.slabs, slab{data: make([]byte, 0, size), age: s.begun})
	s.hold(size)
	return len(s.slabs) - 1
}

// walk calls fn for every live entry of a slab. fn may move or drop it.
func (s *Store) walk(i int, fn func(loc location, e entry)) {
	data := s.slabs[i].data
	for offset := 0; offset < len(data); {
		e := entry(data[offset:])
		n := e.size()
		if loc, ok := s.index[e.hash()]; ok && loc == locate(i, offset) {
			fn(loc, e)
		}
		offset += n
	}
}

// move copies an entry to the slab being filled.
func (s *Store) move(loc location, e entry) {
	n := e.size()
	s.slabs[loc.slab()].live -= n
	s.live -= n
	to, b := s.place(n)
	copy(b, e[:n])
	s.index[e.hash()] = to
}

// compact moves the live entries out of the emptiest slab while more than half of the memory is dead. Each call moves at most
// one slab, so that its cost is bounded.
func (s *Store) compact() {
	if s.total < 8*slabSize || s.live*2 > s.total-s.spare*slabSize {
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
	s.walk(worst, s.move)
	s.release(worst)
}
