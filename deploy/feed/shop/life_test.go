package shop

import (
	"slices"
	"testing"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

// An order's life is in an order that makes sense, and all that is told about it fits together.
func TestLivesMakeSense(t *testing.T) {
	s := newShop(t, func(c *Config) { c.Visits, c.Days, c.Late, c.Duplicates = 600, 90, 0, 0 })
	type life struct {
		at       map[event.Type]event.Time // the first of each
		last     map[event.Type]event.Time
		placed   *event.Order
		visitor  event.VisitorID
		refunded float64
	}
	lives := map[event.OrderID]*life{}
	opinions := map[event.ReviewID]map[event.Type]*event.Review{}
	due := map[event.ReviewID]event.Time{}
	of := func(o event.OrderID) *life {
		if lives[o] == nil {
			lives[o] = &life{at: map[event.Type]event.Time{}, last: map[event.Type]event.Time{}}
		}
		return lives[o]
	}
	for r := range s.Records() {
		e := must(t, r)
		h := e.Header()
		var l *life
		switch e.Topic {
		case event.Clickstream:
			if e.Click.Order == "" {
				continue
			}
			l = of(e.Click.Order)
			if h.Type == event.CheckoutCompleted {
				l.visitor = e.Click.Visitor
			} else if l.placed == nil {
				t.Fatalf("%s of an order that is not placed", h.Type)
			}
		case event.Orders:
			l = of(e.Order.Order)
			if h.Type == event.Placed {
				l.placed = e.Order
			}
			l.refunded += e.Order.Amount
		case event.Deliveries:
			l = of(e.Delivery.Order)
		case event.Reviews:
			v := e.Review
			if opinions[v.Review] == nil {
				opinions[v.Review] = map[event.Type]*event.Review{}
			}
			if v.Type != event.Posted && v.Type != event.Mention && opinions[v.Review][event.Posted] == nil && opinions[v.Review][event.Mention] == nil {
				t.Fatalf("%s of an opinion that is not posted: %s", v.Type, r.Value)
			}
			opinions[v.Review][v.Type] = v
			if v.Contact > 0 {
				due[v.Review] = v.Contact
			}
			continue
		}
		if l.at[h.Type] == 0 {
			l.at[h.Type] = h.Time
		}
		l.last[h.Type] = h.Time
	}
	before := func(id event.OrderID, l *life, a, b event.Time, what string) {
		if a > 0 && b > 0 && a > b {
			t.Errorf("%s: %s: %s, then %s", id, what, a, b)
		}
	}
	for id, l := range lives {
		if l.placed == nil {
			continue // bought in the last second
		}
		p := l.placed
		sum := 0.0
		for _, i := range p.Items {
			sum += i.Price * i.Quantity
		}
		if d := sum - p.Total; d > 0.005 || d < -0.005 || len(p.Items) == 0 {
			t.Errorf("%s: items of %v, total %v", id, sum, p.Total)
		}
		if l.refunded > p.Total+0.005 {
			t.Errorf("%s: %v of %v refunded", id, l.refunded, p.Total)
		}
		if gap := p.Time.Sub(l.at[event.CheckoutCompleted]); l.visitor != p.Visitor || gap < 0 || gap > time.Second {
			t.Errorf("%s: bought by %s, placed by %s %s later", id, l.visitor, p.Visitor, gap)
		}
		at, last := l.at, l.last
		before(id, l, p.Time, at[event.Paid], "placed, paid")
		before(id, l, at[event.Paid], at[event.Packed], "paid, packed")
		before(id, l, at[event.Packed], at[event.HandedOver], "packed, handed over")
		before(id, l, at[event.HandedOver], at[event.InTransit], "handed over, in transit")
		before(id, l, last[event.InTransit], at[event.OutForDelivery], "in transit, out for delivery")
		before(id, l, last[event.OutForDelivery], at[event.Delivered], "out for delivery, delivered")
		before(id, l, at[event.Delivered], at[event.Confirmed], "delivered, confirmed")
		before(id, l, at[event.Delivered], at[event.ReturnRequested], "delivered, return requested")
		before(id, l, at[event.ReturnRequested], at[event.Returned], "return requested, returned")
		before(id, l, at[event.Returned], at[event.Refunded], "returned, refunded")
		if at[event.Cancelled] > 0 && at[event.Packed] > 0 {
			t.Errorf("%s was cancelled and packed", id)
		}
		if local := at[event.Delivered].Time().Hour(); at[event.Delivered] > 0 && p.Country == "DE" && (local < 7 || local > 19) {
			t.Errorf("%s was delivered at %s", id, at[event.Delivered])
		}
		home := slices.IndexFunc(places[:], func(x place) bool { return x.country == p.Country })
		if local := at[event.Delivered].Add(time.Duration(places[home].offset) * time.Hour); at[event.Delivered] > 0 && local.Time().Weekday() == time.Sunday {
			t.Errorf("%s was delivered on a Sunday", id)
		}
	}
	never, early, zero := 0, 0, 0
	for id, told := range opinions {
		if told[event.ContactPromised] != nil && told[event.Resolved] == nil && due[id] < event.TimeOf(s.End()) {
			never++
		}
		v := told[event.Posted]
		if v == nil {
			continue
		}
		if v.RatingMax == 10 && v.Rating == 0 {
			zero++
		}
		if v.Order != "" && (lives[v.Order].at[event.Delivered] == 0 || lives[v.Order].at[event.Delivered] > v.Time) {
			early++
		}
	}
	if never == 0 || early == 0 || zero == 0 {
		t.Errorf("%d promised contacts never came, %d reviews came before the parcel, %d have 0 of 10", never, early, zero)
	}
	t.Logf("%d orders, %d opinions; %d promised contacts never came, %d reviews came before the parcel", len(lives), len(opinions), never, early)
}
