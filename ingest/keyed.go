package ingest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/encoding/json"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/ingest/state"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// Machine is the pure logic of a keyed task. An instance belongs to one lane, so it may use scratch memory.
type Machine interface {
	// Apply folds e into the state of its key and returns the next state, or nil if there is nothing to remember. state is nil for
	// a key that is not known; Apply must not change or keep it. next may be the machine's own memory, valid until the next call.
	// Rows that Apply retires go to out at once as tombstones, even if they were born in this epoch: an attempt that was aborted
	// may have shown them. A machine that forgets part of a state says before what it still had to say of it.
	Apply(state []byte, e *event.Event, at flow.At, out *flow.Output) (next []byte, status table.Status)
	// Settle says at the end of an epoch what a state that changed looks like now: rows, each with the revision of the record that
	// last changed it, and messages that differ from what was said before. With force, held rows are written too. Ownership as in Apply.
	Settle(state []byte, force bool, out *flow.Output) (next []byte, settled flow.Settled)
}

// keyed is the task of a machine: it applies records to an overlay over the committed states, and folds the overlay into them
// when the transaction has been committed.
type keyed struct {
	cfg     *Config
	topics  keyedTopics
	machine Machine
	metrics *Metrics
	decoder *decode.Decoder
	names   map[string]string
	parts   map[int32]*partition
	out     flow.Output
	row     table.Event // of the record at hand; here, because a buffer takes a pointer
	gauges  gauges
	// restoring is the number of partitions whose states are still being read.
	restoring int
}

func newKeyed(cfg *Config, metrics *Metrics, topics keyedTopics, m Machine) *keyed {
	return &keyed{cfg: cfg, topics: topics, machine: m, metrics: metrics, decoder: &decode.Decoder{MaxBytes: cfg.MaxEvent},
		names: map[string]string{}, parts: map[int32]*partition{}}
}

// keyedTopics are the topics that a machine's task reads and writes.
type keyedTopics struct {
	input string
	// direct is the kind of events when the input is a source that the machine reads itself; else every record names its origin.
	direct    event.Topic
	changelog string
	// messages is where touches go; messagePartitions is how many partitions that has.
	messages          string
	messagePartitions int32
}

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

func (t *keyed) take(r *kgo.Record, e *epoch) error {
	p := t.parts[r.Partition]
	if p == nil {
		e.stale = true
		return nil
	}
	if r.Offset < p.next.Offset {
		return fmt.Errorf("%s/%d: read offset %d after %d had been applied", r.Topic, r.Partition, r.Offset, p.next.Offset-1)
	}
	p.next.Offset, p.touched = r.Offset+1, true
	if r.Attrs.IsControl() {
		return nil
	}
	t.metrics.Read.Add(1)
	at := flow.At{Revision: flow.Revision(p.next.Generation, r.Offset), Clock: p.next.Clock.Now}
	kind := t.topics.direct
	var o origin
	var err error
	if kind != 0 {
		at.Source = flow.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
		if at.SourceTime, err = sourceTime(r); err == nil {
			err = checkSourceTime(at.SourceTime, e.read)
		}
		if err == nil {
			p.next.Clock.direct(at.SourceTime)
		}
	} else {
		if o, err = parseOrigin(header(r, originHeader), t.intern); err == nil && o.state != originMessage {
			err = p.next.Clock.routed(&o)
		}
		if o.state == originTick || o.state == originIdle {
			return err
		}
		kind, at.Source, at.SourceTime = o.kind, o.place, o.time
		if err != nil {
			at.Source = flow.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
			err = &event.Refusal{Reason: event.BadValue, Field: "header " + originHeader,
				Detail: "only the router writes to this topic: " + err.Error()}
		}
	}
	var ev *event.Event
	if err == nil {
		ev, err = t.decoder.Decode(kind, r.Value)
	}
	if err == nil && t.topics.direct != 0 {
		if err = ev.Validate(t.cfg.Rules, at.SourceTime); err == nil && string(r.Key) != ev.Key() {
			t.metrics.WrongKeys.Add(1)
			err = &event.Refusal{Reason: event.WrongKey, Field: "visitor",
				Detail: fmt.Sprintf("the record's key is %.64q, the visitor %.64q, but the config says keyed_by: visitor: key the topic by visitor, or set keyed_by: none", r.Key, ev.Key())}
		}
	}
	if err != nil {
		t.metrics.Refused.Add(1)
		refuse(e, t.cfg.Topics.DeadLetters, t.cfg.DeadLetterSize, at.Source, at.SourceTime, r, err)
		return nil
	}
	return t.apply(p, ev, at, r.Value, e)
}

func (t *keyed) apply(p *partition, ev *event.Event, at flow.At, body []byte, e *epoch) error {
	key := ev.Key()
	i, ok := p.changed[key]
	var kept, before []byte
	if ok {
		kept = p.changes[i].kept
	} else {
		kept, _ = p.store.Get(bytesOf(key))
		if err := p.store.Err(); err != nil {
			return err
		}
	}
	if kept != nil && (keptExpires(kept) >= at.Clock || keptHeld(kept)) { // what is held back is still to be told: the machine forgets by itself
		before = keptState(kept)
	}
	next, status := t.machine.Apply(before, ev, at, &t.out)
	if err := t.say(e); err != nil {
		return err
	}
	if !ok && status != table.Accepted && bytes.Equal(before, next) {
		// Nothing to remember.
	} else {
		if !ok {
			i = len(p.changes)
			p.changes = append(p.changes, change{key: e.arena.copy(bytesOf(key)), wasHeld: kept != nil && keptHeld(kept)})
			p.changed[stringOf(p.changes[i].key)] = i
		}
		c := &p.changes[i]
		if next == nil {
			c.kept = nil
		} else {
			c.kept = keep(e, c.kept, next)
			putKept(c.kept, false, maxTime) // until it is settled
		}
	}
	switch status {
	case table.Duplicate:
		t.metrics.Duplicate.Add(1)
	case table.Late:
		t.metrics.Late.Add(1)
	default:
		t.metrics.Accepted.Add(1)
	}
	if ev.Topic == event.Touches {
		return nil
	}
	row := &t.row
	*row = table.Event{Topic: at.Source.Topic, Partition: at.Source.Partition, Offset: at.Source.Offset, SourceTime: at.SourceTime,
		Status: status, Kind: ev.Topic, Header: ev.Header(), Body: body, Revision: at.Revision}
	switch ev.Topic {
	case event.Clickstream:
		c := ev.Click
		row.Visitor, row.Customer, row.Order, row.Product, row.URL, row.Value = c.Visitor, c.Customer, c.Order, c.Product, c.URL, c.Value
	case event.Orders:
		o := ev.Order
		row.Visitor, row.Customer, row.Order, row.Value = o.Visitor, o.Customer, o.Order, o.Total
		if len(o.Items) > 0 {
			row.Product = o.Items[0].Product
		}
	case event.Deliveries:
		row.Order = ev.Delivery.Order
	case event.Reviews:
		v := ev.Review
		row.Customer, row.Order, row.Review = v.Customer, v.Order, v.Review
		for _, s := range v.Subjects {
			if s.Kind == event.SubjectProduct {
				row.Product = event.ProductID(s.ID)
				break
			}
		}
	}
	e.rows.Events.Append(row)
	return nil
}

// keep makes a kept state in the epoch's memory, in place of old where it fits.
func keep(e *epoch, old, state []byte) []byte {
	n := keptHeader + len(state)
	if cap(old) >= n {
		old = old[:n]
	} else {
		old = e.arena.take(n)
	}
	copy(old[keptHeader:], state)
	return old
}

// drain moves what the machine said into the epoch.
func (t *keyed) drain(e *epoch) {
	for i := range t.out.Sessions {
		e.rows.Sessions.Append(&t.out.Sessions[i])
	}
	for i := range t.out.Identities {
		e.rows.Identities.Append(&t.out.Identities[i])
	}
	for i := range t.out.Journeys {
		e.rows.Journeys.Append(&t.out.Journeys[i])
	}
	for i := range t.out.Reviews {
		e.rows.Reviews.Append(&t.out.Reviews[i])
	}
	t.out.Reset()
}

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
			putKept(c.kept, s.Held, s.Expires)
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

func (p *partition) forget() {
	clear(p.changes)
	p.changes = p.changes[:0]
	clear(p.changed)
	p.expired, p.flushed, p.touched = p.expired[:0], p.flushed[:0], false
	p.said = nil
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

func (t *keyed) intern(b []byte) string {
	if s, ok := t.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(t.names) < 1000 {
		t.names[s] = s
	}
	return s
}
