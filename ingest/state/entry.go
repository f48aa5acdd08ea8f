package state

import (
	"encoding/binary"

	"github.com/afterclick/afterclick/schemas/event"
)

// An entry is a key and its value in a slab: the header, the key, and room for the value, which may be shorter. The header is the
// key's hash and when the value expires, 8 bytes each, then the lengths of key and value, the room, and the checksum of what the local store
// has of this key, 0 if nothing, 4 bytes each.
type entry []byte

const (
	entryHeader = 32
	// dirty, in the key's length, marks an entry that the local store does not have as it is.
	dirty = 1 << 31
)

func (e entry) hash() uint64         { return binary.LittleEndian.Uint64(e) }
func (e entry) expires() event.Time  { return event.Time(binary.LittleEndian.Uint64(e[8:])) }
func (e entry) klen() int            { return int(binary.LittleEndian.Uint32(e[16:]) &^ dirty) }
func (e entry) vlen() int            { return int(binary.LittleEndian.Uint32(e[20:])) }
func (e entry) room() int            { return int(binary.LittleEndian.Uint32(e[24:])) }
func (e entry) stored() uint32       { return binary.LittleEndian.Uint32(e[28:]) }
func (e entry) setStored(sum uint32) { binary.LittleEndian.PutUint32(e[28:], sum) }
func (e entry) size() int            { return entryHeader + e.klen() + e.room() }
func (e entry) dirty() bool          { return e[19]&(dirty>>24) != 0 }
func (e entry) markDirty()           { e[19] |= dirty >> 24 }
func (e entry) markClean()           { e[19] &^= dirty >> 24 }

func (e entry) key() []byte {
	n := entryHeader + e.klen()
	return e[entryHeader:n:n]
}

func (e entry) value() []byte {
	from := entryHeader + e.klen()
	to := from + e.vlen()
	return e[from:to:to]
}

// overwrite puts value in the old one's place, unless it has no room or wastes too much of it.
func (e entry) overwrite(value []byte, expires event.Time) bool {
	room := e.room()
	if len(value) > room || room > roomFor(2*len(value)+32) {
		return false
	}
	binary.LittleEndian.PutUint64(e[8:], uint64(expires))
	binary.LittleEndian.PutUint32(e[20:], uint32(len(value)))
	copy(e[entryHeader+e.klen():], value)
	return true
}

// inherit takes over what the local store has of old, and whether that is to be written again.
func (e entry) inherit(old entry) {
	e.setStored(old.stored())
	if old.dirty() {
		e.markDirty()
	}
}

// roomFor leaves a value some room to grow in place: states grow by a few bytes with most events.
func roomFor(value int) int { return (value + value/8 + 7) &^ 7 }
