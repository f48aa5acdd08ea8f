package ingest

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/state"
)

// partition is what a lane has of one partition of the machine's topic.
type partition struct {
	id       int32
	store    *state.Store
	position position // committed
	next     position // at the end of the epoch being made
	touched  bool
	// logged is the last @position in the changelog, said that of the epoch being made.
	logged  state.Mark
	said    *kgo.Record
	saidAt  time.Time
	changes []change
	changed map[string]int // key → index in changes
	held    []heldState
	expired []uint64 // taken from the store's expiry in this epoch
	flushed []heldState
}

// change is a state of the overlay.
type change struct {
	key     []byte
	kept    []byte // as it will be stored, nil = forget
	wasHeld bool
	force   bool
}

// heldState waits until its rows are written.
type heldState struct {
	hash uint64
	due  time.Time
}

// newPartition begins with committed states. What was held back of them when they were written may never have been shown.
func newPartition(id int32, s *state.Store, held heldSet, pos position, now time.Time) *partition {
	p := &partition{id: id, store: s, position: pos, next: pos.clone(), changed: map[string]int{}}
	for _, hash := range slices.Sorted(maps.Keys(held)) {
		p.held = append(p.held, heldState{hash, now})
	}
	return p
}

// heldSet are the hashes of states that have rows held back. It is made while states are read: to look for them afterwards would read
// those that are on disk alone once more.
type heldSet map[uint64]struct{}

func (h heldSet) note(hash uint64, kept []byte) {
	if kept != nil && keptHeld(kept) {
		h[hash] = struct{}{}
	} else {
		delete(h, hash)
	}
}

func (p *partition) forget() {
	clear(p.changes)
	p.changes = p.changes[:0]
	clear(p.changed)
	p.expired, p.flushed, p.touched = p.expired[:0], p.flushed[:0], false
	p.said = nil
}
