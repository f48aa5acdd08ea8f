package oracle

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// facts are all events of one order, or of one review without an order, each kind in order.
type facts struct {
	all        []event.Header // of all three kinds
	orders     []*event.Order
	deliveries []*event.Delivery
	opinions   map[event.ReviewID][]*event.Review
	touches    []event.Touch
}

// journey adds the rows of one key: the journey if an order or delivery event is known, and its opinions.
func (rules Rules) journey(t *Tables, events []*event.Event, touches map[event.OrderID][]event.Touch) {
	f := facts{opinions: map[event.ReviewID][]*event.Review{}}
	var order event.OrderID
	for _, e := range events {
		f.all = append(f.all, e.Header())
		switch e.Topic {
		case event.Orders:
			f.orders, order = append(f.orders, e.Order), e.Order.Order
		case event.Deliveries:
			f.deliveries, order = append(f.deliveries, e.Delivery), e.Delivery.Order
		case event.Reviews:
			f.opinions[e.Review.Review], order = append(f.opinions[e.Review.Review], e.Review), e.Review.Order
		}
	}
	slices.SortFunc(f.all, byTime)
	slices.SortFunc(f.orders, func(a, b *event.Order) int { return byTime(a.Header, b.Header) })
	slices.SortFunc(f.deliveries, func(a, b *event.Delivery) int { return byTime(a.Header, b.Header) })
	for _, o := range f.opinions {
		slices.SortFunc(o, func(a, b *event.Review) int { return byTime(a.Header, b.Header) })
	}
	f.touches = slices.Clone(touches[order])
	slices.SortFunc(f.touches, func(a, b event.Touch) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Session, b.Session))
	})
	row := f.row(order)
	rules.lookUp(&row)
	if len(f.orders)+len(f.deliveries) > 0 {
		t.Journeys = append(t.Journeys, row)
	}
	for id, versions := range f.opinions {
		t.Reviews = append(t.Reviews, review(order, id, versions, &row))
	}
}

// The first order or delivery event of a type; 0 if there is none.

func (f *facts) order(t event.Type) event.Time {
	for _, o := range f.orders {
		if o.Type == t {
			return o.Time
		}
	}
	return 0
}

func (f *facts) delivery(t event.Type) event.Time {
	for _, d := range f.deliveries {
		if d.Type == t {
			return d.Time
		}
	}
	return 0
}

func (f *facts) exception(kind string) event.Time {
	for _, d := range f.deliveries {
		if d.Type == event.Exception && d.Exception == kind {
			return d.Time
		}
	}
	return 0
}

// lastWord is what the last order event says that says anything.
func (f *facts) lastWord(ask func(*event.Order) string) (word string) {
	for _, o := range f.orders {
		word = cmp.Or(ask(o), word)
	}
	return word
}

// lastOfBoth is the same over order and delivery events.
func (f *facts) lastOfBoth(ask func(*event.Order) string, askDelivery func(*event.Delivery) string) string {
	type said struct {
		event.Header
		word string
	}
	var all []said
	for _, o := range f.orders {
		all = append(all, said{o.Header, ask(o)})
	}
	for _, d := range f.deliveries {
		all = append(all, said{d.Header, askDelivery(d)})
	}
	slices.SortFunc(all, func(a, b said) int { return byTime(a.Header, b.Header) })
	word := ""
	for _, s := range all {
		word = cmp.Or(s.word, word)
	}
	return word
}

func (f *facts) reason(t event.Type) string {
	return f.lastWord(func(o *event.Order) string {
		if o.Type == t {
			return o.Reason
		}
		return ""
	})
}

func month(t event.Time) event.Time {
	d := t.Time()
	return event.TimeOf(time.Date(d.Year(), d.Month(), 1, 0, 0, 0, 0, time.UTC))
}

func (f *facts) row(order event.OrderID) table.Journey {
	r := table.Journey{
		Order:    order,
		Customer: event.CustomerID(f.lastWord(func(o *event.Order) string { return string(o.Customer) })),
		Visitor:  event.VisitorID(f.lastWord(func(o *event.Order) string { return string(o.Visitor) })),
		Placed:   f.order(event.Placed), Paid: f.order(event.Paid), Warranty: f.order(event.WarrantyAdded),
		Cancelled: f.order(event.Cancelled), CancelReason: f.reason(event.Cancelled),
		ReturnRequested: f.order(event.ReturnRequested), ReturnReason: cmp.Or(f.reason(event.ReturnRequested), f.reason(event.Returned)),
		Returned: f.order(event.Returned), Refunded: f.order(event.Refunded), Replaced: f.order(event.ReplacementSent),
		RefundReason: f.reason(event.Refunded), ReplaceReason: f.reason(event.ReplacementSent),
		Channel:  f.lastWord(func(o *event.Order) string { return o.Channel }),
		Kind:     event.OrderKind(cmp.Or(f.lastWord(func(o *event.Order) string { return string(o.Kind) }), "purchase")),
		Renews:   event.OrderID(f.lastWord(func(o *event.Order) string { return string(o.Renews) })),
		Currency: f.lastWord(func(o *event.Order) string { return o.Currency }),
		Warehouse: f.lastOfBoth(func(o *event.Order) string { return o.Warehouse },
			func(d *event.Delivery) string { return d.Warehouse }),
		Country: f.lastOfBoth(func(o *event.Order) string { return o.Country }, func(d *event.Delivery) string { return d.Country }),
		Region:  f.lastOfBoth(func(o *event.Order) string { return o.Region }, func(d *event.Delivery) string { return d.Region }),
		Packed:  f.delivery(event.Packed), Shipped: f.delivery(event.HandedOver), InTransit: f.delivery(event.InTransit),
		OutForDelivery: f.delivery(event.OutForDelivery), Attempted: f.delivery(event.Attempted),
		Delivered: f.delivery(event.Delivered), Confirmed: f.delivery(event.Confirmed),
		ExceptionLate: f.exception(event.ExceptionLate), ExceptionLost: f.exception(event.ExceptionLost),
		ExceptionDamaged: f.exception(event.ExceptionDamaged), ExceptionRefused: f.exception(event.ExceptionRefused),
		FirstEvent: f.all[0].Time, LastEvent: f.all[len(f.all)-1].Time, Events: uint32(len(f.all)),
	}
	r.Month = month(cmp.Or(r.Placed, r.FirstEvent))
	for _, o := range f.orders {
		r.ShipBy = cmp.Or(r.ShipBy, o.ShipBy)
		r.Total = cmp.Or(o.Total, r.Total)
		if len(o.Items) > 0 {
			r.Items = o.Items
		}
		if o.Type == event.Refunded {
			r.RefundAmount = math.Round((r.RefundAmount+o.Amount)*1e6) / 1e6
		}
	}
	for _, d := range f.deliveries {
		r.Carrier, r.Tracking = cmp.Or(d.Carrier, r.Carrier), cmp.Or(d.Tracking, r.Tracking)
		if d.Type == event.Attempted {
			r.Attempts++
		}
		if d.Type == event.Exception {
			r.Exceptions++
		}
	}
	f.promises(&r)
	f.visits(&r)
	f.opined(&r)
	r.Stage = deepest(&r)
	return r
}

// lookUp adds what is known besides the events.
func (rules Rules) lookUp(r *table.Journey) {
	customer := rules.customer(r.Customer)
	r.Segment, r.Generation, r.HomeCountry, r.CustomerSince = customer.Segment, customer.Generation, customer.HomeCountry, customer.FirstOrder

	at := r.Placed
	if at == 0 {
		at = r.FirstEvent
	}
	rate, rated := rules.Lookups.Rate(r.Currency, at)
	rated = rated && r.Currency != ""
	own, missing, all := 0.0, 0.0, true // of the lines: at prices of the order, at prices of the catalogue
	fromCatalogue := false
	for i := range r.Items {
		item := &r.Items[i]
		p, listed := rules.Lookups.Product(item.Product)
		if !listed {
			p = enrich.Product{Category: enrich.Unknown, Brand: enrich.Unknown}
		}
		item.Category, item.Brand = cmp.Or(item.Category, p.Category), cmp.Or(item.Brand, p.Brand)
		quantity := item.Quantity
		if quantity == 0 {
			quantity = 1
		}
		if item.Price == 0 {
			fromCatalogue = true
			missing += p.Price * quantity
			all = all && p.Price != 0
		} else {
			own += item.Price * quantity
			all = all && rated
		}
	}
	exact := func(v float64) table.Maybe { return table.Maybe{Value: math.Round(v*1e6) / 1e6, Known: true} }
	r.ValueFrom = enrich.Unknown
	switch {
	case r.Total != 0 && rated:
		r.Value, r.ValueFrom = exact(r.Total*rate), "total"
	case r.Total != 0 || len(r.Items) == 0 || !all:
	case fromCatalogue:
		r.Value, r.ValueFrom = exact(own*rate+missing), "catalogue"
	default:
		r.Value, r.ValueFrom = exact(own*rate), "items"
	}
	if r.RefundAmount != 0 && rated {
		r.RefundValue = exact(r.RefundAmount * rate)
	}
}

func (f *facts) promises(r *table.Journey) {
	type word struct {
		event.Header
		due event.Time
	}
	var words []word
	for _, o := range f.orders {
		if o.Promise != 0 {
			words = append(words, word{o.Header, o.Promise})
			if r.PromisedAt == 0 {
				r.PromisedAt, r.PromiseFirst = o.Time, o.Promise
			}
		}
	}
	for _, d := range f.deliveries {
		if d.Estimate != 0 {
			words = append(words, word{d.Header, d.Estimate})
		}
	}
	slices.SortFunc(words, func(a, b word) int { return byTime(a.Header, b.Header) })
	for i, w := range words {
		if i > 0 && words[i-1].due != w.due {
			r.PromiseChanges++
			r.PromiseChanged = w.Time
		}
		r.PromiseLast = w.due
	}
}

func (f *facts) visits(r *table.Journey) {
	min := func(times []event.Time) event.Time {
		times = slices.DeleteFunc(times, func(t event.Time) bool { return t == 0 })
		if len(times) == 0 {
			return 0
		}
		return slices.Min(times)
	}
	var start, track, contact, view, research, cart, checkout []event.Time
	var visitor event.VisitorID
	var customer event.CustomerID
	for _, t := range f.touches {
		r.Touches = append(r.Touches, table.Touch{Session: t.Session, Visitor: t.Visitor, Start: t.Start, Source: t.Source,
			Channel: t.Channel, Referrer: t.Referrer, Campaign: t.Campaign, Landing: t.Landing, Device: t.Device,
			FirstSeen: t.FirstSeen, SessionsBefore: t.SessionsBefore, Ordered: t.Ordered, Track: t.Track, Tracks: t.Tracks,
			Contact: t.Contact, Contacts: t.Contacts})
		start, track, contact = append(start, t.Start), append(track, t.Track), append(contact, t.Contact)
		r.Tracks += t.Tracks
		r.Contacts += t.Contacts
		customer = cmp.Or(t.Customer, customer)
		if t.Ordered != 0 {
			visitor = t.Visitor
			view, research = append(view, t.View), append(research, t.Research)
			cart, checkout = append(cart, t.Cart), append(checkout, t.Checkout)
		}
	}
	r.Visit, r.Track, r.Contact = min(start), min(track), min(contact)
	r.View, r.Research, r.Cart, r.Checkout = min(view), min(research), min(cart), min(checkout)
	r.Visitor, r.Customer = cmp.Or(r.Visitor, visitor), cmp.Or(r.Customer, customer)
}

// opined tells a journey what was said about it.
func (f *facts) opined(r *table.Journey) {
	var rows []table.Review
	var complaints []table.Review
	opened := map[event.ReviewID]event.Time{}
	var named []event.CustomerID
	for id, versions := range f.opinions {
		row := review(r.Order, id, versions, &table.Journey{})
		rows = append(rows, row)
		for _, v := range versions {
			if states(v) && stars(v) != 0 && stars(v) <= 2 && opened[id] == 0 {
				opened[id] = v.Time
			}
		}
		if opened[id] != 0 && row.Removed == 0 {
			complaints = append(complaints, row)
		}
	}
	// the earliest opinion that names a customer
	ids := []event.ReviewID{}
	for id := range f.opinions {
		if review(r.Order, id, f.opinions[id], &table.Journey{}).Customer != "" {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b event.ReviewID) int {
		return cmp.Or(cmp.Compare(f.opinions[a][0].Time, f.opinions[b][0].Time),
			cmp.Compare(review(r.Order, a, f.opinions[a], &table.Journey{}).Customer, review(r.Order, b, f.opinions[b], &table.Journey{}).Customer))
	})
	for _, id := range ids {
		named = append(named, review(r.Order, id, f.opinions[id], &table.Journey{}).Customer)
	}
	if len(named) > 0 {
		r.Customer = cmp.Or(r.Customer, named[0])
	}

	slices.SortFunc(rows, func(a, b table.Review) int {
		return cmp.Or(cmp.Compare(a.Posted, b.Posted), cmp.Compare(a.Review, b.Review))
	})
	for _, row := range rows {
		if row.Posted == 0 {
			continue
		}
		r.Reviewed = cmp.Or(r.Reviewed, row.Posted)
		if row.Removed == 0 {
			r.Reviews++
			r.Stars = cmp.Or(row.Stars, r.Stars)
		}
	}
	slices.SortFunc(complaints, func(a, b table.Review) int {
		return cmp.Or(cmp.Compare(opened[a.Review], opened[b.Review]), cmp.Compare(a.Review, b.Review))
	})
	if len(complaints) > 0 {
		c := complaints[0]
		r.CaseOpened, r.CaseAnswered, r.CasePromised, r.CaseContactDue = opened[c.Review], c.Answered, c.ContactPromised, c.ContactDue
		r.CaseContacted, r.CaseResolved, r.CaseResolution = c.Contacted, c.Resolved, c.Resolution
		f.reopened(r, complaints)
	}
}

// reopened says when somebody complained last after the case, the first of the complaints, was resolved, and when all that was
// complained about at that time was resolved.
func (f *facts) reopened(r *table.Journey, complaints []table.Review) {
	first := complaints[0]
	if first.Resolved == 0 {
		return
	}
	type complaint struct{ at, resolved event.Time }
	var after []complaint
	if first.Reopened != 0 {
		after = append(after, complaint{first.Reopened, first.ResolvedAgain})
	}
	for _, c := range complaints[1:] {
		if c.Complained > first.Resolved {
			resolved := c.Resolved
			if resolved < c.Complained {
				resolved = 0
			}
			after = append(after, complaint{c.Complained, resolved})
		}
	}
	for _, c := range after {
		r.CaseReopened = max(r.CaseReopened, c.at)
	}
	for _, c := range after {
		if c.at == r.CaseReopened {
			if c.resolved == 0 {
				r.CaseResolvedAgain = 0
				return
			}
			r.CaseResolvedAgain = max(r.CaseResolvedAgain, c.resolved)
		}
	}
}

func deepest(r *table.Journey) table.Stage {
	switch {
	case r.Reviewed != 0:
		return table.Reviewed
	case r.Confirmed != 0:
		return table.Confirmed
	case r.Delivered != 0:
		return table.Delivered
	case r.Track != 0:
		return table.Tracked
	case r.Shipped != 0, r.InTransit != 0, r.OutForDelivery != 0, r.Attempted != 0:
		return table.Shipped
	case r.PromisedAt != 0:
		return table.Promised
	}
	return table.Ordered
}

// states says whether an event of an opinion is a version of it.
func states(r *event.Review) bool {
	return r.Type == event.Posted || r.Type == event.Mention || r.Type == event.Edited
}

// stars of one version, 1 to 5, 0 without a rating.
func stars(r *event.Review) float64 {
	if r.Rating == 0 && r.RatingMax == 0 {
		return 0
	}
	top := cmp.Or(r.RatingMax, 5)
	bottom := r.RatingMin
	if bottom == 0 && top >= 2 && top <= 5 && r.Rating >= 1 {
		bottom = 1
	}
	if bottom >= top {
		return 0
	}
	return min(5, max(1, 1+4*(r.Rating-bottom)/(top-bottom)))
}

// firstOf is the time of the first event of these types; 0 if there is none.
func firstOf(events []*event.Review, types ...event.Type) event.Time {
	for _, e := range events {
		if slices.Contains(types, e.Type) {
			return e.Time
		}
	}
	return 0
}

// review is the row of one opinion, with the verdict of its journey.
func review(order event.OrderID, id event.ReviewID, events []*event.Review, j *table.Journey) table.Review {
	r := table.Review{Order: order, Review: id, Kind: "review", Source: events[0].Source, Sentiment: table.Unscored, Promise: table.PromiseNone}
	var posts, mentions int
	for i, e := range events {
		switch e.Type {
		case event.Posted:
			posts++
		case event.Mention:
			mentions++
		case event.Edited:
			r.Edited = e.Time
		case event.Removed:
			r.Removed = cmp.Or(r.Removed, e.Time)
		case event.Answered:
			r.Answered = cmp.Or(r.Answered, e.Time)
		case event.ContactPromised:
			if r.ContactPromised == 0 {
				r.ContactPromised, r.ContactDue = e.Time, e.Contact
			}
		case event.Resolved:
			if r.Resolved == 0 {
				r.Resolved, r.Resolution = e.Time, e.Resolution
			}
		}
		if (e.Type == event.Posted || e.Type == event.Mention) && r.Posted == 0 {
			r.Posted, r.Source = e.Time, e.Source
		}
		if states(e) && stars(e) != 0 && stars(e) <= 2 {
			r.Complained = cmp.Or(r.Complained, e.Time)
			if r.Resolved != 0 && (r.Stars == 0 || stars(e) <= r.Stars) {
				r.Reopened = e.Time
				r.ResolvedAgain = firstOf(events[i+1:], event.Resolved)
			}
		}
		if e.Type == event.ContactPromised && r.ContactPromised == e.Time && r.Contacted == 0 {
			r.Contacted = firstOf(events[i+1:], event.Answered, event.Resolved)
		}
		if states(e) {
			r.Customer, r.Author = cmp.Or(e.Customer, r.Customer), cmp.Or(e.Author, r.Author)
			r.Title, r.Text, r.Language = cmp.Or(e.Title, r.Title), cmp.Or(e.Text, r.Text), cmp.Or(e.Language, r.Language)
			r.Reach = cmp.Or(e.Reach, r.Reach)
			if len(e.Subjects) > 0 {
				r.Subjects = e.Subjects
			}
			if stars(e) != 0 {
				r.Rating, r.RatingMax, r.Stars = e.Rating, cmp.Or(e.RatingMax, 5), stars(e)
			}
		}
	}
	if mentions > 0 && posts == 0 {
		r.Kind = "mention"
	}
	switch {
	case r.Stars == 0:
	case r.Stars <= 2:
		r.Sentiment = table.Negative
	case r.Stars < 4:
		r.Sentiment = table.Neutral
	default:
		r.Sentiment = table.Positive
	}
	r.Month = month(cmp.Or(r.Posted, events[0].Time))

	r.Delivered, r.Carrier, r.Warehouse, r.Country, r.Region = j.Delivered, j.Carrier, j.Warehouse, j.Country, j.Region
	r.Returned, r.Verified = j.Returned != 0 || j.Refunded != 0, j.Placed != 0
	if j.PromiseFirst != 0 {
		arrived := cmp.Or(j.Delivered, j.Attempted)
		switch {
		case arrived == 0:
			r.Promise = table.PromiseOpen
		case arrived > j.PromiseFirst:
			r.Promise = table.PromiseBroken
		default:
			r.Promise = table.PromiseKept
		}
		if j.Delivered != 0 {
			r.DaysLate = float64(j.Delivered-j.PromiseFirst) / 86_400_000 // milliseconds a day
		}
	}
	return r
}
