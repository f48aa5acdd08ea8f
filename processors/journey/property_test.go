package journey_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/afterclick/afterclick/processors/journey"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"pgregory.net/rapid"
)

// start is late in a month, so that months change.
var start = event.TimeOf(time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC))

// known has lookups that know some of what the events name.
var known = func() journey.Config {
	c := journey.Default
	c.Lookups = trial.Shop
	return c
}()

func events(t *rapid.T, n int) []*event.Event {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	float := func(name string, of ...float64) float64 { return rapid.SampledFrom(of).Draw(t, name) }
	when := func(name string) event.Time {
		return start.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, name)) * 12 * time.Hour)
	}
	maybe := func(name string) event.Time {
		if rapid.Bool().Draw(t, name) {
			return 0
		}
		return when(name)
	}
	var list []*event.Event
	for i := range n {
		h := event.Header{ID: event.ID(fmt.Sprint("e", i)), Time: when("time"), Source: event.Source(pick("source", "shop", "carrier", "trustpilot"))}
		order := event.OrderID(pick("order", "o1", "o1", "o2"))
		e := &event.Event{Topic: rapid.SampledFrom(event.SourceTopics[1:]).Draw(t, "topic")}
		switch e.Topic {
		case event.Orders:
			h.Type = rapid.SampledFrom(event.OrderTypes).Draw(t, "type")
			e.Order = &event.Order{Header: h, Order: order, Customer: event.CustomerID(pick("customer", "", "ann", "bob")),
				Visitor: event.VisitorID(pick("visitor", "", "v1")), Channel: pick("channel", "", "web", "store"),
				Kind: event.OrderKind(pick("kind", "", "purchase", "rental")), Renews: event.OrderID(pick("renews", "", "o0")), ShipBy: maybe("ship by"),
				Total: float("total", 0, 12.5, 99.99), Currency: pick("currency", "", "EUR", "USD", "XXX"), Promise: maybe("promise"),
				Warehouse: pick("warehouse", "", "north", "south"), Country: pick("country", "", "DE", "ES"), Region: pick("region", "", "BE"),
				Amount: float("amount", 0, 0.1, 0.2, 3.3), Reason: pick("reason", "", "late", "broken")}
			if rapid.Bool().Draw(t, "items") {
				e.Order.Items = []event.Item{{Product: "p1", Category: "toys", Quantity: 2, Price: float("price", 0, 9.99)}, {Product: event.ProductID(pick("product", "p1", "p2", "p3")), Quantity: 3}}[:rapid.IntRange(1, 2).Draw(t, "items")]
			}
		case event.Deliveries:
			h.Type = rapid.SampledFrom(event.DeliveryTypes).Draw(t, "type")
			e.Delivery = &event.Delivery{Header: h, Order: order, Carrier: pick("carrier", "", "dhl", "ups"), Tracking: pick("tracking", "", "t1"),
				Warehouse: pick("warehouse", "", "west"), Country: pick("country", "", "FR"), Region: pick("region", "", "IDF"),
				Estimate: maybe("estimate")}
			if h.Type == event.Exception {
				e.Delivery.Exception = rapid.SampledFrom(event.ExceptionKinds).Draw(t, "exception")
			}
		case event.Reviews:
			h.Type = rapid.SampledFrom(event.ReviewTypes).Draw(t, "type")
			e.Review = &event.Review{Header: h, Review: event.ReviewID(pick("review", "r1", "r2", "r3")), Order: order,
				Customer: event.CustomerID(pick("customer", "", "cy", "di")), Rating: float("rating", 0, 1, 2, 3, 5),
				RatingMax: float("max", 0, 0, 5, 10), Title: pick("title", "", "good", "bad"), Text: pick("text", "", "nice\nthing"),
				Language: pick("language", "", "pt"), Author: pick("author", "", "x"), Reach: float("reach", 0, 10), Contact: maybe("contact")}
			if rapid.IntRange(0, 3).Draw(t, "alone") == 0 {
				e.Review.Order, e.Review.Review = "", "alone"
			}
			if h.Type == event.Resolved {
				e.Review.Resolution = rapid.SampledFrom(event.Resolutions).Draw(t, "resolution")
			}
			if rapid.Bool().Draw(t, "subjects") {
				e.Review.Subjects = []event.Subject{{Kind: event.SubjectProduct, ID: "p1"}, {Kind: event.SubjectShop, ID: "s"}}
			}
		}
		list = append(list, e)
	}
	return list
}

// touches are what two sessions say about an order, each several times, in the order in which it is said.
func touches(t *rapid.T) []event.Touch {
	maybe := func(name string) event.Time {
		return rapid.SampledFrom([]event.Time{0, start, start.Add(time.Minute)}).Draw(t, name)
	}
	var list []event.Touch
	for range rapid.IntRange(0, 6).Draw(t, "touches") {
		session := rapid.Uint64Range(1, 2).Draw(t, "session")
		touch := event.Touch{Order: "o1", Visitor: "v9", Session: session, Start: start.Add(-time.Duration(session) * time.Hour),
			Gone: rapid.IntRange(0, 4).Draw(t, "gone") == 0}
		if !touch.Gone {
			touch.Source, touch.Channel, touch.Landing, touch.Device = "web", rapid.SampledFrom([]string{"ads", "search"}).Draw(t, "channel"), "/p", "mobile"
			touch.Customer = event.CustomerID(rapid.SampledFrom([]string{"", "eve"}).Draw(t, "customer"))
			touch.FirstSeen, touch.View, touch.Cart, touch.Checkout = touch.Start, maybe("view"), maybe("cart"), maybe("checkout")
			touch.Ordered, touch.Track, touch.Research, touch.Contact = maybe("ordered"), maybe("track"), maybe("research"), maybe("contact")
			touch.Tracks, touch.Contacts, touch.SessionsBefore = uint32(session), uint32(session-1), uint32(session)
		}
		list = append(list, touch)
	}
	return list
}

func TestEqualsOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := journey.New(known)
		must(t, err)
		list := events(t, rapid.IntRange(1, 25).Draw(t, "n"))
		said := touches(t)
		// Any order, with duplicates; touches keep theirs.
		var pool []*event.Event
		for _, e := range list {
			for range rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "copies") {
				pool = append(pool, e)
			}
		}
		pool = rapid.Permutation(pool).Draw(t, "order")
		var log []trial.Record
		rest := said
		for _, e := range pool {
			for len(rest) > 0 && rapid.Bool().Draw(t, "touch") {
				log = append(log, trial.Record{Event: &event.Event{Topic: event.Touches, Touch: &rest[0]}})
				rest = rest[1:]
			}
			log = append(log, trial.Record{Event: e})
		}
		for i := range rest {
			log = append(log, trial.Record{Event: &event.Event{Topic: event.Touches, Touch: &rest[i]}})
		}
		r := trial.New(m, log)
		for r.Next < len(log) {
			n := rapid.IntRange(1, 9).Draw(t, "epoch")
			must(t, r.Epoch(n, rapid.IntRange(0, 3).Draw(t, "fate") > 0))
		}
		want := oracle.OfTouched(trial.Shop, list, trial.FinalTouches(said))
		if d := trial.Diff(r.Tables.Final(), want); d != "" {
			t.Fatal(d)
		}
		once := trial.New(m, log)
		must(t, once.Epoch(len(log), true))
		if d := trial.Diff(once.Tables.Final(), want); d != "" {
			t.Fatal("in one epoch: ", d)
		}
	})
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// TestEpochsDoNotShow: where epochs end, and which of them abort, shows in no table, also where the oracle does not follow: when an
// order is forgotten and begins anew, and when it takes no more.
func TestEpochsDoNotShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		config := journey.Default
		config.Horizon = 24 * time.Hour
		config.MaxFacts = rapid.IntRange(1, 8).Draw(t, "limit")
		var log []trial.Record
		clock := start
		for _, e := range events(t, rapid.IntRange(1, 25).Draw(t, "n")) {
			log = append(log, trial.Record{Event: e, Clock: clock})
			clock = clock.Add(rapid.SampledFrom([]time.Duration{0, time.Hour, 12 * time.Hour, 40 * time.Hour}).Draw(t, "tick"))
		}
		run := func(all func(*trial.Run)) oracle.Tables {
			m, err := journey.New(config)
			must(t, err)
			r := trial.New(m, log)
			all(r)
			return r.Tables.Final()
		}
		want := run(func(r *trial.Run) { must(t, r.Epoch(len(log), true)) })
		random := run(func(r *trial.Run) {
			for r.Next < len(log) {
				n := rapid.IntRange(1, 9).Draw(t, "epoch")
				must(t, r.Epoch(n, rapid.IntRange(0, 3).Draw(t, "fate") > 0))
			}
		})
		if d := trial.Diff(random, want); d != "" {
			t.Fatal("random epochs: ", d)
		}
	})
}

// TestAbortedLookups: an attempt that was aborted leaves nothing of what its lookups said, neither in states nor in rows.
func TestAbortedLookups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log []trial.Record
		for _, e := range events(t, rapid.IntRange(1, 25).Draw(t, "n")) {
			log = append(log, trial.Record{Event: e})
		}
		lookups := &trial.Switch{Lookups: trial.Shop}
		config := known
		config.Lookups = lookups
		m, err := journey.New(config)
		must(t, err)
		r := trial.New(m, log)
		r.Tables.Changing = true
		m, err = journey.New(known)
		must(t, err)
		calm := trial.New(m, log)
		for r.Next < len(log) {
			n := rapid.IntRange(1, 9).Draw(t, "epoch")
			lookups.Lookups = trial.Changed
			must(t, r.Epoch(rapid.IntRange(1, 9).Draw(t, "aborted"), false))
			lookups.Lookups = trial.Shop
			must(t, r.Epoch(n, true))
			must(t, calm.Epoch(n, true))
		}
		if d := trial.Diff(r.Tables.Final(), calm.Tables.Final()); d != "" {
			t.Fatal(d)
		}
		for key, entry := range calm.States {
			if !bytes.Equal(entry.State, r.States[key].State) {
				t.Fatalf("the state of %s differs", key)
			}
		}
	})
}
