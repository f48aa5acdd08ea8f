package ingest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/decode"
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
	locator Locator
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
		locator: cfg.locator(), names: map[string]string{}, parts: map[int32]*partition{}}
}

// keyedTopics are the topics that a machine's task reads and writes.
type keyedTopics struct {
	input string
	// direct is the kind of events when the input is a source that the machine reads itself; else every record names its origin.
	direct    event.Topic
	carries   []event.Topic // what the machine understands; nil: all
	changelog string
	// messages is where touches go; messagePartitions is how many partitions that has.
	messages          string
	messagePartitions int32
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
		if at.SourceTime, err = SourceTime(r); err == nil {
			err = checkSourceTime(at.SourceTime, e.read)
		}
		if err == nil {
			p.next.Clock.direct(at.SourceTime)
		}
	} else {
		if o, err = parseOrigin(header(r, originHeader), t.intern); err == nil && o.state != originMessage {
			err = p.next.Clock.routed(&o)
		}
		if err == nil && (o.state == originTick || o.state == originIdle) {
			return nil
		}
		if err == nil && t.topics.carries != nil && !slices.Contains(t.topics.carries, o.kind) {
			err = fmt.Errorf("it says that this is of %s, which %s does not carry", o.kind, r.Topic)
		}
		kind, at.Source, at.SourceTime = o.kind, o.place, o.time
		if err != nil {
			at.Source = flow.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
			err = &event.Refusal{Reason: event.BadValue, Field: "header " + originHeader,
				Detail: "only the router writes to this topic: " + err.Error()}
		}
	}
	value, ip := decode.WithoutIP(r.Value) // before all else: what is refused is quoted
	var ev *event.Event
	if err == nil {
		ev, err = t.decoder.Decode(kind, value)
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
		l := newLetters(e, t.cfg)
		l.add(letter{place: at.Source, time: at.SourceTime, key: r.Key, body: r.Value, why: err})
		return nil
	}
	if kind == event.Clickstream {
		locate(t.locator, ev.Click, ip, header(r, placeHeader))
	}
	return t.apply(p, ev, at, value, e)
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
	*row = table.Event{Topic: at.Source.Topic, Partition: at.Source.Partition, Offset: at.Source.Offset, Part: at.Source.Part, SourceTime: at.SourceTime,
		Status: status, Kind: ev.Topic, Header: ev.Header(), Body: body, Revision: at.Revision}
	switch ev.Topic {
	case event.Clickstream:
		c := ev.Click
		row.Visitor, row.Customer, row.Order, row.Product, row.URL, row.Value = c.Visitor, c.Customer, c.Order, c.Product, c.URL, c.Value
		row.Country, row.Region = c.Country, c.Region
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

// keep makes a kept state, but for its header, in the epoch's memory, in place of old where it fits.
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
