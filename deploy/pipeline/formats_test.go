package pipeline_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/schemas/event"
)

// segmentNames are the e-commerce spec's names of our types, and for the rest a shop's own.
var segmentNames = map[event.Type]string{
	event.ProductList: "Product List Viewed", event.Product: "Product Viewed", event.Search: "Products Searched", event.CartViewed: "Cart Viewed",
	event.CartAdded: "Product Added", event.CartRemoved: "Product Removed", event.CheckoutStarted: "Checkout Started", event.CheckoutStep: "Checkout Step Viewed",
	event.CheckoutCompleted: "Order Completed", event.ReviewsRead: "Reviews Read", event.Compare: "Products Compared", event.TrackingViewed: "Tracking Page Viewed",
	event.ContactOpened: "Contact Opened",
}

// asSegment is a click as a tracker of Segment sends it.
func asSegment(t *testing.T, c *event.Click) []byte {
	t.Helper()
	type object = map[string]any
	call := object{"type": "track", "event": segmentNames[c.Type], "messageId": c.ID, "anonymousId": c.Visitor, "timestamp": c.Time, "channel": c.Source,
		"context": object{"page": object{"url": c.URL, "referrer": c.Referrer}, "userAgent": c.UserAgent, "sessionId": c.Session, "ip": "203.0.113.9",
			"location": object{"country": c.Country}},
		"properties": object{"product_id": c.Product, "order_id": c.Order, "step": c.Step, "value": c.Value, "currency": c.Currency}}
	if c.Customer != "" {
		call["userId"] = c.Customer
	}
	switch {
	case c.Type == event.Page:
		call["type"] = "page"
		delete(call, "event")
	case segmentNames[c.Type] == "":
		t.Fatalf("no name for type %s", c.Type)
	}
	b, err := json.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serverNames are the names of orders' events: the e-commerce spec's, and a shop's own.
var serverNames = map[event.Type]string{event.Refunded: "Order Refunded", event.Cancelled: "Order Cancelled", event.Paid: "Payment Received",
	event.ReturnRequested: "Return Requested", event.Returned: "Return Received"}

// orderAsSegment is an event of an order as a server sends it, if a call can say all of it.
func orderAsSegment(t *testing.T, o *event.Order) ([]byte, bool) {
	t.Helper()
	name := serverNames[o.Type]
	said := *o
	said.Header, said.Order, said.Customer, said.Amount, said.Total, said.Currency, said.Reason, said.Items = event.Header{}, "", "", 0, 0, "", "", nil
	if rest, err := json.Marshal(said); err != nil || name == "" || len(o.Items) > 0 || !bytes.Equal(rest, empty(t)) {
		return nil, false
	}
	amount := o.Total
	if o.Type == event.Refunded {
		amount = o.Amount
	}
	b, err := json.Marshal(map[string]any{"type": "track", "event": name, "messageId": o.ID, "userId": o.Customer, "timestamp": o.Time, "channel": o.Source,
		"properties": map[string]any{"order_id": o.Order, "total": amount, "currency": o.Currency, "reason": o.Reason}})
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}

func empty(t *testing.T) []byte {
	t.Helper()
	b, err := json.Marshal(event.Order{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// placedBy are the orders that clicks tell of, where their topic is said to hold orders, too.
func placedBy(events []*event.Event) (orders []*event.Event) {
	for _, e := range events {
		if c := e.Click; c != nil && c.Type == event.CheckoutCompleted {
			o := event.Order{Header: c.Header, Order: c.Order, Customer: c.Customer, Visitor: c.Visitor, Channel: "web", Total: c.Value, Currency: c.Currency}
			o.ID, o.Type = c.ID+":placed", event.Placed
			orders = append(orders, &event.Event{Topic: event.Orders, Order: &o})
		}
	}
	return orders
}

// A shop whose clicks, payments, returns and refunds come from Segment, one by one and in batches, and the rest in our own format: the tables
// are those of the events that were meant, and the receipt is clean.
func TestSegmentShopEqualsTheOracle(t *testing.T) {
	t.Parallel()
	records := simulated(t, 6, 12, 150)
	events := decoded(t, records)
	var clicks, rest, server []feed.Record
	var batch feed.Record
	end := func() {
		if batch.Value != nil {
			batch.Value = append(batch.Value, "]}"...)
			clicks = append(clicks, batch)
			batch = feed.Record{}
		}
	}
	for i, e := range events {
		r := records[i]
		if e.Topic == event.Orders {
			if call, ok := orderAsSegment(t, e.Order); ok {
				server = append(server, feed.Record{Topic: event.Orders, Value: call, Arrival: r.Arrival})
				continue
			}
		}
		if e.Topic != event.Clickstream {
			rest = append(rest, r)
			continue
		}
		call := asSegment(t, e.Click)
		if i%3 == 0 {
			clicks = append(clicks, feed.Record{Topic: event.Clickstream, Key: r.Key, Value: call, Arrival: r.Arrival})
			continue
		}
		if batch.Value == nil {
			batch = feed.Record{Topic: event.Clickstream, Key: r.Key, Value: []byte(`{"batch":[`)}
		} else {
			batch.Value = append(batch.Value, ',')
		}
		batch.Value, batch.Arrival = append(batch.Value, call...), r.Arrival
		if len(batch.Value) > 1000+i%7*1500 {
			end()
		}
	}
	end()
	if len(server) == 0 || len(clicks) > len(records)*2/3 {
		t.Fatalf("%d orders' events are from Segment; %d records of clicks, of %d events in all", len(server), len(clicks), len(records))
	}
	const names = "types: {Reviews Read: reviews_read, Products Compared: compare, Tracking Page Viewed: tracking_viewed, Contact Opened: contact_opened}"
	for _, c := range []struct {
		name, holds string
		more        []*event.Event
	}{
		{"clicks", "clickstream", nil},
		{"clicks and orders", "[clickstream, orders]", placedBy(events)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := siteOn(t, localtest.Kafka(t, "segment", "server", "orders", "deliveries", "reviews"), `sources=[
{topic: segment, holds: `+c.holds+`, format: segment, `+names+`}, {topic: server, holds: orders, format: segment,
    types: {Payment Received: paid, Return Requested: return_requested, Return Received: returned}},
{topic: orders, holds: orders}, {topic: deliveries, holds: deliveries}, {topic: reviews, holds: reviews}]`)
			for topic, list := range map[string][]feed.Record{"segment": clicks, "server": server, "": rest} {
				o := s.sending()
				if topic != "" {
					o.Topics = func(event.Topic) string { return topic }
				}
				if _, err := send.Run(t.Context(), o, slices.Values(list)); err != nil {
					t.Fatal(err)
				}
			}
			s.finish(t, t.TempDir())
			s.expect(t, oracle.Of(oracle.Default, append(slices.Clip(events), c.more...)))
			if n, want := s.count(t, "events"), len(events)+len(c.more); n != want {
				t.Errorf("%d events are in the tables, %d were sent", n, want)
			}
			if n := s.count(t, "dead_letters"); n != 0 {
				t.Errorf("%d dead letters, for example %s", n, s.ask(t, "SELECT any(detail) FROM dead_letters"))
			}
			e, err := s.config(t, t.TempDir()).Engine()
			if err != nil {
				t.Fatal(err)
			}
			report, err := verify.Run(t.Context(), verify.Config{Engine: e, ClickHouse: s.conn})
			if err != nil || !report.Clean {
				t.Errorf("the receipt: %+v, %v", report, err)
			}
		})
	}
	t.Logf("%d events: clicks in %d records, %d orders' events from Segment", len(events), len(clicks), len(server))
}
