package ingest

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/afterclick/afterclick/schemas/event"
)

// A kept state is what stands in the changelog and in the store, under its key: version, flags, expiry (8 bytes), checksum (4 bytes),
// then the machine's own bytes, which have a version of their own. The checksum is of all but the flags, which change in place, and of
// the key. Version 1 had none.
//
// Kafka and the local store have checksums of their own. This one is there for what else might write to the changelog, and so that a state
// which a machine cannot read is known to be one that a machine wrote.
const (
	keptVersion  = 2
	keptHeader   = 14
	keptHeaderV1 = 10
	flagHeld     = 1
)

// maxTime is the expiry of a state that never expires.
const maxTime = event.Time(math.MaxInt64)

// putKept writes the header of a state that this epoch may still change.
func putKept(b []byte, held bool, expires event.Time) {
	b[0], b[1] = keptVersion, 0
	if held {
		b[1] |= flagHeld
	}
	binary.LittleEndian.PutUint64(b[2:], uint64(expires))
}

// sealKept writes the header of a state that goes to the changelog.
func sealKept(key, b []byte, held bool, expires event.Time) {
	putKept(b, held, expires)
	binary.LittleEndian.PutUint32(b[10:], keptSum(key, b))
}

func keptSum(key, b []byte) uint32 {
	var all [24]byte
	binary.LittleEndian.PutUint64(all[:], xxhash.Sum64(key))
	copy(all[8:16], b[2:10])
	binary.LittleEndian.PutUint64(all[16:], xxhash.Sum64(b[keptHeader:]))
	return uint32(xxhash.Sum64(all[:]))
}

func keptState(b []byte) []byte {
	if b[0] == 1 {
		return b[keptHeaderV1:]
	}
	return b[keptHeader:]
}

func keptHeld(b []byte) bool          { return b[1]&flagHeld != 0 }
func keptExpires(b []byte) event.Time { return event.Time(binary.LittleEndian.Uint64(b[2:])) }

// checkKept refuses what was not written by sealKept, of this version or an older one.
func checkKept(key, b []byte) error {
	if len(b) > 0 && b[0] > keptVersion {
		return fmt.Errorf("the state of %.80q was written by a newer version of Afterclick (version %d, this one knows %d): upgrade this instance", key, b[0], keptVersion)
	}
	damaged := func(why string, args ...any) error {
		return fmt.Errorf("the state of %.80q is damaged, %s: `afterclick rebuild` makes states and tables from the sources again", key, fmt.Sprintf(why, args...))
	}
	switch {
	case len(b) == 0 || b[0] == 0 || b[0] == 1 && len(b) < keptHeaderV1 || b[0] > 1 && len(b) < keptHeader:
		return damaged("it has %d bytes", len(b))
	case b[1] > flagHeld:
		return damaged("its flags are %08b", b[1])
	case b[0] > 1:
		if have, want := binary.LittleEndian.Uint32(b[10:]), keptSum(key, b); have != want {
			return damaged("its checksum is %08x instead of %08x", have, want)
		}
	}
	return nil
}
