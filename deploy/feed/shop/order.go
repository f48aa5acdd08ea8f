package shop

import (
	"strconv"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// order is one whose life is not over.
type order struct {
	number    uint64
	person    person
	visitor   uint64
	placed    int64
	promise   int64
	total     int64
	carrier   uint8
	warehouse uint8
	count     uint8
	lines     [4]line
	lived     uint8   // experiences, a bit for each
	chance    float32 // that the delivery brings the customer back
	back      int64   // so long after the delivery; 0: it does not
	untold    bool    // the promise did not come with the order
	reason    string
	next      int
	steps     []step // what happens, in order of time
	opinions  []opinion
}

// step is one thing that happens to an order.
type step struct {
	at    int64
	what  happening
	which uint8 // opinion
	arg   int64 // a time, an amount, a rating or a topic
}

type happening uint8

const (
	placed happening = iota
	paid
	promised
	warranty
	cancelled
	returnRequested
	returned
	refunded
	replacementSent
	packed
	handedOver
	inTransit
	outForDelivery
	attempted
	estimateChanged
	late
	lost
	damaged
	refused
	delivered
	confirmed
	posted
	edited
	takenDown
	mention
	answered
	contactPromised
	resolved
	looksUp // the customer looks where the parcel is
	asks    // ... and asks the shop
)

var types = [...]event.Type{
	placed: event.Placed, paid: event.Paid, promised: event.Promised, warranty: event.WarrantyAdded, cancelled: event.Cancelled,
	returnRequested: event.ReturnRequested, returned: event.Returned, refunded: event.Refunded, replacementSent: event.ReplacementSent,
	packed: event.Packed, handedOver: event.HandedOver, inTransit: event.InTransit, outForDelivery: event.OutForDelivery,
	attempted: event.Attempted, estimateChanged: event.EstimateChanged, late: event.Exception, lost: event.Exception,
	damaged: event.Exception, refused: event.Exception, delivered: event.Delivered, confirmed: event.Confirmed,
	posted: event.Posted, edited: event.Edited, takenDown: event.Removed, mention: event.Mention, answered: event.Answered,
	contactPromised: event.ContactPromised, resolved: event.Resolved,
}

// order takes the order of a visit that has paid, plans its life and returns its number.
func (s *Shop) order(v *visit, t int64) uint64 {
	ref := s.orders.take()
	o := s.orders.at(ref)
	s.ordered++
	*o = order{
		number: 1_000_000 + s.ordered, person: v.person, visitor: v.visitor, placed: t + s.dice.between(20, 900),
		total: s.goods.total(v.lines[:v.count]), count: v.count, lines: v.lines, steps: o.steps[:0], opinions: o.opinions[:0],
		carrier: uint8(carriersOften.pick(&s.dice)), warehouse: uint8(places[v.place].warehouse),
	}
	if s.dice.chance(0.12) { // the nearest warehouse does not have it
		o.warehouse = uint8(s.dice.below(len(warehouses)))
	}
	s.plan(o)
	s.waiting.push(o.steps[0].at, ref)
	return o.number
}

// live takes the next step of the order that is due.
func (s *Shop) live(t int64) (feed.Record, bool) {
	ref := s.waiting.top()
	o := s.orders.at(ref)
	st := o.steps[o.next]
	o.next++
	if o.next < len(o.steps) {
		s.waiting.again(o.steps[o.next].at)
	} else {
		s.waiting.drop()
		s.orders.put(ref)
	}
	if st.what == delivered {
		s.part(o, t)
	}
	switch {
	case st.what == looksUp || st.what == asks:
		s.followUp(o, st)
		return feed.Record{}, false
	case st.what >= posted:
		return s.tellOpinion(o, st)
	case st.what >= packed:
		return s.tellDelivery(o, st)
	default:
		return s.tellOrder(o, st)
	}
}

// followUp lets the customer visit the shop because of an order, on any of their devices.
func (s *Shop) followUp(o *order, st step) {
	d := &s.dice
	v, ref := s.newVisit(o.person, st.at)
	v.visitor, v.agent = s.device(&o.person, d.below(o.person.devices))
	v.order = o.number
	v.phase, v.left = following, 1+int32(d.exp(0.7))
	if st.what == asks {
		v.phase, v.topic = asking, [...]string{"where_is_my_order", "broken_goods"}[st.arg]
	}
	if d.chance(0.55) {
		v.customer = customerNumber(o.person.number)
	}
	s.landing = landing{channel: direct}
	if d.chance(0.6) {
		s.landing = landing{channel: email, source: "service", medium: "email", campaign: "order-update"}
	}
	s.walking.push(st.at, ref)
}

func (s *Shop) orderKey(o *order) {
	s.key = strconv.AppendUint(append(s.key[:0], "o-"...), o.number, 10)
}

func (s *Shop) tellOrder(o *order, st step) (feed.Record, bool) {
	w := &s.writer
	at := &places[o.person.place]
	s.orderKey(o)
	w.open(s.id(), types[st.what], st.at, "erp")
	w.number("order", "o-", o.number)
	w.number("customer", "c-", customerNumber(o.person.number))
	switch st.what {
	case placed:
		w.hex("visitor", "v", o.visitor)
		w.text("channel", "web")
		s.items(o)
		w.cents("total", s.paidTotal(o))
		w.text("currency", currencyOf(at))
		if !o.untold {
			w.time("promise", o.promise)
		}
		w.text("warehouse", warehouses[o.warehouse])
		w.text("country", at.country)
		w.text("region", at.regions[o.person.region])
	case paid:
		w.cents("total", s.paidTotal(o))
		w.text("currency", currencyOf(at))
	case promised:
		w.time("promise", o.promise)
	case cancelled, returnRequested, returned:
		w.text("reason", o.reason)
	case refunded:
		w.text("currency", currencyOf(at))
		if st.arg == o.total {
			w.cents("amount", s.paidTotal(o))
		} else {
			w.cents("amount", o.paid(st.arg))
		}
		w.text("reason", o.reason)
	case replacementSent:
		w.text("warehouse", warehouses[o.warehouse])
		w.text("reason", o.reason)
	}
	w.close()
	return s.tell(event.Orders, st.at, s.dice.between(100, 3000))
}

func (s *Shop) items(o *order) {
	w := &s.writer
	w.field("items")
	for i, l := range o.lines[:o.count] {
		w.b = append(w.b, "[,"[min(i, 1)], '{')
		p := &s.goods.all[l.product]
		w.b = append(w.b, `"product":"p-`...)
		w.b = strconv.AppendUint(w.b, p.number, 10)
		w.b = append(w.b, '"')
		w.text("category", categories[p.category].name)
		w.text("brand", p.brand)
		w.whole("quantity", int64(l.quantity))
		w.cents("price", o.paid(p.price))
		w.close()
	}
	w.b = append(w.b, ']')
}

func (s *Shop) tellDelivery(o *order, st step) (feed.Record, bool) {
	w := &s.writer
	at := &places[o.person.place]
	c := &carriers[o.carrier]
	s.orderKey(o)
	source, latency := c.name, s.dice.between(5*secondMS, 20*minuteMS)
	switch st.what {
	case packed, handedOver:
		source, latency = "wms", s.dice.between(secondMS, minuteMS)
	case confirmed:
		source, latency = "web", s.dice.between(100, 2000)
	}
	w.open(s.id(), types[st.what], st.at, source)
	w.number("order", "o-", o.number)
	if st.what != confirmed {
		w.text("carrier", c.name)
	}
	if st.what != packed && st.what != confirmed {
		w.hex("tracking", "", mix(o.number))
	}
	switch st.what {
	case packed, handedOver:
		w.text("warehouse", warehouses[o.warehouse])
	case late, lost, damaged, refused:
	case confirmed:
	default:
		w.text("country", at.country)
		w.text("region", at.regions[o.person.region])
	}
	switch st.what {
	case estimateChanged:
		w.time("estimate", st.arg)
	case late:
		w.text("exception", event.ExceptionLate)
	case lost:
		w.text("exception", event.ExceptionLost)
	case damaged:
		w.text("exception", event.ExceptionDamaged)
	case refused:
		w.text("exception", event.ExceptionRefused)
		w.text("reason", "refused by the recipient")
	}
	w.close()
	return s.tell(event.Deliveries, st.at, latency)
}
