package decode

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

// Record is what a format reads: a record of a source topic.
type Record struct {
	Key     []byte
	Value   []byte
	Headers []kgo.RecordHeader
	Time    event.Time // source time
}

// Header returns the value of a header, or nil. Names are compared as they are, with the case.
func (r *Record) Header(name string) []byte {
	for i := range r.Headers {
		if r.Headers[i].Key == name {
			return r.Headers[i].Value
		}
	}
	return nil
}

// Format reads records of a source topic as some tracker, shop or carrier writes them. It belongs to one goroutine.
//
// One file holds a format: its Format, its definition (see definitions), and beside it testdata/NAME with fixtures and a chapter of
// FORMATS.md with the mapping.
type Format interface {
	// Decode adds to out what the record says, in the record's order: at least one event or refusal, and more for a batch. A bad event
	// in a batch does not spoil the others. Events are of the kinds that the source holds. What is added may point into the record,
	// or into memory of out (Bytes). The same record gives the same events, always: ids that are made up are made from the record's own
	// content, and no clock is looked at. Events need not be normalized or valid: that is seen to.
	//
	// An error means that the record cannot be read now, though maybe later (a schema registry is away): the lane waits and tries
	// again. Nothing is a dead letter for that. Its text says what is away, and what to do.
	Decode(r *Record, out *Events) error
}

// Namer is what a Format may also be: it tells where a field of ours stands in the sender's records, so that a refusal names what the
// sender knows. "" leaves our name. An envelope asks the inner format (theirs).
type Namer interface {
	Theirs(kind event.Topic, field string) string
}

// Decoded is one event of a record, or why there is none.
type Decoded struct {
	event.Event
	Refusal *event.Refusal // this event is a dead letter
	// Raw are the bytes of the record that this event was made from, such as an element of a batch; nil: the whole record. It is what
	// a dead letter keeps.
	Raw []byte
}

// Events collects what a record says. Its memory is used again for the next record.
type Events struct {
	list       []Decoded
	raw        []byte
	clicks     slots[event.Click]
	orders     slots[event.Order]
	deliveries slots[event.Delivery]
	reviews    slots[event.Review]
	bytes      [][]byte // chunks, the first of them are full
	used       int
}

// slots are events that are filled again and again.
type slots[T any] struct {
	all  []*T
	used int
}

func (s *slots[T]) next() *T {
	if s.used == len(s.all) {
		s.all = append(s.all, new(T))
	}
	s.used++
	return s.all[s.used-1]
}

func (e *Events) reset() {
	clear(e.list)
	e.list, e.raw = e.list[:0], nil
	e.clicks.used, e.orders.used, e.deliveries.used, e.reviews.used = 0, 0, 0, 0
	for i := range min(e.used, len(e.bytes)) {
		e.bytes[i] = e.bytes[i][:0]
	}
	e.used = 0
	if len(e.bytes) > keptChunks {
		clear(e.bytes[keptChunks:])
		e.bytes = e.bytes[:keptChunks]
	}
}

// From says which bytes of the record the next events are made from; nil: the whole record.
func (e *Events) From(raw []byte) { e.raw = raw }

// Click adds an empty click to be filled.
func (e *Events) Click() *event.Click {
	c := e.clicks.next()
	*c = event.Click{}
	e.list = append(e.list, Decoded{Event: event.Event{Topic: event.Clickstream, Click: c}, Raw: e.raw})
	return c
}

// Order adds an empty event of an order to be filled. The memory of its items is used again: append to them.
func (e *Events) Order() *event.Order {
	o := e.orders.next()
	*o = event.Order{Items: emptied(o.Items)}
	e.list = append(e.list, Decoded{Event: event.Event{Topic: event.Orders, Order: o}, Raw: e.raw})
	return o
}

// Delivery adds an empty event of a delivery to be filled.
func (e *Events) Delivery() *event.Delivery {
	d := e.deliveries.next()
	*d = event.Delivery{}
	e.list = append(e.list, Decoded{Event: event.Event{Topic: event.Deliveries, Delivery: d}, Raw: e.raw})
	return d
}

// Review adds an empty event of an opinion to be filled. The memory of its subjects is used again: append to them.
func (e *Events) Review() *event.Review {
	v := e.reviews.next()
	*v = event.Review{Subjects: emptied(v.Subjects)}
	e.list = append(e.list, Decoded{Event: event.Event{Topic: event.Reviews, Review: v}, Raw: e.raw})
	return v
}

// Add adds an empty event of a kind.
func (e *Events) Add(kind event.Topic) *event.Event {
	switch kind {
	case event.Clickstream:
		e.Click()
	case event.Orders:
		e.Order()
	case event.Deliveries:
		e.Delivery()
	case event.Reviews:
		e.Review()
	default:
		panic(fmt.Sprintf("decode: no source holds %s", kind))
	}
	return &e.list[len(e.list)-1].Event
}

// Len is how many events and refusals were added.
func (e *Events) Len() int { return len(e.list) }

// Refuse adds a refusal.
func (e *Events) Refuse(r *event.Refusal) {
	e.list = append(e.list, Decoded{Refusal: r, Raw: e.raw})
}

// Spoil makes a refusal of the event that was added last.
func (e *Events) Spoil(r *event.Refusal) {
	last := &e.list[len(e.list)-1]
	last.Event, last.Refusal = event.Event{}, r
}

const (
	chunkSize  = 64 << 10
	keptChunks = 16
)

// Bytes returns n bytes of unspecified content, for what events point to and the record does not have as it is needed.
func (e *Events) Bytes(n int) []byte {
	if n > chunkSize/4 {
		return make([]byte, n)
	}
	if e.used == 0 || len(e.bytes[e.used-1])+n > chunkSize {
		if e.used == len(e.bytes) {
			e.bytes = append(e.bytes, make([]byte, 0, chunkSize))
		}
		e.used++
	}
	c := &e.bytes[e.used-1]
	start := len(*c)
	*c = (*c)[:start+n]
	return (*c)[start : start+n : start+n]
}

// Copy returns a copy of b that lives as long as the events.
func (e *Events) Copy(b []byte) []byte {
	c := e.Bytes(len(b))
	copy(c, b)
	return c
}
