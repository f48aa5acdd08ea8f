package journey

import (
	"math"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// order is what the events of an order and its delivery say; all that the verdict on its opinions needs.
type order struct {
	known       bool // an order or delivery event is
	first, last event.Time
	events      uint32
	milestone   [confirmed + 1]event.Time // the first time of each kind
	count       [confirmed + 1]uint32
	exceptions  map[string]event.Time
	stated      [strs]uint32 // the last word on each
	total       float64
	refunded    float64
	reasons     [replacementSent + 1]uint32
	promisedAt  event.Time
	promise     event.Time // the first one
	lastPromise event.Time // or estimate
	changes     uint32
	changed     event.Time // the last time
	shipBy      event.Time // the first one
}

func (s *state) order() (o order) {
	for i := range s.facts {
		f := &s.facts[i]
		if f.kind.topic() == event.Touches {
			continue
		}
		if o.first == 0 {
			o.first = f.time
		}
		o.last = f.time
		o.events++
		if f.kind.topic() == event.Reviews {
			continue
		}
		o.known = true
		since(&o.milestone[f.kind], f.time)
		o.count[f.kind]++
		for n, v := range f.s {
			if v != 0 {
				o.stated[n] = v
			}
		}
		if f.f[fTotal] != 0 {
			o.total = f.f[fTotal]
		}
		switch f.kind {
		case refunded:
			o.refunded = math.Round((o.refunded+f.f[fAmount])*1e6) / 1e6 // money, not 15.149999999999999
		case exception:
			if o.exceptions == nil {
				o.exceptions = map[string]event.Time{}
			}
			if k := s.str(f.s[sKind]); o.exceptions[k] == 0 {
				o.exceptions[k] = f.time
			}
		}
		if r := f.s[sReason]; r != 0 && f.kind <= replacementSent {
			o.reasons[f.kind] = r
		}
		since(&o.shipBy, f.t[tShipBy])
		if due := f.t[tDue]; due != 0 {
			if o.lastPromise != 0 && o.lastPromise != due {
				o.changes++
				o.changed = f.time
			}
			o.lastPromise = due
			if f.kind.topic() == event.Orders && o.promise == 0 {
				o.promise, o.promisedAt = due, f.time
			}
		}
	}
	return o
}

// since keeps the first time of something; facts come in order.
func since(to *event.Time, t event.Time) {
	if *to == 0 {
		*to = t
	}
}

// month is the first of the month of placed, while that is not known of the earliest event.
func (o *order) month() event.Time {
	if t := o.milestone[placed]; t != 0 {
		return monthOf(t)
	}
	return monthOf(o.first)
}

func monthOf(t event.Time) event.Time {
	if t == 0 {
		return 0
	}
	y, m, _ := t.Time().Date()
	return event.TimeOf(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC))
}

// verdict is what an order's way says about the opinions on it. The strings are numbers.
type verdict struct {
	promise                             table.Promise
	daysLate                            float64
	delivered                           event.Time
	carrier, warehouse, country, region uint32
	returned, verified                  bool
}

func (o *order) verdict() verdict {
	v := verdict{delivered: o.milestone[delivered], carrier: o.stated[sCarrier], warehouse: o.stated[sWarehouse],
		country: o.stated[sCountry], region: o.stated[sRegion], verified: o.milestone[placed] != 0,
		returned: o.milestone[returned] != 0 || o.milestone[refunded] != 0, promise: table.PromiseNone}
	if o.promise == 0 {
		return v
	}
	arrived := v.delivered
	if arrived == 0 {
		arrived = o.milestone[attempted]
	}
	switch {
	case arrived == 0:
		v.promise = table.PromiseOpen
	case arrived <= o.promise:
		v.promise = table.PromiseKept
	default:
		v.promise = table.PromiseBroken
	}
	if v.delivered != 0 {
		v.daysLate = float64(v.delivered-o.promise) / float64(24*time.Hour/time.Millisecond)
	}
	return v
}

// journeyRow is the row of journeys. It has no revision yet.
func (s *state) journeyRow(o *order) table.Journey {
	say := func(field int) string { return s.str(o.stated[field]) }
	m := &o.milestone
	r := table.Journey{
		Month: o.month(), Order: s.id, Customer: event.CustomerID(say(sCustomer)), Visitor: event.VisitorID(say(sVisitor)),
		Placed: m[placed], Paid: m[paid], PromisedAt: o.promisedAt, PromiseFirst: o.promise, PromiseLast: o.lastPromise,
		PromiseChanges: o.changes, PromiseChanged: o.changed, Warranty: m[warrantyAdded], Cancelled: m[cancelled], CancelReason: s.str(o.reasons[cancelled]),
		ReturnRequested: m[returnRequested], Returned: m[returned], Refunded: m[refunded], RefundAmount: o.refunded,
		RefundReason: s.str(o.reasons[refunded]), Replaced: m[replacementSent], ReplaceReason: s.str(o.reasons[replacementSent]),
		Exceptions: o.count[exception], Channel: say(sChannel), Kind: event.OrderKind(say(sOrderKind)), Renews: event.OrderID(say(sRenews)), ShipBy: o.shipBy, Total: o.total, Currency: say(sCurrency), Warehouse: say(sWarehouse),
		Country: say(sCountry), Region: say(sRegion), Carrier: say(sCarrier), Tracking: say(sTracking),
		Packed: m[packed], Shipped: m[handedOver], InTransit: m[inTransit], OutForDelivery: m[outForDelivery],
		Attempted: m[attempted], Attempts: o.count[attempted], Delivered: m[delivered], Confirmed: m[confirmed],
		ExceptionLate: o.exceptions[event.ExceptionLate], ExceptionLost: o.exceptions[event.ExceptionLost],
		ExceptionDamaged: o.exceptions[event.ExceptionDamaged], ExceptionRefused: o.exceptions[event.ExceptionRefused],
		FirstEvent: o.first, LastEvent: o.last, Events: o.events,
	}
	if r.ReturnReason = s.str(o.reasons[returnRequested]); r.ReturnReason == "" {
		r.ReturnReason = s.str(o.reasons[returned])
	}
	if r.Kind == "" {
		r.Kind = event.Purchase
	}
	if n := o.stated[sItems]; n != 0 {
		r.Items = unpackItems(s.str(n))
	}
	s.addTouches(&r)
	s.addOpinions(&r)
	r.Stage = stage(&r)
	return r
}

// addTouches tells what the visitor's sessions did for the order.
func (s *state) addTouches(r *table.Journey) {
	var visitor, customer uint32 // of the last session that ordered, of the last that names one
	earliest := func(to *event.Time, t event.Time) {
		if t != 0 && (*to == 0 || t < *to) {
			*to = t
		}
	}
	for i := range s.facts {
		f := &s.facts[i]
		if f.kind != touch {
			continue
		}
		r.Touches = append(r.Touches, table.Touch{Session: f.hash, Visitor: event.VisitorID(s.str(f.s[sVisitor])), Start: f.time,
			Source: event.Source(s.str(f.s[sSource])), Channel: s.str(f.s[sChannel]), Referrer: s.str(f.s[sReferrer]),
			Campaign: s.str(f.s[sCampaign]), Landing: s.str(f.s[sLanding]), Device: s.str(f.s[sDevice]),
			FirstSeen: f.t[tFirstSeen], SessionsBefore: f.n[nBefore], Ordered: f.t[tOrdered], Track: f.t[tTrack], Tracks: f.n[nTracks],
			Contact: f.t[tContact], Contacts: f.n[nContacts]})
		since(&r.Visit, f.time)
		earliest(&r.Track, f.t[tTrack])
		earliest(&r.Contact, f.t[tContact])
		r.Tracks += f.n[nTracks]
		r.Contacts += f.n[nContacts]
		if c := f.s[sCustomer]; c != 0 {
			customer = c
		}
		if f.t[tOrdered] != 0 {
			visitor = f.s[sVisitor]
			earliest(&r.View, f.t[tView])
			earliest(&r.Research, f.t[tResearch])
			earliest(&r.Cart, f.t[tCart])
			earliest(&r.Checkout, f.t[tCheckout])
		}
	}
	if r.Visitor == "" {
		r.Visitor = event.VisitorID(s.str(visitor))
	}
	if r.Customer == "" {
		r.Customer = event.CustomerID(s.str(customer))
	}
}

// stage is the deepest one that has a time. A journey is that of an order, so it got at least there.
func stage(r *table.Journey) table.Stage {
	deepest := table.Ordered
	for _, s := range [...]struct {
		stage table.Stage
		times [4]event.Time
	}{
		{table.Promised, [4]event.Time{r.PromisedAt}},
		{table.Shipped, [4]event.Time{r.Shipped, r.InTransit, r.OutForDelivery, r.Attempted}}, // not every carrier tells all
		{table.Tracked, [4]event.Time{r.Track}},
		{table.Delivered, [4]event.Time{r.Delivered}},
		{table.Confirmed, [4]event.Time{r.Confirmed}},
		{table.Reviewed, [4]event.Time{r.Reviewed}},
	} {
		if s.times != [4]event.Time{} {
			deepest = s.stage
		}
	}
	return deepest
}
