package journey_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/afterclick/afterclick/processors/journey"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// life is an order's ten events and the touch of the session that ordered it.
func life(n int) []event.Event {
	order := event.OrderID(fmt.Sprintf("o-%08d", n))
	at := start
	h := func(t event.Type) event.Header {
		at = at.Add(5 * time.Hour)
		return event.Header{ID: event.ID(fmt.Sprintf("%s-%s", order, t)), Type: t, Time: at, Source: "shop"}
	}
	o := func(t event.Type, promise event.Time) event.Event {
		return event.Event{Topic: event.Orders, Order: &event.Order{Header: h(t), Order: order, Customer: "c-4711", Channel: "web", Total: 59.9,
			Currency: "EUR", Promise: promise, Country: "DE", Region: "BE"}}
	}
	d := func(t event.Type) event.Event {
		return event.Event{Topic: event.Deliveries, Delivery: &event.Delivery{Header: h(t), Order: order, Carrier: "dhl",
			Tracking: "JD0146000042", Warehouse: "north"}}
	}
	placed := o(event.Placed, start.Add(72*time.Hour))
	placed.Order.Items = []event.Item{{Product: "p-123", Category: "toys", Brand: "acme", Quantity: 1, Price: 29.95}, {Product: "p-9", Quantity: 1, Price: 29.95}}
	list := []event.Event{{Topic: event.Touches, Touch: &event.Touch{Order: order, Visitor: "v-1", Session: uint64(n), Start: start,
		Source: "web", Channel: "search", Referrer: "google.com", Landing: "/p/1", Device: "mobile", Ordered: at}},
		placed, o(event.Paid, 0), d(event.Packed), d(event.HandedOver), d(event.InTransit), d(event.OutForDelivery), d(event.Delivered)}
	return append(list, event.Event{Topic: event.Reviews, Review: &event.Review{Header: h(event.Posted), Review: "r-1", Order: order, Rating: 4,
		Title: "Good", Text: "Came quickly, works as described, the box was a bit dented though.", Language: "en", Customer: "c-4711",
		Subjects: []event.Subject{{Kind: event.SubjectProduct, ID: "p-123"}}}},
		event.Event{Topic: event.Reviews, Review: &event.Review{Header: h(event.Answered), Review: "r-1", Order: order}})
}

// BenchmarkEvent applies and settles the events of one order after the other, each in an epoch of its own.
func BenchmarkEvent(b *testing.B) {
	m, err := journey.New(journey.Default)
	if err != nil {
		b.Fatal(err)
	}
	var events []event.Event
	for n := range 1000 {
		events = append(events, life(n)...)
	}
	each := len(events) / 1000
	var out flow.Output
	var state []byte
	bytes, full := 0, 0
	b.ReportAllocs()
	before := cpu(b)
	for i := 0; b.Loop(); i++ {
		if i%each == 0 {
			bytes += len(state)
			full++
			state = state[:0]
			out.Reset()
		}
		next, status := m.Apply(state, &events[i%len(events)], flow.At{Revision: flow.Revision(1, int64(i)), Clock: start}, &out)
		if status != table.Accepted {
			b.Fatal(status)
		}
		next, _ = m.Settle(next, false, &out)
		state = append(state[:0], next...)
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(bytes)/float64(max(full-1, 1)), "B/state")
}

// cpu is the processor time that the process has used: unlike the clock on the wall, it does not count the neighbours'.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
