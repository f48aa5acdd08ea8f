package journey

import (
	"github.com/afterclick/afterclick/processors/compact"
	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/cespare/xxhash/v2"
)

// kind is an event's type in the state. The numbers are stored: append only, see topic.
type kind uint8

const (
	placed kind = iota + 1
	paid
	promised
	warrantyAdded
	cancelled
	returnRequested
	returned
	refunded
	replacementSent
)

const (
	packed kind = iota + 32
	handedOver
	inTransit
	outForDelivery
	attempted
	estimateChanged
	exception
	delivered
	confirmed
)

const (
	posted kind = iota + 64
	edited
	removed
	mention
	answered
	contactPromised
	resolved
)

const touch kind = 96

var kinds = map[event.Type]kind{event.Placed: placed, event.Paid: paid, event.Promised: promised, event.WarrantyAdded: warrantyAdded,
	event.Cancelled: cancelled, event.ReturnRequested: returnRequested, event.Returned: returned, event.Refunded: refunded,
	event.ReplacementSent: replacementSent,
	event.Packed:          packed, event.HandedOver: handedOver, event.InTransit: inTransit, event.OutForDelivery: outForDelivery,
	event.Attempted: attempted, event.EstimateChanged: estimateChanged, event.Exception: exception, event.Delivered: delivered,
	event.Confirmed: confirmed,
	event.Posted:    posted, event.Edited: edited, event.Removed: removed, event.Mention: mention, event.Answered: answered,
	event.ContactPromised: contactPromised, event.Resolved: resolved}

// topic is where events of a kind come from.
func (k kind) topic() event.Topic {
	return [...]event.Topic{event.Orders, event.Deliveries, event.Reviews, event.Touches}[k>>5&3]
}

// known says whether k is one of the kinds.
func (k kind) known() bool {
	return k >= placed && k <= replacementSent || k >= packed && k <= confirmed || k >= posted && k <= resolved || k == touch
}

// version says whether a kind states an opinion, rather than doing something about it.
func (k kind) version() bool { return k == posted || k == edited || k == mention }

// Bounds of what is stored; the table of events has all of it.
const (
	maxText  = 32 << 10
	maxShort = 1 << 10
	maxItems = 500
)

// fact reads an event; its strings are interned in the state.
func (m *Machine) fact(e *event.Event) fact {
	s := &m.s
	h := e.Header()
	f := fact{time: h.Time, kind: kinds[h.Type]}
	id := func(field int, v string) { f.s[field] = s.intern(v) }
	short := func(field int, v string) { f.s[field] = s.intern(enrich.Clip(v, maxShort)) }
	switch e.Topic {
	case event.Orders:
		o := e.Order
		s.id = o.Order
		f.hash = xxhash.Sum64String(string(o.ID))
		id(sCustomer, string(o.Customer))
		id(sVisitor, string(o.Visitor))
		short(sChannel, o.Channel)
		short(sCurrency, o.Currency)
		short(sWarehouse, o.Warehouse)
		short(sCountry, o.Country)
		short(sRegion, o.Region)
		short(sReason, o.Reason)
		short(sOrderKind, string(o.Kind))
		id(sRenews, string(o.Renews))
		f.t[tDue], f.t[tShipBy] = o.Promise, o.ShipBy
		f.f[fTotal], f.f[fAmount] = o.Total, o.Amount
		if len(o.Items) > 0 {
			m.pack = packItems(m.pack[:0], o.Items)
			id(sItems, compact.View(m.pack))
		}
	case event.Deliveries:
		d := e.Delivery
		s.id = d.Order
		f.hash = xxhash.Sum64String(string(d.ID))
		short(sCarrier, d.Carrier)
		short(sTracking, d.Tracking)
		short(sWarehouse, d.Warehouse)
		short(sCountry, d.Country)
		short(sRegion, d.Region)
		short(sKind, d.Exception)
		f.t[tDue] = d.Estimate
	case event.Reviews:
		r := e.Review
		s.id = r.Order
		f.hash = xxhash.Sum64String(string(r.ID))
		id(sReview, string(r.Review))
		id(sCustomer, string(r.Customer))
		short(sSource, string(r.Source))
		short(sTitle, r.Title)
		f.s[sText] = s.intern(enrich.Clip(r.Text, maxText))
		short(sLanguage, r.Language)
		short(sAuthor, r.Author)
		short(sKind, r.Resolution)
		f.f[fRating], f.f[fRatingMin], f.f[fRatingMax], f.f[fReach] = r.Rating, r.RatingMin, r.RatingMax, r.Reach
		f.t[tDue] = r.Contact
		if len(r.Subjects) > 0 {
			m.pack = packSubjects(m.pack[:0], r.Subjects)
			id(sSubjects, compact.View(m.pack))
		}
	case event.Touches:
		t := e.Touch
		s.id = t.Order
		f.hash, f.kind, f.gone = t.Session, touch, t.Gone
		id(sVisitor, string(t.Visitor))
		id(sCustomer, string(t.Customer))
		short(sSource, string(t.Source))
		short(sChannel, t.Channel)
		short(sReferrer, t.Referrer)
		short(sCampaign, t.Campaign)
		short(sLanding, t.Landing)
		short(sDevice, t.Device)
		f.t = [times]event.Time{tFirstSeen: t.FirstSeen, tView: t.View, tResearch: t.Research, tCart: t.Cart, tCheckout: t.Checkout,
			tOrdered: t.Ordered, tTrack: t.Track, tContact: t.Contact}
		f.n = [nums]uint32{nBefore: t.SessionsBefore, nTracks: t.Tracks, nContacts: t.Contacts}
	}
	f.announce()
	return f
}

func packItems(b []byte, items []event.Item) []byte {
	w := compact.Writer{B: b}
	items = items[:min(len(items), maxItems)]
	w.Uvarint(uint64(len(items)))
	for _, i := range items {
		w.String(string(i.Product))
		w.String(enrich.Clip(i.Category, maxShort))
		w.String(enrich.Clip(i.Brand, maxShort))
		w.String(enrich.Clip(i.Seller, maxShort))
		w.Float(i.Quantity)
		w.Float(i.Price)
	}
	return w.B
}

func unpackItems(s string) []event.Item {
	r := compact.Reader{B: []byte(s)}
	items := make([]event.Item, r.Count())
	for i := range items {
		items[i] = event.Item{Product: event.ProductID(r.String()), Category: r.String(), Brand: r.String(), Seller: r.String(),
			Quantity: r.Float(), Price: r.Float()}
	}
	return items
}

func packSubjects(b []byte, subjects []event.Subject) []byte {
	w := compact.Writer{B: b}
	subjects = subjects[:min(len(subjects), maxItems)]
	w.Uvarint(uint64(len(subjects)))
	for _, s := range subjects {
		w.String(s.Kind)
		w.String(s.ID)
	}
	return w.B
}

func unpackSubjects(s string) []event.Subject {
	r := compact.Reader{B: []byte(s)}
	subjects := make([]event.Subject, r.Count())
	for i := range subjects {
		subjects[i] = event.Subject{Kind: r.String(), ID: r.String()}
	}
	return subjects
}
