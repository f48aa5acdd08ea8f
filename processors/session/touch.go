package session

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/cespare/xxhash/v2"
)

// sayTouches says the touches that differ from what was said, and takes back those whose session is gone or has nothing to do with
// the order any more.
func (m *Machine) sayTouches(out *flow.Output) {
	s := &m.s
	for i := range s.told {
		t := &s.told[i]
		if t.flags&toldTouch == 0 {
			continue
		}
		t.flags &^= toldTouch
		n := s.cutAt(t.start)
		if n < 0 || !s.linked(n, 0) {
			continue
		}
		row := m.row(n)
		var orders []uint32
		s.of(n, func(_ int, k *mark) {
			if o := k.f[fOrder]; o != 0 && k.kind.links() && !slices.Contains(orders, o) {
				orders = append(orders, o)
			}
		})
		for _, o := range orders {
			touch := m.touch(n, &row, o)
			m.pack = hashable(m.pack[:0], &touch)
			hash := xxhash.Sum64(m.pack)
			j := slices.IndexFunc(s.said, func(x said) bool { return x.start == t.start && x.order == o })
			if j < 0 {
				j = len(s.said)
				s.said = append(s.said, said{start: t.start, order: o})
			} else if s.said[j].hash == hash {
				continue
			}
			s.said[j].hash = hash
			out.Touches = append(out.Touches, touch)
		}
	}
	s.said = slices.DeleteFunc(s.said, func(x said) bool {
		if n := s.cutAt(x.start); n >= 0 && s.linked(n, x.order) {
			return false
		}
		out.Touches = append(out.Touches, event.Touch{Order: event.OrderID(s.str(x.order)), Visitor: s.visitor,
			Session: ID(s.visitor, x.start), Gone: true, Start: x.start})
		return true
	})
	// A state is a function of its events: where epochs ended, and so when what was said first, must not show in it.
	slices.SortFunc(s.said, func(a, b said) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.order, b.order)) })
}

// linked says whether session n has to do with an order (0: any).
func (s *state) linked(n int, order uint32) bool {
	found := false
	s.of(n, func(_ int, k *mark) {
		o := k.f[fOrder]
		found = found || o != 0 && k.kind.links() && (order == 0 || o == order)
	})
	return found
}

// touch is what session n, whose row is given, did for an order.
func (m *Machine) touch(n int, row *table.Session, order uint32) event.Touch {
	s := &m.s
	t := event.Touch{Order: event.OrderID(s.str(order)), Visitor: s.visitor, Session: row.ID, Start: row.Start, Source: row.Source,
		Customer: row.Customer, Channel: row.Channel, Referrer: row.Referrer, Campaign: row.Campaign, Landing: row.Landing,
		Device: row.Device, Country: row.Country, View: row.View, Research: row.Research, Cart: row.Cart, Checkout: row.Checkout}
	for i := range s.marks {
		if s.marks[i].time >= row.Start-m.horizon {
			t.FirstSeen = s.marks[i].time
			break
		}
	}
	for i := range s.cuts {
		if c := &s.cuts[i]; c.start >= row.Start-m.horizon && c.start < row.Start {
			t.SessionsBefore++
		}
	}
	s.of(n, func(_ int, k *mark) {
		if k.f[fOrder] != order {
			return
		}
		switch k.kind {
		case checkoutCompleted:
			since(&t.Ordered, k.time)
		case trackingViewed:
			since(&t.Track, k.time)
			t.Tracks++
		case contactOpened:
			since(&t.Contact, k.time)
			t.Contacts++
		}
	})
	return t
}

// hashable appends all of a touch that can differ for one (order, session).
func hashable(b []byte, t *event.Touch) []byte {
	for _, v := range [...]event.Time{t.FirstSeen, t.View, t.Research, t.Cart, t.Checkout, t.Ordered, t.Track, t.Contact,
		event.Time(t.SessionsBefore), event.Time(t.Tracks), event.Time(t.Contacts)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	for _, v := range [...]string{string(t.Source), string(t.Customer), t.Channel, t.Referrer, t.Campaign, t.Landing, t.Device, t.Country} {
		b = append(append(b, v...), 0)
	}
	return b
}
