package state

import (
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

// expiry finds what may be forgotten without looking at everything: hashes stand in the hour in which they expire. A key whose
// expiry moved stands in several hours; only the caller, who sees the value, knows which one is true.
type expiry struct {
	hours    map[int64][]uint64
	earliest int64
}

const hour = int64(time.Hour / time.Millisecond)

// note remembers that an entry expires at another time than before, unless that is within the same hour: then it stands there.
func (e *expiry) note(hash uint64, before, expires event.Time) {
	h := int64(expires)/hour + 1 // the first hour that begins after it
	if expires == 0 || before != 0 && h == int64(before)/hour+1 {
		return
	}
	e.hours[h] = append(e.hours[h], hash)
	if e.earliest == 0 || h < e.earliest {
		e.earliest = h
	}
}

// Due takes out at most most hashes whose time may have come, at this clock, and appends them to into. Those that are not due yet
// after all have been noted under their later hour when they were put.
func (s *Store) Due(clock event.Time, most int, into []uint64) []uint64 {
	e := &s.expiry
	now := int64(clock) / hour
	if e.earliest == 0 || e.earliest > now {
		return into
	}
	for ; e.earliest <= now && most > 0; e.earliest++ {
		if len(e.hours) == 0 {
			e.earliest = 0
			return into
		}
		list := e.hours[e.earliest]
		n := min(most, len(list))
		into = append(into, list[len(list)-n:]...)
		most -= n
		if n < len(list) {
			e.hours[e.earliest] = list[:len(list)-n]
			return into
		}
		delete(e.hours, e.earliest)
	}
	return into
}

// Renote puts a hash that Due took out back in its hour.
func (s *Store) Renote(hash uint64, expires event.Time) { s.expiry.note(hash, 0, expires) }
