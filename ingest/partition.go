package ingest

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/state"
	"github.com/afterclick/afterclick/schemas/event"
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

func newPartition(id int32, s *state.Store, pos position, now time.Time) *partition {
	p := &partition{id: id, store: s, position: pos, next: pos.clone(), changed: map[string]int{}}
	// What was held back when the states were last written may never have been shown.
	s.Each(func(key, kept []byte, _ event.Time) bool {
		if keptHeld(kept) {
			p.held = append(p.held, heldState{state.Hash(key), now})
		}
		return true
	})
	return p
}

func (p *partition) forget() {
	clear(p.changes)
	p.changes = p.changes[:0]
	clear(p.changed)
	p.expired, p.flushed, p.touched = p.expired[:0], p.flushed[:0], false
	p.said = nil
}
