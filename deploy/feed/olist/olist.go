// Package olist reads the Brazilian marketplace data set "Olist", a folder of CSV files, as events of the contract.
//
// What becomes of the columns:
//
//	olist_orders.order_purchase_timestamp        orders      placed       with items, total, promise, customer and where it goes
//	olist_orders.order_estimated_delivery_date   orders      placed       its promise
//	olist_orders.order_approved_at               orders      paid
//	olist_orders.order_status                    orders      cancelled    if canceled or unavailable, which is the reason; the files do not
//	                                                                      say when, so at the last time that the row has
//	olist_orders.order_delivered_carrier_date    deliveries  handed_over
//	olist_orders.order_delivered_customer_date   deliveries  delivered
//	olist_order_reviews.review_creation_date     reviews     posted       with score (1 to 5), title and text
//	olist_order_reviews.review_answer_timestamp  reviews     answered
//	olist_order_items                            items of placed: equal lines of one seller are one item; price without freight
//	olist_order_payments                         total of placed, if the order has no items; its properties say how it was paid
//	olist_order_items.shipping_limit_date        ship_by of placed: that of the item which may be sent last
//	olist_products.product_category_name         category of the items, in English as far as product_category_name_translation has it
//	olist_customers.customer_unique_id           customer: customer_id, which the other files use, is another one with every order
//	olist_customers.customer_state               region, of country BR
//
// A review is about each product of its order and about each seller, as the shop: on a marketplace it is the seller who packs,
// sends and answers. A review of an order without items is about the shop "olist". A review id that stands on two orders stays two
// opinions, because each row is an opinion of its own order.
//
// The files name no time zone; their times are taken as UTC. Ids of events follow from the rows, so that importing twice gives
// duplicates. All orders are held in memory, about a kilobyte each: 100 MB for the whole data set.
package olist

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// History is the data set, read.
type History struct {
	events  []event.Event // in order of time
	orders  int
	reviews int
}

// Open reads the folder. An error names the file, the line and what is wrong with it.
func Open(dir string) (*History, error) {
	t, err := read(dir)
	if err != nil {
		return nil, fmt.Errorf("read Olist from %s: %w", dir, err)
	}
	h := &History{orders: len(t.orders), reviews: len(t.reviews)}
	for _, o := range t.orders {
		h.order(o)
	}
	for _, r := range t.reviews {
		h.review(t, r)
	}
	// Within a moment an order goes on in the order of its life, which is how its events were appended.
	slices.SortStableFunc(h.events, func(a, b event.Event) int { return cmp.Compare(a.Header().Time, b.Header().Time) })
	return h, nil
}

// Orders and Reviews are how many rows there are of each.
func (h *History) Orders() int  { return h.orders }
func (h *History) Reviews() int { return h.reviews }

// Len is how many records the history has.
func (h *History) Len() int { return len(h.events) }

// Span is the time of the first and of the last record.
func (h *History) Span() (from, to time.Time) {
	if len(h.events) == 0 {
		return
	}
	return h.events[0].Header().Time.Time(), h.events[len(h.events)-1].Header().Time.Time()
}

// Records is the whole history; it can be had again.
func (h *History) Records() feed.Stream { return feed.Of(h.events) }

const source = "olist"

func header(kind event.Type, id string, t event.Time) event.Header {
	return event.Header{ID: event.ID(source + "-" + string(kind) + "-" + id), Type: kind, Time: t, Source: source}
}

func (h *History) order(o *order) {
	tell := func(kind event.Type, at event.Time, more func(*event.Order)) {
		if at == 0 {
			return
		}
		e := &event.Order{Header: header(kind, string(o.id), at), Order: o.id, Customer: o.customer}
		if more != nil {
			more(e)
		}
		h.events = append(h.events, event.Event{Topic: event.Orders, Order: e})
	}
	tell(event.Placed, o.purchased, func(e *event.Order) {
		e.Channel, e.Currency, e.Country, e.Region = "web", "BRL", "BR", o.state
		e.Promise, e.ShipBy, e.Items, e.Total = o.estimated, o.shipBy, o.items, o.total()
		e.Properties = o.payment.properties()
	})
	tell(event.Paid, o.approved, nil)
	h.delivery(o, event.HandedOver, o.handedOver)
	h.delivery(o, event.Delivered, o.delivered)
	if o.status == "canceled" || o.status == "unavailable" {
		last := max(o.purchased, o.approved, o.handedOver, o.delivered)
		tell(event.Cancelled, last, func(e *event.Order) { e.Reason = o.status })
	}
}

func (h *History) delivery(o *order, kind event.Type, at event.Time) {
	if at == 0 {
		return
	}
	h.events = append(h.events, event.Event{Topic: event.Deliveries, Delivery: &event.Delivery{
		Header: header(kind, string(o.id), at), Order: o.id, Country: "BR", Region: o.state,
	}})
}

func (h *History) review(t *tables, r *review) {
	o := t.byID[r.order]
	id := string(r.id) + "-" + string(r.order)
	e := &event.Review{
		Header: header(event.Posted, id, r.created), Review: r.id, Order: r.order, Customer: o.customer,
		Rating: r.score, RatingMin: 1, RatingMax: 5, Title: r.title, Text: r.text, Subjects: o.subjects(),
	}
	if r.title != "" || r.text != "" {
		e.Language = "pt"
	}
	h.events = append(h.events, event.Event{Topic: event.Reviews, Review: e})
	if r.answered > 0 {
		h.events = append(h.events, event.Event{Topic: event.Reviews, Review: &event.Review{
			Header: header(event.Answered, id, r.answered), Review: r.id, Order: r.order,
		}})
	}
}
