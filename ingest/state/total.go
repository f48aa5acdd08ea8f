package state

import (
	"encoding/binary"
	"fmt"
)

// A total says what the local store holds after a slice, and stands in that slice's file. Pebble checks its blocks, but when the
// file that lists its files is damaged it may come back as it once was, or with a part, and not notice. The states must add up
// to the newest total, and that must not be older than the mark's.
type total struct {
	slices uint64 // written so far
	states uint64 // stored
	sum    uint64 // of their checksums
}

// totalKey is where the total of a slice goes that begins with a hash: just before its first byte's states, so that slices of one
// checkpoint hardly overlap, and there are never more than 256 totals.
func totalKey(first uint64) []byte { return []byte{byte(first >> 56)} }

func (t total) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, t.slices)
	b = binary.LittleEndian.AppendUint64(b, t.states)
	return binary.LittleEndian.AppendUint64(b, t.sum)
}

func parseTotal(b []byte) (t total, err error) {
	if len(b) != 24 {
		return t, fmt.Errorf("a total of %d bytes is damaged", len(b))
	}
	return total{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])}, nil
}

// replace counts a stored state by its checksum before and now; 0 is none.
func (t *total) replace(before, now uint32) {
	if before != 0 {
		t.states--
	}
	if now != 0 {
		t.states++
	}
	t.sum += uint64(now) - uint64(before)
}
