package oracle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/afterclick/afterclick/processors/journey"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/processors/session"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"pgregory.net/rapid"
)

var start = event.TimeOf(time.Date(2026, 1, 31, 22, 0, 0, 0, time.UTC))

// TestBothMachines: clicks through SESSION, its touches through JOURNEY between the orders' own events, give what the oracle says of
// all events at once.
func TestBothMachines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		when := func() event.Time {
			return start.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "time")) * 15 * time.Minute)
		}
		var clicks, others []*event.Event
		for i := range rapid.IntRange(0, 25).Draw(t, "clicks") {
			clicks = append(clicks, &event.Event{Topic: event.Clickstream, Click: &event.Click{Header: event.Header{ID: event.ID(fmt.Sprint("c", i)),
				Type: event.Type(pick("type", "page", "product", "checkout_completed", "tracking_viewed", "contact_opened")), Time: when(),
				Source: "web"}, Visitor: event.VisitorID(pick("visitor", "v1", "v2")), Customer: event.CustomerID(pick("customer", "", "ann")),
				Order: event.OrderID(pick("order", "", "o1", "o2")), URL: "https://shop.example/" + pick("page", "", "p/1")}})
		}
		for i := range rapid.IntRange(0, 10).Draw(t, "others") {
			h := event.Header{ID: event.ID(fmt.Sprint("e", i)), Time: when(), Source: "shop"}
			e := &event.Event{Topic: rapid.SampledFrom(event.SourceTopics[1:]).Draw(t, "topic")}
			order := event.OrderID(pick("order", "o1", "o2"))
			switch e.Topic {
			case event.Orders:
				h.Type = rapid.SampledFrom(event.OrderTypes).Draw(t, "type")
				e.Order = &event.Order{Header: h, Order: order, Promise: when()}
			case event.Deliveries:
				h.Type = rapid.SampledFrom(event.DeliveryTypes).Draw(t, "type")
				e.Delivery = &event.Delivery{Header: h, Order: order}
			case event.Reviews:
				h.Type = rapid.SampledFrom(event.ReviewTypes).Draw(t, "type")
				e.Review = &event.Review{Header: h, Order: order, Review: "r1", Rating: float64(rapid.IntRange(1, 5).Draw(t, "rating"))}
			}
			others = append(others, e)
		}
		clicks = rapid.Permutation(clicks).Draw(t, "order of clicks")
		others = rapid.Permutation(others).Draw(t, "order of others")

		s, err := session.New(session.Default)
		check(t, err)
		var log []trial.Record
		for _, e := range clicks {
			log = append(log, trial.Record{Event: e})
		}
		sessions := trial.New(s, log)
		for sessions.Next < len(log) {
			check(t, sessions.Epoch(rapid.IntRange(1, 5).Draw(t, "epoch"), true))
		}
		check(t, sessions.Force())

		log = nil
		said := sessions.Touches
		for len(said) > 0 || len(others) > 0 {
			if len(others) == 0 || len(said) > 0 && rapid.Bool().Draw(t, "touch") {
				log = append(log, trial.Record{Event: &event.Event{Topic: event.Touches, Touch: &said[0]}})
				said = said[1:]
			} else {
				log = append(log, trial.Record{Event: others[0]})
				others = others[1:]
			}
		}
		j, err := journey.New(journey.Default)
		check(t, err)
		journeys := trial.New(j, log)
		for journeys.Next < len(log) {
			check(t, journeys.Epoch(rapid.IntRange(1, 5).Draw(t, "epoch"), true))
		}

		got := sessions.Tables.Final()
		got.Touches = trial.FinalTouches(sessions.Touches)
		told := journeys.Tables.Final()
		got.Journeys, got.Reviews = told.Journeys, told.Reviews
		got.Sort()
		want := oracle.Of(oracle.Default, append(sessions.Accepted(), journeys.Accepted()...))
		if d := trial.Diff(got, want); d != "" {
			t.Fatal(d)
		}
	})
}

func check(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
