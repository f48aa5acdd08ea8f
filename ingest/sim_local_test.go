package ingest

import (
	"bytes"
	"errors"

	"github.com/afterclick/afterclick/ingest/sim"
	"github.com/afterclick/afterclick/ingest/state"
	"github.com/afterclick/afterclick/schemas/event"
)

// simLocal is what an instance has on disk of one partition, as far as the engine relies on it: a mark, and states of which each is
// as it was at the mark or later. (That Pebble keeps this promise is tested where the store is.)
type simLocal struct {
	mark   int64 // of a @position in the changelog
	states map[string][]byte
}

type simDisk struct {
	complete map[sim.Partition]*simLocal
	begun    map[sim.Partition]int64 // marks of checkpoints under way
}

func newSimDisk() *simDisk {
	return &simDisk{complete: map[sim.Partition]*simLocal{}, begun: map[sim.Partition]int64{}}
}

// checkpoint goes on with the checkpoints of a lane's partitions: a mark first, the states some epochs later.
func (p *simLane) checkpoint() {
	w, disk := p.w, p.slot.instance.disk
	if p.zombie() {
		return // another has the lock
	}
	for id := range w.counts[p.keyed.topics.input] {
		part := p.keyed.parts[id]
		if part == nil || p.diskless[id] || w.r.IntN(4) > 0 || !p.member.Has(sim.Partition{Topic: p.keyed.topics.input, ID: id}) {
			continue // another lane of the instance would wait until this one has let go of it
		}
		at := sim.Partition{Topic: p.keyed.topics.changelog, ID: id}
		mark, begun := disk.begun[at]
		if !begun {
			if part.logged.Offset >= 0 {
				disk.begun[at] = part.logged.Offset
			}
			continue
		}
		delete(disk.begun, at)
		l := &simLocal{mark: mark, states: map[string][]byte{}}
		part.store.Each(func(key, kept []byte, _ event.Time) bool {
			l.states[string(key)] = bytes.Clone(kept)
			return true
		})
		disk.complete[at] = l
		p.story("has a checkpoint of %v at %d: %d states", at, mark, len(l.states))
	}
}

// open returns what the disk has of a partition, and where to read on.
func (p *simLane) open(at sim.Partition) (s *state.Store, held heldSet, from int64) {
	w, disk := p.w, p.slot.instance.disk
	delete(disk.begun, at)
	s, held = state.New(), heldSet{}
	if p.zombie() {
		return s, held, 0
	}
	if l := disk.complete[at]; l != nil && w.dice.Hit(sim.LocalLost, 5) {
		w.dice.Count(sim.LocalLost)
		p.story("has lost its local store of %v", at)
		delete(disk.complete, at)
	}
	l := disk.complete[at]
	if l == nil {
		return s, held, 0
	}
	w.dice.Count(sim.LocalUsed)
	for key, kept := range l.states {
		s.Put([]byte(key), kept, keptExpires(kept))
		held.note(state.Hash([]byte(key)), kept)
	}
	return s, held, l.mark
}

var errFull = errors.New("local store: no space left on device")

// fillDisk: the disk is full, so the local store of a partition is given up. Either memory has all states and goes on, or some were on
// disk alone: then the store is useless, and whatever the lane has made of it must not be committed.
func (p *simLane) fillDisk() {
	w := p.w
	if p.keyed == nil || p.zombie() {
		return
	}
	id := int32(w.r.IntN(int(w.counts[p.keyed.topics.input])))
	part := p.keyed.parts[id]
	if part == nil || p.diskless[id] {
		return
	}
	full, away := w.dice.Hit(sim.DiskFull, 150), w.dice.Hit(sim.DiskFullAway, 150)
	if !full && !away {
		return
	}
	at := sim.Partition{Topic: p.keyed.topics.changelog, ID: id}
	delete(p.slot.instance.disk.complete, at)
	delete(p.slot.instance.disk.begun, at)
	p.diskless[id] = true
	if away {
		w.dice.Count(sim.DiskFullAway)
		p.story("has no room on disk for %v, and had states there alone", at)
		why := errFull
		if w.plant.silent {
			why = nil
		}
		part.store.Break(why)
		return
	}
	w.dice.Count(sim.DiskFull)
	p.story("has no room on disk for %v", at)
}

// forgets: deletions before this offset are dropped, so no local store with an older mark may be used any more. In the real one that
// is its greatest age, half of delete.retention.ms.
func (w *simWorld) forgets(at sim.Partition, before int64) {
	for _, in := range w.instances {
		if l := in.disk.complete[at]; l != nil && l.mark < before {
			delete(in.disk.complete, at)
		}
		if mark, ok := in.disk.begun[at]; ok && mark < before {
			delete(in.disk.begun, at)
		}
	}
}
