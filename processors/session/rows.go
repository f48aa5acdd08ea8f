package session

import (
	"cmp"
	"slices"

	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// tell writes the rows that are due, with force all that changed, then the touches. It returns whether any row is held back.
func (m *Machine) tell(force bool, out *flow.Output) (held bool) {
	s := &m.s
	touches := false
	for i := range s.told {
		t := &s.told[i]
		touches = touches || t.flags&toldTouch != 0
		if t.flags&toldUrgent == 0 && (!force || t.flags&toldHeld == 0) {
			held = held || t.flags&toldHeld != 0
			continue
		}
		t.flags &^= toldHeld | toldUrgent
		if n := s.cutAt(t.start); n >= 0 {
			row := m.row(n)
			row.Revision = t.revision
			out.Sessions = append(out.Sessions, row)
			m.was = s.runsOf(n, m.was[:0])
			for _, r := range m.was {
				out.Identities = append(out.Identities, table.Identity{Visitor: s.visitor, Start: r.start, From: r.from, To: r.to,
					Customer: event.CustomerID(r.customer), Revision: t.revision})
			}
		}
	}
	if touches {
		m.sayTouches(out)
	}
	return held
}

// cutAt finds the session that starts at start, or returns -1.
func (s *state) cutAt(start event.Time) int {
	n, ok := slices.BinarySearchFunc(s.cuts, start, func(c cut, start event.Time) int { return int(c.start - start) })
	if !ok {
		return -1
	}
	return n
}

// row computes the session of cut n. It has no revision yet.
func (m *Machine) row(n int) table.Session {
	s := &m.s
	c := &s.cuts[n]
	r := table.Session{Visitor: s.visitor, Start: c.start, ID: ID(s.visitor, c.start), End: c.end, Events: uint32(c.n)}
	var entry, agent uint32
	m.tallies.reset(len(s.strings))
	s.of(n, func(_ int, k *mark) {
		first := func(to *string, f field) {
			if *to == "" {
				*to = s.str(k.f[f])
			}
		}
		last := func(to *string, f field) {
			if k.f[f] != 0 {
				*to = s.str(k.f[f])
			}
		}
		first((*string)(&r.Source), fSource)
		first((*string)(&r.TrackerSession), fTracker)
		first(&r.Country, fCountry)
		if r.Region == "" && k.f[fCountry] != 0 && s.str(k.f[fCountry]) == r.Country {
			r.Region = s.str(k.f[fRegion])
		}
		first(&r.Landing, fPage)
		last(&r.Exit, fPage)
		last((*string)(&r.Customer), fCustomer)
		last(&r.CheckoutStep, fStep)
		if entry == 0 {
			entry = k.f[fEntry]
		}
		if agent == 0 {
			agent = k.f[fAgent]
		}
		if k.kind.ofProduct() {
			m.tallies.add(k.f[fProduct])
		}
		r.Stage = max(r.Stage, k.kind.stage())
		switch k.kind {
		case trackingViewed:
			since(&r.Track, k.time)
		case contactOpened:
			since(&r.Contact, k.time)
		case page:
			r.PageViews++
		case product:
			r.ProductViews++
		case cartAdded:
			r.CartAdds++
		}
		switch k.kind.stage() {
		case table.View:
			since(&r.View, k.time)
		case table.Research:
			since(&r.Research, k.time)
		case table.Cart:
			since(&r.Cart, k.time)
		case table.Checkout:
			since(&r.Checkout, k.time)
		case table.Ordered:
			since(&r.Order, k.time)
			if o := event.OrderID(s.str(k.f[fOrder])); o != "" && !slices.Contains(r.Orders, o) {
				r.Orders = append(r.Orders, o)
			}
		}
	})
	e := enrich.UnpackEntry(s.str(entry))
	r.Channel, r.Referrer, r.Campaign, r.TrafficSource = e.Channel, e.Referrer, e.Campaign, e.Source
	a := enrich.Unpack(s.str(agent))
	r.Device, r.OS, r.Browser, r.Bot = a.Device, a.OS, a.Browser, a.Bot || s.bot
	r.Country, r.Region = cmp.Or(r.Country, enrich.Unknown), cmp.Or(r.Region, enrich.Unknown)
	r.Category = m.category()
	customer := enrich.CustomerOf(m.Lookups, r.Customer)
	r.Segment, r.Generation, r.HomeCountry, r.CustomerSince = customer.Segment, customer.Generation, customer.HomeCountry, customer.FirstOrder
	return r
}

// tally counts marks of a session: those of one product, then those of one category.
type tally struct {
	product  uint32
	category string
	n, last  int // marks, and the number of the last one
}

// tallies find out a session's category.
type tallies struct {
	products   []tally
	place      []int32 // by number of the product's string, from 1; 0: not seen
	categories []tally
	marks      int
}

func (a *tallies) reset(strings int) {
	if len(a.place) <= strings {
		a.place = make([]int32, 2*strings+1)
	}
	for _, t := range a.products {
		a.place[t.product] = 0
	}
	a.products, a.categories, a.marks = a.products[:0], a.categories[:0], 0
}

// add counts a mark of a product, which may not be named (0).
func (a *tallies) add(product uint32) {
	a.marks++
	if a.place[product] == 0 {
		a.products = append(a.products, tally{product: product})
		a.place[product] = int32(len(a.products))
	}
	t := &a.products[a.place[product]-1]
	t.n, t.last = t.n+1, a.marks
}

// category is that of most marks that were counted, of equals the one counted last; empty if none were.
func (m *Machine) category() string {
	a := &m.tallies
	for _, t := range a.products {
		t.category = enrich.Unknown
		if t.product != 0 {
			t.category = enrich.ProductOf(m.Lookups, event.ProductID(m.s.str(t.product))).Category
		}
		i := slices.IndexFunc(a.categories, func(c tally) bool { return c.category == t.category })
		if i < 0 {
			a.categories = append(a.categories, t)
			continue
		}
		c := &a.categories[i]
		c.n, c.last = c.n+t.n, max(c.last, t.last)
	}
	var best tally
	for _, c := range a.categories {
		if c.n > best.n || c.n == best.n && c.last > best.last {
			best = c
		}
	}
	return best.category
}

// since keeps the first time of something; marks come in order.
func since(to *event.Time, t event.Time) {
	if *to == 0 {
		*to = t
	}
}
