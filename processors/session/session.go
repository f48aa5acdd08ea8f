// Package session is the machine SESSION: it folds a visitor's clicks into sessions, identities and touches. Its state is the set
// of the visitor's recent event marks, and everything it says is computed from that set, so the order of arrival cannot matter,
// duplicates vanish, and late events join, cut and move sessions exactly.
//
// # What a session is
//
// Marks are in order of time, then of the hash of the event's id. A session takes the next mark unless it comes more than Gap
// after the session's last one (exactly Gap still belongs), or MaxLength or more after its first: then that mark begins the next
// session. With ByTracker, marks that carry the tracker's session id are cut by that id instead of the gap (MaxLength holds for
// them too), the others by the gap among themselves; sessions of a visitor that begin in the same millisecond are one.
//
// Of a session's marks, the first that has one gives landing, device, country and source; the last that has one gives exit,
// customer and checkout step; the first entry from outside, or direct, gives channel, referrer, source and campaign. The region is the
// first that a mark has together with the session's country. The category is that of most looks at products and of what was put into the
// cart, of equals the one seen last: the last alone would be chance, and what was never looked at says nothing.
//
// Categories and what is told of the customer are looked up when a row is written, so a row says what was known then. The state has
// the products' ids, as the events said them.
//
// # Keys
//
// Rows are replaced by their full sort key: sessions by (day of start, visitor, start), identities by (visitor, start, from,
// customer). An identity is an unbroken run of events that name one customer, events that name nobody do not break it, and two
// runs that would have the same key are one. Touches are absolute per (order, visitor, session).
//
// # What is forgotten when
//
// An event older than clock − Horizon is late and changes nothing. One that is not can change sessions that start after
// clock − Horizon − MaxLength, and a touch looks back Horizon from its session's start. So a session that ended before
// clock − 2·Horizon − MaxLength is forgotten: nothing acceptable can change it, or needs it.
//
// # Bots
//
// A visitor with more than MaxMarks marks in the state (or a state above MaxState bytes) is a bot: its sessions so far are written
// once more with bot set, and from then on its events are only counted in the table of events (accepted, without looking for
// duplicates), until it has been quiet for as long as sessions are kept.
package session

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/afterclick/afterclick/processors/compact"
	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/cespare/xxhash/v2"
)

// Config of the machine. After a change of Gap, MaxLength or ByTracker a visitor's sessions are cut anew when it comes back, as far as
// its marks are still there; older rows stay as they were. Rows that are all of one rule take a new generation of the tables.
type Config struct {
	Gap       time.Duration // a longer silence ends a session
	MaxLength time.Duration // an event that much after a session's start, or more, begins another
	Horizon   time.Duration // how late an event may come
	ByTracker bool          // sessions are the tracker's own where it names them
	MaxMarks  int           // events of a visitor beyond which it is a bot
	MaxState  int           // bytes of a state beyond which its visitor is a bot: a record of the changelog must take it
	Lookups   enrich.Lookups
}

// Default is what applies unless configured otherwise.
var Default = Config{Gap: 30 * time.Minute, MaxLength: 24 * time.Hour, Horizon: 24 * time.Hour, MaxMarks: 10_000, MaxState: 512 << 10,
	Lookups: enrich.Currency("EUR")}

// Validate names the first rule that c breaks.
func (c Config) Validate() error {
	switch {
	case c.Gap < time.Millisecond:
		return fmt.Errorf("session gap %v: must be at least 1ms", c.Gap)
	case c.MaxLength < c.Gap:
		return fmt.Errorf("session length %v: must be at least the gap, %v", c.MaxLength, c.Gap)
	case c.Horizon < time.Millisecond:
		return fmt.Errorf("session horizon %v: must be at least 1ms", c.Horizon)
	case c.MaxMarks < 1:
		return fmt.Errorf("session limit of %d events: must be at least 1", c.MaxMarks)
	case c.MaxState < 4<<10:
		return fmt.Errorf("session state of %d bytes: must be at least 4096", c.MaxState)
	case c.Lookups == nil:
		return fmt.Errorf("session lookups: there must be some, such as enrich.Currency")
	}
	return nil
}

// ID is the id of a visitor's session: xxhash64 of the visitor and the start in milliseconds, 8 bytes, little-endian.
func ID(v event.VisitorID, start event.Time) uint64 {
	var buf [256]byte
	b := append(buf[:0], v...)
	return xxhash.Sum64(binary.LittleEndian.AppendUint64(b, uint64(start)))
}

// never is after all other times.
const never event.Time = 253402300799000

// Machine belongs to one lane. What it keeps between calls are caches and memory to use again. The strings of the rows that it
// says point into the state that it was given.
type Machine struct {
	Config
	gap, maxLength, horizon event.Time // in milliseconds
	agents                  *enrich.Agents
	s                       state
	// memory to use again
	next, settledNext, pack []byte
	was                     []run
	opens                   []open
	tallies                 tallies
}

// New makes a machine, or says what is wrong with its configuration.
func New(c Config) (*Machine, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m := &Machine{Config: c, agents: enrich.NewAgents(8192)}
	m.gap, m.maxLength, m.horizon = ms(c.Gap), ms(c.MaxLength), ms(c.Horizon)
	return m, nil
}

func ms(d time.Duration) event.Time { return event.Time(d.Milliseconds()) }

// kept is how long after its end a session is remembered.
func (m *Machine) kept() event.Time { return 2*m.horizon + m.maxLength }

// Apply adds a click to its visitor's marks. A state that does not change is returned as it is, not copied.
func (m *Machine) Apply(old []byte, e *event.Event, at flow.At, out *flow.Output) ([]byte, table.Status) {
	c := e.Click
	if at.Clock != 0 && c.Time < at.Clock-m.horizon {
		return old, table.Late
	}
	s := &m.s
	s.reset(c.Visitor)
	if len(old) > 0 {
		flags, end := peek(old)
		if flags&stateBot != 0 && (at.Clock == 0 || end >= at.Clock-m.kept()) {
			m.next = seenBot(m.next[:0], old, c.Time)
			return m.next, table.Accepted
		}
		s.read(old)
		if s.bot { // has been quiet for long, and is a visitor again
			m.cut()
			m.tell(true, out)
			s.forgetAll()
		}
	}
	hash := xxhash.Sum64String(string(c.ID)) >> 16
	for i := range s.marks {
		if s.marks[i].hash == hash {
			return old, table.Duplicate
		}
	}
	if at.Clock != 0 {
		m.forget(at.Clock, out)
	}
	m.was = m.runs(m.was[:0])
	i := s.insert(m.mark(c, hash))
	m.cut()
	m.compare(i, at.Revision, out)
	if s.end < c.Time {
		s.end = c.Time
	}
	if len(s.marks) > m.MaxMarks {
		s.becomeBot(at.Revision)
	}
	m.next = s.encode(m.next[:0])
	if len(m.next) > m.MaxState && !s.bot {
		s.becomeBot(at.Revision)
		m.next = s.encode(m.next[:0])
	}
	return m.next, table.Accepted
}

// Settle writes the sessions that began, got further, or were linked since the last time, with force all that changed; and says
// the touches that differ from what was said.
func (m *Machine) Settle(old []byte, force bool, out *flow.Output) ([]byte, flow.Settled) {
	if len(old) == 0 {
		return nil, flow.Settled{}
	}
	flags, end := peek(old)
	if flags&(stateUrgent|stateBot|stateTouch) == 0 && (!force || flags&stateHeld == 0) {
		return old, m.settled(flags&stateHeld != 0, end)
	}
	s := &m.s
	s.reset("")
	s.read(old)
	m.cut()
	touches := flags&stateTouch != 0
	held := m.tell(force || s.bot, out)
	if s.bot {
		s.forgetAll() // its sessions have been told for good
		s.bot = true
	}
	next := m.settledNext[:0] // not Apply's memory, where old may be
	if s.bot || touches {
		next = s.encode(next)
	} else {
		next = s.flagged(next, old) // most often nothing else changed
	}
	m.settledNext = next
	return next, m.settled(held, s.end)
}

// settled: a state that holds something back expires as any other. The engine has it settled with force before it forgets it, and
// gives it to Apply all the same, which tells what is held back before it forgets (a clock that reads imported history is quick).
func (m *Machine) settled(held bool, end event.Time) flow.Settled {
	return flow.Settled{Held: held, Expires: end + m.kept()}
}

// mark reads a click.
func (m *Machine) mark(c *event.Click, hash uint64) mark {
	s := &m.s
	k := mark{time: c.Time, hash: hash, kind: kindOf(c.Type)}
	var prev *mark // most clicks repeat what the one before said
	if n := len(s.marks); n > 0 {
		prev = &s.marks[n-1]
	}
	set := func(f field, v string) {
		if v != "" {
			if prev != nil && prev.f[f] != 0 && s.str(prev.f[f]) == v {
				k.f[f] = prev.f[f]
			} else {
				k.f[f] = s.intern(v)
			}
		}
	}
	path, entry := enrich.Visit(c.URL, c.Referrer)
	set(fPage, path)
	if entry.Channel != "" {
		m.pack = entry.Pack(m.pack[:0])
		set(fEntry, compact.View(m.pack))
	}
	if c.UserAgent != "" {
		set(fAgent, m.agents.Agent(c.UserAgent).Packed)
	}
	set(fCountry, c.Country)
	set(fSource, string(c.Source))
	set(fCustomer, string(c.Customer))
	set(fOrder, string(c.Order))
	set(fTracker, string(c.Session))
	set(fRegion, c.Region)
	switch {
	case k.kind.inCheckout():
		set(fStep, c.Step)
	case k.kind.ofProduct():
		set(fProduct, string(c.Product))
	}
	return k
}

// forget drops the sessions that nothing acceptable can change or needs any more. What is still to be said about any session is
// said before, since touches look back at what is forgotten here.
func (m *Machine) forget(clock event.Time, out *flow.Output) {
	s := &m.s
	limit := clock - m.kept()
	if len(s.marks) == 0 || s.marks[0].time >= limit {
		return
	}
	m.cut()
	gone := false
	for i := range s.cuts {
		gone = gone || s.cuts[i].end < limit
	}
	if gone {
		m.tell(true, out)
		s.drop(limit)
	}
}

// compare finds what inserting mark i did to the sessions, gives those that changed the revision, and sends tombstones for the
// keys that are gone.
func (m *Machine) compare(i int, revision uint64, out *flow.Output) {
	s := &m.s
	mine := s.member[i]
	s.was, s.told = s.told, s.was[:0]
	w := 0
	low := never // start of the first session that changed
	retire := func(t *told) {
		low = min(low, t.start)
		out.Sessions = append(out.Sessions, table.Session{Visitor: s.visitor, Start: t.start, ID: ID(s.visitor, t.start),
			Revision: revision, IsDeleted: true})
	}
	for n := range s.cuts {
		c := &s.cuts[n]
		for w < len(s.was) && s.was[w].start < c.start {
			retire(&s.was[w])
			w++
		}
		t := told{start: c.start, n: c.n, revision: revision, flags: toldHeld | toldUrgent}
		if w < len(s.was) && s.was[w].start == c.start {
			before := s.was[w]
			w++
			switch {
			case int32(n) != mine && before.n == c.n:
				t = before // the same first mark, as many in a row: the same marks
			case int32(n) == mine && before.n+1 == c.n && !m.deeper(c, i):
				t.flags = before.flags | toldHeld
			}
		}
		if t.revision == revision {
			low = min(low, t.start)
		}
		s.told = append(s.told, t)
	}
	for ; w < len(s.was); w++ {
		retire(&s.was[w])
	}
	if s.hasOrders() {
		for n := range s.told {
			if s.told[n].start >= low {
				s.told[n].flags |= toldTouch // its marks, or the sessions before it
			}
		}
	}
	m.retireRuns(revision, out)
}
