// Package journey is the machine JOURNEY: it folds all that is known of one order (orders, deliveries, reviews, touches) into its
// journey and its opinions. Its state is the set of those facts, each stored once and small, and every row is read off the set in
// order of time, then of the hash of the event's id. So any order of arrival gives the same rows.
//
// # What the rows say
//
//   - A milestone (placed, shipped, delivered, …) has the time of its first event; attempts, changes of promise and refunds are
//     counted or added up over all. What several events state (customer, carrier, warehouse, total, …) is what the last one said.
//   - An order has a journey once an order or delivery event is known. While only reviews or touches are, their facts wait in the
//     state: a review has its row from the start (not verified), a journey is not made up from it.
//   - PromiseFirst is the first arrival time that the shop promised, PromiseLast the last that the shop promised or the carrier
//     estimated; each time that the last word changed is a change. A promise is kept if the parcel was delivered by PromiseFirst (while
//     it is not delivered: if it was attempted by then).
//   - View to checkout are those of the sessions that completed the order. The visitor is the one that the order names, else that of
//     the last session which completed it; the customer the one that the order names, else the last session that names one, else
//     the earliest opinion.
//   - An opinion is what its last version says (posted, mention, edited; an edit keeps what it does not name). A removed one keeps its
//     row, and counts no longer.
//   - What is told of products, of the customer and of currencies is looked up when a row is written, see lookUp; the state has what the
//     events said.
//   - A case is that of the opinion which was the first to be negative and is not removed, whether or not it was edited to be
//     positive later; its answer, promise and resolution are the first ones that came for that opinion. A promise of contact was
//     held by the first answer or resolution after it. A resolved case is opened again by an edit of its opinion that is negative and
//     no better than before, and by another opinion that turns negative later.
//
// # Keys
//
// Rows are replaced by their full sort key: journeys by (month, order), reviews by (month, order, review).
//
// # Limits
//
// An event older than clock − Horizon is late and changes nothing. An order that has been quiet for Horizon is forgotten; what comes
// after that begins anew. An order with more than MaxFacts events, or a state above MaxState bytes, takes no more of them: they
// are accepted, and stand in the table of events only. (An order id like "0" or "test" would grow without end.)
package journey

import (
	"fmt"
	"time"

	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// Config of the machine.
type Config struct {
	Horizon  time.Duration // how late an event may come, and how long a quiet order is remembered
	MaxFacts int           // events and touches that an order takes
	MaxState int           // bytes of a state beyond which an order takes no more: a record of the changelog must take it
	Lookups  enrich.Lookups
}

// Default is what applies unless configured otherwise.
var Default = Config{Horizon: 400 * 24 * time.Hour, MaxFacts: 4096, MaxState: 512 << 10, Lookups: enrich.Currency("EUR")}

// Validate names the first rule that c breaks.
func (c Config) Validate() error {
	switch {
	case c.Horizon < time.Millisecond:
		return fmt.Errorf("journey horizon %v: must be at least 1ms", c.Horizon)
	case c.MaxFacts < 1:
		return fmt.Errorf("journey limit of %d events: must be at least 1", c.MaxFacts)
	case c.MaxState < 4<<10:
		return fmt.Errorf("journey state of %d bytes: must be at least 4096", c.MaxState)
	case c.Lookups == nil:
		return fmt.Errorf("journey lookups: there must be some, such as enrich.Currency")
	}
	return nil
}

// Machine belongs to one lane. What it keeps between calls is memory to use again. The strings of the rows that it says point into
// the state that it was given.
type Machine struct {
	Config
	horizon event.Time
	s       state
	next    []byte
	settled []byte
	pack    []byte
}

// New makes a machine, or says what is wrong with its configuration.
func New(c Config) (*Machine, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Machine{Config: c, horizon: event.Time(c.Horizon.Milliseconds())}, nil
}

// Apply adds an event or a touch to the facts of its order or review. A state that does not change is returned as it is.
func (m *Machine) Apply(old []byte, e *event.Event, at flow.At, out *flow.Output) ([]byte, table.Status) {
	if at.Clock != 0 && e.Topic != event.Touches && e.Header().Time < at.Clock-m.horizon {
		return old, table.Late
	}
	s := &m.s
	s.reset()
	if len(old) > 0 {
		flags, last := peek(old)
		switch {
		case at.Clock != 0 && last+m.horizon < at.Clock: // forgotten, as it is between epochs
			if flags&stateDirty != 0 {
				s.read(old)
				s.tell(m.Lookups, out)
				s.reset()
			}
		case flags&stateFull != 0:
			return old, table.Accepted
		default:
			s.read(old)
		}
	}
	f := m.fact(e)
	i, found := s.find(&f)
	if found && (e.Topic != event.Touches || s.facts[i] == f) || !found && f.gone {
		return old, table.Duplicate
	}
	before := s.summary(f.s[sReview])
	switch {
	case !found:
		s.insert(f)
	case f.gone:
		s.remove(i)
	default:
		s.facts[i] = f // the same session, so in the same place
	}
	s.compare(before, f.s[sReview], at.Revision, out)
	s.last = max(s.last, f.time)
	s.full = len(s.facts) >= m.MaxFacts
	m.next = s.encode(m.next[:0])
	if len(m.next) > m.MaxState && !s.full {
		s.full = true
		m.next = s.encode(m.next[:0])
	}
	return m.next, table.Accepted
}

// Settle writes the rows that changed. Nothing is held back: events of an order are few.
func (m *Machine) Settle(old []byte, _ bool, out *flow.Output) ([]byte, flow.Settled) {
	if len(old) == 0 {
		return nil, flow.Settled{}
	}
	flags, last := peek(old)
	settled := flow.Settled{Expires: last + m.horizon}
	if flags&stateDirty == 0 {
		return old, settled
	}
	s := &m.s
	s.reset()
	s.read(old)
	s.tell(m.Lookups, out)
	m.settled = s.allTold(m.settled[:0], old) // not Apply's memory, where old may be
	return m.settled, settled
}

// summary is what decides which rows a new fact changes, besides its own.
type summary struct {
	known   bool       // an order or delivery event is
	month   event.Time // of the journey
	verdict verdict
	opined  event.Time // the month of the opinion that the fact is about, 0: not known yet
}

func (s *state) summary(review uint32) summary {
	o := s.order()
	sum := summary{known: o.known, month: o.month(), verdict: o.verdict()}
	if review != 0 {
		o := s.opinion(review)
		sum.opined = o.month()
	}
	return sum
}

// compare gives the rows that changed the revision, and sends tombstones for the keys that are gone.
func (s *state) compare(before summary, review uint32, revision uint64, out *flow.Output) {
	after := s.summary(review)
	if before.known && (!after.known || before.month != after.month) {
		out.Journeys = append(out.Journeys, table.Journey{Month: before.month, Order: s.id, Revision: revision, IsDeleted: true})
	}
	s.journey = told{revision: revision, dirty: true}
	if before.opined != 0 && before.opined != after.opined {
		out.Reviews = append(out.Reviews, table.Review{Month: before.opined, Order: s.id, Review: event.ReviewID(s.str(review)),
			Revision: revision, IsDeleted: true})
	}
	if review != 0 && before.opined == 0 {
		s.opinions = append(s.opinions, told{review: review})
	}
	for i := range s.opinions {
		if o := &s.opinions[i]; o.review == review || before.verdict != after.verdict {
			o.revision, o.dirty = revision, true
		}
	}
}

// tell writes the rows that changed since they were written.
func (s *state) tell(known enrich.Lookups, out *flow.Output) {
	o := s.order()
	if s.journey.dirty && o.known {
		row := s.journeyRow(&o)
		lookUp(known, &row)
		row.Revision = s.journey.revision
		out.Journeys = append(out.Journeys, row)
	}
	s.journey.dirty = false
	for i := range s.opinions {
		if t := &s.opinions[i]; t.dirty {
			t.dirty = false
			row := s.reviewRow(t.review, o.verdict())
			row.Revision = t.revision
			out.Reviews = append(out.Reviews, row)
		}
	}
}
