package session

import (
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// cut is a session as the marks have it: n of them from first on, those that the state's member says.
type cut struct {
	start, end event.Time
	first, n   int32
}

// cut computes the sessions of the state's marks, in order of start.
func (m *Machine) cut() {
	s := &m.s
	s.cuts = s.cuts[:0]
	s.member = s.member[:0]
	if m.ByTracker {
		m.cutByTracker()
		return
	}
	now := int32(-1)
	for i := range s.marks {
		t := s.marks[i].time
		if now < 0 || t-s.cuts[now].end > m.gap || t-s.cuts[now].start >= m.maxLength {
			s.cuts = append(s.cuts, cut{start: t, first: int32(i)})
			now++
		}
		s.cuts[now].end = t
		s.cuts[now].n++
		s.member = append(s.member, now)
	}
}

// open is the session that takes a tracker's next mark, as number in the cuts from 1, and its last mark so far.
type open struct {
	cut  int32
	last event.Time
}

// cutByTracker cuts each tracker session by its length, and the marks without one also by the gap.
func (m *Machine) cutByTracker() {
	s := &m.s
	if cap(m.opens) < len(s.strings)+1 {
		m.opens = make([]open, 2*len(s.strings)+1)
	}
	opens := m.opens[:len(s.strings)+1] // by number of the tracker's session, 0 is none
	clear(opens)
	for i := range s.marks {
		k := &s.marks[i]
		o := &opens[k.f[fTracker]]
		if o.cut == 0 || k.time-s.cuts[o.cut-1].start >= m.maxLength || k.f[fTracker] == 0 && k.time-o.last > m.gap {
			if n := len(s.cuts); n == 0 || s.cuts[n-1].start != k.time { // else one that begins at the same time: it is the same
				s.cuts = append(s.cuts, cut{start: k.time, first: int32(i)})
			}
			o.cut = int32(len(s.cuts))
		}
		o.last = k.time
		c := &s.cuts[o.cut-1]
		c.end = k.time
		c.n++
		s.member = append(s.member, o.cut-1)
	}
}

// of calls f for each mark of cut n, in order.
func (s *state) of(n int, f func(i int, k *mark)) {
	c := &s.cuts[n]
	for i, left := c.first, c.n; left > 0; i++ {
		if s.member[i] == int32(n) {
			f(int(i), &s.marks[i])
			left--
		}
	}
}

// deeper says whether mark i took its session somewhere that should be shown at once: to a deeper stage, to an order, to a
// customer that it did not have.
func (m *Machine) deeper(c *cut, i int) bool {
	s := &m.s
	k := &s.marks[i]
	if k.f[fOrder] != 0 && k.kind.links() {
		return true
	}
	stage, customer := k.kind.stage(), k.f[fCustomer]
	deeper, linked := true, customer != 0
	s.of(int(s.member[i]), func(j int, o *mark) {
		if j != i {
			deeper = deeper && o.kind.stage() < stage
			linked = linked && o.f[fCustomer] != customer
		}
	})
	return deeper || linked
}

// run is an identity: the events of a session that name one customer, unbroken.
type run struct {
	start, from, to event.Time
	customer        string
}

// runs appends the identities of all sessions.
func (m *Machine) runs(to []run) []run {
	s := &m.s
	if !s.hasCustomers() {
		return to
	}
	if len(s.cuts) == 0 {
		m.cut()
	}
	for n := range s.cuts {
		to = s.runsOf(n, to)
	}
	return to
}

func (s *state) hasCustomers() bool {
	for i := range s.marks {
		if s.marks[i].f[fCustomer] != 0 {
			return true
		}
	}
	return false
}

func (s *state) runsOf(n int, to []run) []run {
	base, now := len(to), -1
	start := s.cuts[n].start
	s.of(n, func(_ int, k *mark) {
		if k.f[fCustomer] == 0 {
			return
		}
		customer := s.str(k.f[fCustomer])
		if now >= 0 && to[now].customer == customer {
			to[now].to = k.time
			return
		}
		for i := len(to) - 1; i >= base && to[i].from == k.time; i-- { // one that would have the same key is the same
			if to[i].customer == customer {
				now = i
				return
			}
		}
		now = len(to)
		to = append(to, run{start, k.time, k.time, customer})
	})
	return to
}

// retireRuns sends tombstones for the identities in m.was that are no more.
func (m *Machine) retireRuns(revision uint64, out *flow.Output) {
	if len(m.was) == 0 {
		return
	}
	s := &m.s
	known := len(m.was)
	m.was = m.runs(m.was)
	was, now := m.was[:known], m.was[known:] // both in order of session and from
	for _, w := range was {
		for len(now) > 0 && (now[0].start < w.start || now[0].start == w.start && now[0].from < w.from) {
			now = now[1:]
		}
		kept := false
		for i := 0; i < len(now) && now[i].start == w.start && now[i].from == w.from; i++ {
			kept = kept || now[i].customer == w.customer
		}
		if !kept {
			out.Identities = append(out.Identities, table.Identity{Visitor: s.visitor, Start: w.start, From: w.from,
				Customer: event.CustomerID(w.customer), Revision: revision, IsDeleted: true})
			for i := range s.told {
				if s.told[i].start == w.start {
					s.told[i].flags |= toldUrgent // what takes its place is not held back
				}
			}
		}
	}
}
