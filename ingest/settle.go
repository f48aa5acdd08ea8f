package ingest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/encoding/json"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/state"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

// This file is the second half of a keyed task: what is said at the end of an epoch, and what becomes of it.

func (t *keyed) finish(e *epoch) error {
	for _, id := range slices.Sorted(maps.Keys(t.parts)) { // what an epoch says is in an order that does not depend on chance
		if err := t.finishPartition(t.parts[id], e); err != nil {
			return err
		}
	}
	return nil
}

func (t *keyed) finishPartition(p *partition, e *epoch) error {
	if err := p.store.Step(e.now, p.logged); err != nil {
		return err
	}
	t.flush(p, e)
	if !p.touched {
		return p.store.Err()
	}
	t.expire(p, e)
	for i := range p.changes {
		c := &p.changes[i]
		if c.kept != nil {
			next, s := t.machine.Settle(keptState(c.kept), c.force, &t.out)
			if err := t.say(e); err != nil {
				return err
			}
			c.kept = keep(e, c.kept, next)
			sealKept(c.key, c.kept, s.Held, s.Expires)
		}
		key := e.arena.take(1 + len(c.key))
		key[0] = statePrefix
		copy(key[1:], c.key)
		e.record(t.topics.changelog, p.id, key, c.kept)
	}
	p.next.Version = positionVersion
	pos, err := p.next.marshal()
	if err != nil {
		return err
	}
	p.said, p.saidAt = e.record(t.topics.changelog, p.id, []byte(positionKey), pos), e.now
	return p.store.Err()
}

// say moves rows and messages into the epoch.
func (t *keyed) say(e *epoch) error {
	for i := range t.out.Touches {
		m := &t.out.Touches[i]
		value, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("encode a touch: %w", err)
		}
		key := event.OrderKey(m.Order)
		o := origin{place: flow.Place{Topic: t.topics.input}, kind: event.Touches, state: originMessage}
		r := e.record(t.topics.messages, partitionOf(key, t.topics.messagePartitions), []byte(key), value)
		r.Headers = []kgo.RecordHeader{{Key: originHeader, Value: o.append(nil)}}
	}
	t.drain(e)
	return nil
}

// flush writes the rows that were held back long enough. A state that did not change in this epoch is only asked for its rows: they
// carry the revisions of the records that changed them, so nothing has to be remembered of the writing. Should this process die
// before the next change, they are written once more.
func (t *keyed) flush(p *partition, e *epoch) {
	n := 0
	for n < len(p.held) && (e.idle || !p.held[n].due.After(e.now)) {
		h := p.held[n]
		n++
		key, kept, _ := p.store.ByHash(h.hash)
		if kept == nil || !keptHeld(kept) {
			continue
		}
		if i, ok := p.changed[string(key)]; ok {
			p.changes[i].force = true
			continue
		}
		t.machine.Settle(keptState(kept), true, &t.out)
		t.drain(e) // touches were said when the state was committed
	}
	p.flushed, p.held = append(p.flushed, p.held[:n]...), p.held[n:]
}

// expire forgets states whose time has come, at most some thousands in an epoch.
func (t *keyed) expire(p *partition, e *epoch) {
	p.expired = p.store.Due(p.next.Clock.Now, 10_000, p.expired)
	for _, hash := range p.expired {
		key, kept, expires := p.store.ByHash(hash)
		if kept == nil || expires >= p.next.Clock.Now {
			continue
		}
		if _, ok := p.changed[string(key)]; ok {
			continue
		}
		if keptHeld(kept) {
			t.machine.Settle(keptState(kept), true, &t.out)
			t.drain(e)
		}
		c := change{key: e.arena.copy(key)}
		p.changed[stringOf(c.key)] = len(p.changes)
		p.changes = append(p.changes, c)
	}
}

func (t *keyed) committed(now time.Time) {
	var g gauges
	for _, p := range t.parts {
		for _, h := range p.flushed {
			if _, kept, _ := p.store.ByHash(h.hash); kept != nil {
				kept[1] &^= flagHeld
				p.store.Changed(h.hash)
			}
		}
		for i := range p.changes {
			c := &p.changes[i]
			if c.kept == nil {
				p.store.Delete(c.key)
				continue
			}
			p.store.Put(c.key, c.kept, keptExpires(c.kept))
			if keptHeld(c.kept) && (!c.wasHeld || c.force) {
				p.held = append(p.held, heldState{state.Hash(c.key), now.Add(t.cfg.Hold)})
			}
		}
		p.position = p.next.clone()
		if p.said != nil {
			p.logged = state.Mark{Offset: p.said.Offset, At: p.saidAt}
		}
		p.forget()
		g.states += int64(p.store.Len())
		g.away += int64(p.store.Away())
		g.bytes += int64(p.store.Bytes())
		g.held += int64(len(p.held))
	}
	t.gauges.report(g, t.metrics)
}

// dropped takes the epoch back: the committed states are as they were.
func (t *keyed) dropped() {
	for _, p := range t.parts {
		for _, hash := range p.expired {
			if _, _, expires := p.store.ByHash(hash); expires != 0 {
				p.store.Renote(hash, expires)
			}
		}
		p.held = append(p.flushed[:len(p.flushed):len(p.flushed)], p.held...)
		p.next = p.position.clone()
		p.forget()
	}
	t.out.Reset()
}

// settled says that nothing is left to be written without new input.
func (t *keyed) settled() bool {
	if t.restoring > 0 {
		return false
	}
	for _, p := range t.parts {
		if len(p.held) > 0 {
			return false
		}
	}
	return true
}
